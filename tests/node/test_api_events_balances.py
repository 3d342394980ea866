"""Balances with proof on a socket that signed once: to whom they are told, and in turn."""

import asyncio
import json
from pathlib import Path

import pytest

from ledger.objects import Account
from ledger.power_fields import ACCOUNT_BLOCK, block_fields
from node.api.events import Events, Subscriber
from tests.node.api_town import ApiTown, address_of, play
from tests.node.event_sockets import authorize, next_of
from tests.node.town import until


def test_who_signed_once_asks_for_balances_with_proofs(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        town = served.town
        payer, payee, other = await town.people(3, 500)
        ask = {
            one: json.dumps({"type": "account", "address": address_of(one)})
            for one in (payer, payee, other)
        }
        async with served.socket() as socket:
            await socket.send_str(ask[payee])  # nothing was signed yet
            assert (await next_of(socket, "refused"))["code"] == "request_unauthorized"
            for one in (payer, payee):
                await socket.send_str(authorize(served, one))
                await next_of(socket, "authorized")
            (paid,) = await town.settle(0, [town.pay(payer, payee, 30)])
            height: object = 0
            while height != (served.node.transaction_status(paid.id).height or 0) + 1:
                # A header proves how things stood before its own block.
                height = (await next_of(socket, "header"))["height"]
            balances = {}
            for one in (payer, payee):
                await socket.send_str(ask[one])
                told = await next_of(socket, "account")
                assert told["address"] == address_of(one)
                height = told["header_height"]
                assert isinstance(height, int)
                found = served.node.account_with_proof(one.id, height)
                assert found is not None and found.raw is not None
                assert (told["object"], told["proof"]) == (found.raw.hex(), found.proof.hex())
                balances[one] = Account.decode(found.raw).balance_minor
            assert (balances[payer], balances[payee]) == (470, 530)
            for text, code in (
                (ask[other], "request_unauthorized"),
                ('{"type": "account", "address": "x"}', "address_malformed"),
                ('{"type": "account"}', "request_malformed"),
                ('{"type": ["account"], "address": "x"}', "request_malformed"),
            ):
                await socket.send_str(text)
                assert (await next_of(socket, "refused"))["code"] == code

    play(tmp_path, scenario)


def test_a_lost_phones_open_socket_tells_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even when no block touched the account since: the answer itself looks at its keys."""
    monkeypatch.setattr(Events, "_account_frames", lambda *_: ())

    async def scenario(served: ApiTown) -> None:
        town = served.town
        lost, other = await town.people(2, 500)
        ask = {
            one: json.dumps({"type": "account", "address": address_of(one)})
            for one in (lost, other)
        }
        async with served.socket() as socket:
            for one in (lost, other):
                await socket.send_str(authorize(served, one))
                await next_of(socket, "authorized")
            blocked = block_fields(lost.id, lost.key.public_key)
            await town.must_settle(0, [town.sign(ACCOUNT_BLOCK, lost.id, lost.key, blocked)])
            await until(
                lambda: not served.api.events._entitlements.is_on(lost.id, lost.key.public_key)
            )
            await socket.send_str(ask[lost])
            assert (await next_of(socket, "refused"))["code"] == "request_unauthorized"
            await socket.send_str(ask[other])
            await next_of(socket, "account")

    play(tmp_path, scenario)


def test_everybody_has_a_turn_between_two_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One client's questions come in one piece; what else the node has to do goes on between."""
    turns, turns_seen = 0, []
    answer = Events._account

    def noting(events: Events, subscriber: Subscriber, address: str) -> str:
        turns_seen.append(turns)
        return answer(events, subscriber, address)

    monkeypatch.setattr(Events, "_account", noting)

    async def scenario(served: ApiTown) -> None:
        (person,) = await served.town.people(1, 500)
        stop = asyncio.Event()

        async def count() -> None:
            nonlocal turns
            while not stop.is_set():
                turns += 1
                await asyncio.sleep(0)

        async with served.socket() as socket:
            await socket.send_str(authorize(served, person))
            await next_of(socket, "authorized")
            counting = asyncio.create_task(count())
            question = json.dumps({"type": "account", "address": address_of(person)})
            for _ in range(100):
                await socket.send_str(question)
            for _ in range(100):
                await next_of(socket, "account")
            stop.set()
            await counting
        assert len(turns_seen) == len(set(turns_seen)) == 100

    play(tmp_path, scenario)
