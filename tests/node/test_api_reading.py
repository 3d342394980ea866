"""Reading is not public: who may read what, and what everybody else is told."""

import json
import stat
import time
from pathlib import Path

import pytest

from ledger.key_changes import AddKey
from ledger.power_fields import ACCOUNT_BLOCK, ACCOUNT_KEYS, block_fields, keys_fields
from ledger.power_objects import RequestRecord
from ledger.proofs import AbsenceProof, ReceiptProof, StateProof
from ledger.roles import ROLES_OPENED
from node.api.rates import KeyRates
from node.api.signed_requests import STALE_MS, RequestVerifier
from primitives.addresses import format_address
from primitives.errors import Refused
from primitives.hashing import hash_bytes
from tests.node.api_town import ApiTown, Reply, address_of, play
from tests.node.town import Person, key_of
from wallet.request_signing import authorization

NETWORK = bytes(range(32))
DUE_AHEAD_MS = 3 * 86_400_000


def told(reply: Reply) -> tuple[int, bytes, dict[str, str]]:
    """All of an answer that a stranger sees, without the time."""
    return reply.status, reply.body, {k: v for k, v in reply.headers.items() if k != "Date"}


def test_an_owner_reads_with_proofs(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        town = served.town
        payer, payee = await town.people(2, 500)
        (paid,) = await town.settle(0, [town.pay(payer, payee, 30)])
        await town.must_settle(0, [town.pay(payer, payee, 1)])
        path = f"/v1/accounts/{address_of(payer)}"
        content = (await served.read(payer.key, path)).json
        StateProof.decode(bytes.fromhex(str(content["proof"])))
        again = (await served.read(payer.key, f"{path}?height={content['header_height']}")).json
        assert again == content
        assert (await served.read(payer.key, f"{path}?height=0")).code == "version_not_kept"
        assert (await served.read(payer.key, f"{path}?height=x")).code == "request_malformed"
        for reader in (payer, payee):
            status = (await served.read(reader.key, f"/v1/transactions/{paid.id.hex()}")).json
            assert status["status"] == "final"
            ReceiptProof.decode(bytes.fromhex(str(status["receipt"])))
        lane = f"/v1/lanes/{address_of(payer)}/{payer.key.public_key.hex()}"
        used = (await served.read(payer.key, f"{lane}/1")).json
        assert used["status"] == "final" and used["id"] == paid.id.hex()
        assert (await served.read(payer.key, f"{lane}/9")).json["status"] == "free"
        assert (await served.read(payer.key, f"{lane}/x")).code == "request_malformed"
        short = f"/v1/lanes/{address_of(payer)}/abcd/1"
        assert (await served.read(payer.key, short)).code == "request_malformed"

    play(tmp_path, scenario)


def test_history_pages_and_names_nobody_else(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        town = served.town
        payer, payee = await town.people(2, 500)
        await town.must_settle(0, [town.pay(payer, payee, amount) for amount in (1, 2, 3)])
        path = f"/v1/accounts/{address_of(payer)}/history"
        whole = (await served.read(payer.key, path)).json["items"]
        assert isinstance(whole, list)
        assert [one["amount_minor"] for one in whole] == [-3, -2, -1, 500, 0]
        assert whole[0]["counterparty"] == address_of(payee)
        by_kind = {one["kind"]: one["raw"] for one in whole}
        assert by_kind["account.open"] == "" and by_kind["reserve.issue"] == ""
        assert hash_bytes("tx", bytes.fromhex(by_kind["payment.pay"])).hex() == whole[2]["id"]
        pages: list[object] = []
        query = "?limit=2"
        while True:
            page = (await served.read(payer.key, path + query)).json
            assert isinstance(page["items"], list) and len(page["items"]) <= 2
            pages += page["items"]
            if page["next"] is None:
                break
            query = f"?limit=2&before={page['next']}"
        assert pages == whole
        staff = key_of("town0 staff")
        staff_id = town.genesis.territories[0].account_id
        office = f"/v1/accounts/{format_address('town0', staff_id)}/history"
        opened = (await served.read(staff, office)).json["items"]
        assert isinstance(opened, list) and opened[-1]["raw"]

    play(tmp_path, scenario)


def test_not_entitled_and_not_there_are_the_same(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        town = served.town
        payer, payee, other = await town.people(3, 500)
        (paid,) = await town.settle(0, [town.pay(payer, payee, 30)])
        nobody = Person("town0", "nobody")
        stranger = Person("town0", "stranger").key
        device = payer.key.public_key.hex()
        for theirs, absent in (
            (f"/v1/transactions/{paid.id.hex()}", f"/v1/transactions/{'ab' * 32}"),
            (f"/v1/accounts/{address_of(payer)}", f"/v1/accounts/{address_of(nobody)}"),
            (
                f"/v1/accounts/{address_of(payer)}/history",
                f"/v1/accounts/{address_of(nobody)}/history",
            ),
            (
                f"/v1/lanes/{address_of(payer)}/{device}/1",
                f"/v1/lanes/{address_of(nobody)}/{device}/1",
            ),
        ):
            for key in (other.key, stranger, key_of("town0 issuer"), key_of("town0 staff")):
                refused = await served.read(key, theirs)
                assert refused.status == 404
                assert told(refused) == told(await served.read(key, absent)), theirs
            for key in (other.key, stranger):
                refused = await served.read(key, theirs, "curiosity")
                assert told(refused) == told(await served.read(key, absent, "curiosity"))
        as_other_prefix = format_address("town1", payer.id)
        assert (await served.read(payer.key, f"/v1/accounts/{as_other_prefix}")).status == 404
        assert (await served.read(payer.key, "/v1/accounts/abc")).code == "address_malformed"
        assert (await served.read(payer.key, "/v1/transactions/xyz")).code == "not_found"

    play(tmp_path, scenario)


def test_absence_is_proved_to_whose_account_it_would_be(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        await served.town.people(1, 500)
        nobody = Person("town0", "nobody")
        content = (await served.read(nobody.key, f"/v1/accounts/{address_of(nobody)}")).json
        assert content["object"] is None
        AbsenceProof.decode(bytes.fromhex(str(content["proof"])))

    play(tmp_path, scenario)


def test_staff_read_with_a_reason_that_is_kept(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        town = served.town
        payer, payee = await town.people(2, 500)
        (paid,) = await town.settle(0, [town.pay(payer, payee, 30)])
        staff = key_of("town0 staff")
        path = f"/v1/accounts/{address_of(payer)}"
        assert (await served.read(staff, path)).status == 404
        assert (await served.read(staff, path, "r" * 201)).code == "request_malformed"
        assert (await served.read(staff, path, "appel du titulaire")).status == 200
        transaction = f"/v1/transactions/{paid.id.hex()}"
        assert (await served.read(staff, transaction, "réclamation")).status == 200
        file = served.audit_folder / "reads.jsonl"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        assert [line["reason"] for line in lines] == ["appel du titulaire", "réclamation"]
        assert lines[0]["account"] == payer.id.hex() and lines[1]["transaction"] == paid.id.hex()
        assert {line["key"] for line in lines} == {staff.public_key.hex()}

    play(tmp_path, scenario)


def test_unsigned_stale_replayed_and_foreign_requests(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        payer, payee = await served.town.people(2, 500)
        path = f"/v1/accounts/{address_of(payer)}"
        now = time.time_ns() // 1_000_000
        fresh = served.signed(payer.key, path)
        assert (await served.ask("GET", path, fresh)).status == 200
        header = fresh["Authorization"]
        cases = [
            ({}, "request_unauthorized"),
            ({"Authorization": "Bearer abc"}, "request_unauthorized"),
            ({"Authorization": header.upper()}, "request_unauthorized"),
            ({"Authorization": header + "x" * 500}, "request_unauthorized"),
            (fresh, "request_replayed"),
            (served.signed(payer.key, path, time_ms=now - STALE_MS - 500), "request_stale"),
            (served.signed(payer.key, path, time_ms=now + STALE_MS + 5_000), "request_stale"),
            (served.signed(payer.key, path, network_id=bytes(32)), "request_unauthorized"),
            (served.signed(payer.key, f"{path}?height=1"), "request_unauthorized"),
            (served.signed(payer.key, path.upper()), "request_unauthorized"),
        ]
        for headers, code in cases:
            reply = await served.ask("GET", path, headers)
            assert (reply.status, reply.code) == (401, code), headers
            assert reply.headers["WWW-Authenticate"] == "Democite"
        refused = served.signed(payee.key, path)
        assert (await served.ask("GET", path, refused)).status == 404
        assert (await served.ask("GET", path, refused)).code == "request_replayed"
        with_body = await served.ask("GET", path, served.signed(payer.key, path), b"x")
        assert with_body.code == "request_malformed"

    play(tmp_path, scenario)


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000_000

    def __call__(self) -> int:
        return self.now_ms


def header_of(clock: Clock, name: str, nonce: int) -> str:
    """A signed header by the key of that name."""
    return authorization(
        key_of(name), NETWORK, "GET", "/", b"", time_ms=clock(), nonce=nonce.to_bytes(16, "big")
    )


def test_strangers_cannot_crowd_out_those_who_may_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.api.signed_requests.NONCES_MAX", 2)
    monkeypatch.setattr("node.api.signed_requests.NONCES_OF_STRANGERS_MAX", 2)
    clock = Clock()
    verifier = RequestVerifier(NETWORK, clock)
    for nonce in range(5):
        stranger = header_of(clock, f"stranger {nonce}", nonce)
        verifier.grant_signed(stranger, "GET", "/", lambda key: False)
    first, second, third = (header_of(clock, "owner", nonce) for nonce in (11, 12, 13))
    for header in (first, second):
        verifier.grant_signed(header, "GET", "/", lambda key: True)
    with pytest.raises(Refused, match="request_replayed"):
        verifier.grant_signed(first, "GET", "/", lambda key: True)
    with pytest.raises(Refused, match="node_busy"):
        verifier.grant_signed(third, "GET", "/", lambda key: True)
    clock.now_ms += 2 * STALE_MS + 2
    later = header_of(clock, "owner", 14)
    assert verifier.grant_signed(later, "GET", "/", lambda key: True) == key_of("owner").public_key


def test_a_nonce_is_kept_as_long_as_its_request_is_fresh() -> None:
    clock = Clock()
    verifier = RequestVerifier(NETWORK, clock)
    clock.now_ms += STALE_MS
    ahead = header_of(clock, "owner", 1)
    clock.now_ms -= STALE_MS
    verifier.grant_signed(ahead, "GET", "/", lambda key: True)
    for moment in (0, STALE_MS, STALE_MS):
        clock.now_ms += moment
        with pytest.raises(Refused, match="request_replayed"):
            verifier.grant_signed(ahead, "GET", "/", lambda key: True)
    clock.now_ms += 1
    with pytest.raises(Refused, match="request_stale"):
        verifier.grant_signed(ahead, "GET", "/", lambda key: True)


def test_one_key_cannot_ask_without_end() -> None:
    clock = Clock()
    rates = KeyRates(clock)
    for _ in range(1_000):
        rates.take(b"one")
    with pytest.raises(Refused, match="node_busy"):
        rates.take(b"one")
    rates.take(b"other")
    clock.now_ms += 1_000
    for _ in range(50):
        rates.take(b"one")
    with pytest.raises(Refused, match="node_busy"):
        rates.take(b"one")
    clock.now_ms -= 1_000_000
    with pytest.raises(Refused, match="node_busy"):
        rates.take(b"one")


def test_a_sender_learns_why_an_accepted_transaction_was_refused(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        town = served.town
        payer, payee = await town.people(2, 500)
        raws = [town.pay(payer, payee, 400), town.pay(payer, payee, 400)]
        # In one turn of the loop: each alone is covered.
        taken = await served.node.submit_many(raws)
        assert [one.state for one in taken] == ["accepted", "accepted"]
        states = []
        for one in taken:
            state = (await served.node.wait_final(one.id, 5_000)).state
            states.append(state)
            path = f"/v1/transactions/{one.id.hex()}"
            content = (await served.read(payer.key, path)).json
            assert content["status"] == state
            if state == "refused":
                assert content["code"] == "balance_insufficient"
                assert (await served.read(payee.key, path)).code == "not_found"
        assert sorted(states) == ["final", "refused"]

    play(tmp_path, scenario)


def test_a_key_that_asks_too_often_fills_nobodys_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.api.signed_requests.NONCES_MAX", 4)
    monkeypatch.setattr("node.api.rates.BURST_REQUESTS", 2)
    clock = Clock()
    verifier = RequestVerifier(NETWORK, clock)
    for nonce in range(2):
        verifier.grant_signed(header_of(clock, "busy", nonce), "GET", "/", lambda key: True)
    for nonce in range(2, 20):
        with pytest.raises(Refused, match="node_busy"):
            verifier.grant_signed(header_of(clock, "busy", nonce), "GET", "/", lambda key: True)
    verifier.grant_signed(header_of(clock, "owner", 50), "GET", "/", lambda key: True)
    with pytest.raises(Refused, match="request_replayed"):
        verifier.grant_signed(header_of(clock, "busy", 19), "GET", "/", lambda key: True)


def test_a_key_that_another_of_the_accounts_blocked_reads_nothing(tmp_path: Path) -> None:
    async def scenario(served: ApiTown) -> None:
        town = served.town
        (owner,) = await town.people(1, 500)
        path = f"/v1/accounts/{address_of(owner)}"
        assert (await served.read(owner.key, f"{path}/requests")).json == {"items": []}
        own = owner.key.public_key
        changes = [AddKey(key_of("tablet").public_key, ROLES_OPENED, None)]
        due_ms = time.time_ns() // 1_000_000 + DUE_AHEAD_MS
        fields = keys_fields(owner.id, 0, changes, due_ms)
        await town.must_settle(0, [town.sign(ACCOUNT_KEYS, owner.id, owner.key, fields)])
        items: object = []
        while not items:
            items = (await served.read(owner.key, f"{path}/requests")).json["items"]
        assert isinstance(items, list) and len(items) == 1
        record = RequestRecord.decode(bytes.fromhex(items[0]["object"]))
        assert (record.maker, record.changes) == (own, tuple(changes))
        StateProof.decode(bytes.fromhex(items[0]["proof"]))
        blocked = block_fields(owner.id, own)
        await town.must_settle(0, [town.sign(ACCOUNT_BLOCK, owner.id, owner.key, blocked)])
        stranger = await served.read(key_of("stranger"), path)
        for read in (path, f"{path}/requests", f"{path}/history"):
            assert told(await served.read(owner.key, read)) == told(stranger)

    play(tmp_path, scenario)
