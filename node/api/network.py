"""`GET`: the network as it is and as it may become: members, epochs, voted terms, proposals."""

import json
import re

from aiohttp import web

from consensus.cometbft.certified import write_set_changes
from ledger.changes import (
    AddMember,
    Change,
    ChangeParameter,
    ChangeRules,
    PauseMember,
    RemoveMember,
    ReplaceKeys,
    ResumeMember,
)
from ledger.genesis import Genesis
from ledger.rules import PARAMETER_NAMES
from node.api import models
from node.api.reads import MSGPACK, answer, decimal, proof_model
from node.clock import now_ms
from node.epoch_book import start_of
from node.epochs import Epoch, EpochRecord
from node.territory import TerritoryNode
from primitives.addresses import is_prefix
from primitives.encoding import Value, encode
from primitives.errors import Refused

EPOCHS_AT_ONCE = 64
EPOCHS_ANSWER_BYTES = 4 << 20
"""Wallets read twice as much: of large sets fewer epochs go into one answer, never none."""
_PROPOSAL = re.compile(r"[0-9a-f]{32}")


class NetworkReads:
    """Handlers over one node."""

    def __init__(self, node: TerritoryNode, genesis: Genesis, engine: str) -> None:
        self._node = node
        self._genesis = genesis
        self._engine = engine
        self._genesis_content = json.loads(genesis.to_json())

    async def network(self, request: web.Request) -> web.Response:
        """The network in force, and its genesis."""
        epoch = self._current()
        members = [
            models.NetworkMember(
                prefix=each.prefix,
                name=self._name_of(each.prefix),
                peer=each.peer,
                http=each.http,
                paused=each.paused,
            )
            for each in epoch.terms.members
        ]
        return answer(
            models.Network(
                network_id=self._genesis.network_id.hex(),
                engine=self._engine,
                demo=self._genesis.demo,
                epoch=epoch.number,
                epoch_ends_ms=epoch.ends_ms,
                rule_version=epoch.terms.rule_version,
                members=members,
                time_ms=now_ms(),
                genesis=self._genesis_content,
            )
        )

    def _current(self) -> Epoch:
        epoch = self._node.epoch(self._node.status().epoch)
        if epoch is None:
            raise Refused("not_found")
        return epoch

    def _name_of(self, prefix: str) -> str:
        territory = self._node.member_territory(prefix)
        return prefix if territory is None else territory.name

    async def epoch(self, request: web.Request) -> web.Response:
        """How an epoch began, and who votes in it."""
        epoch = self._node.epoch(decimal(request.match_info["epoch"], "epoch"))
        if epoch is None:
            raise Refused("not_found")
        record = epoch.record
        parameters = epoch.terms.parameters
        return answer(
            models.Epoch(
                epoch=epoch.number,
                boundary=None if record is None else record.boundary.encode().hex(),
                headers=[] if record is None else [one.encode().hex() for one in record.closing],
                certificate=_certificate(record),
                set_hash=epoch.members.hash().hex(),
                members=[
                    models.Member(
                        prefix=member.prefix,
                        voting_key=member.voting_key.hex(),
                        recovery_key=member.recovery_key.hex(),
                    )
                    for member in epoch.members.members
                ],
                rule_version=epoch.terms.rule_version,
                parameters={name: getattr(parameters, name) for name in PARAMETER_NAMES},
            )
        )

    async def epochs(self, request: web.Request) -> web.Response:
        """Boundaries in a row, for who follows them."""
        first = decimal(request.query.get("from", "1"), "from")
        rows: list[Value] = []
        size = 0
        before = self._node.epoch(first - 1) if first else None
        for number in range(max(first, 1), first + EPOCHS_AT_ONCE):
            epoch = self._node.epoch(number)
            if epoch is None or epoch.record is None or epoch.record.certificate is None:
                break
            rows.append(start_of(epoch, before).value())
            before = epoch
            size += len(encode(rows[-1]))
            if size > EPOCHS_ANSWER_BYTES:
                break
        response = web.Response(body=encode(tuple(rows)), content_type=MSGPACK)
        response.headers["Cache-Control"] = "no-store"
        return response

    async def sets(self, request: web.Request) -> web.Response:
        """Changes of the validator set in a row, for who follows them. Raises
        `Refused("not_found")` under the built-in engine, but for a successor."""
        above = decimal(request.query.get("above", "0"), "above")
        changes = self._node.set_changes(above)
        response = web.Response(body=write_set_changes(changes), content_type=MSGPACK)
        response.headers["Cache-Control"] = "no-store"
        return response

    async def epoch_proofs(self, request: web.Request) -> web.Response:
        """What proves how epochs began, in a row, for who joins. Raises `Refused("not_found")`
        under the built-in engine."""
        first = decimal(request.query.get("from", "1"), "from")
        response = web.Response(body=self._node.epoch_proofs(first), content_type=MSGPACK)
        response.headers["Cache-Control"] = "no-store"
        return response

    async def snapshots(self, request: web.Request) -> web.Response:
        """Which snapshots CometBFT passes on from here. Raises `Refused("not_found")` under the
        built-in engine."""
        return answer(models.Snapshots(heights=self._node.snapshot_heights()))

    async def terms(self, request: web.Request) -> web.Response:
        """The terms voted last, with their proof."""
        return answer(proof_model(self._node.network_with_proof()))

    async def territory(self, request: web.Request) -> web.Response:
        """The card of a territory that joined after the genesis: the proposal that carries it."""
        prefix = request.match_info["prefix"]
        if not is_prefix(prefix):
            raise Refused("not_found")
        return answer(proof_model(self._node.card_with_proof(prefix)))

    async def proposals(self, request: web.Request) -> web.Response:
        """Proposals that are open, and those decided last."""
        items = [
            models.Proposal(
                id=one.id.hex(),
                proposer=one.proposer,
                change=change_json(one.change),
                until_ms=one.until_ms,
                yes=list(one.yes),
                no=list(one.no),
                decided=one.decided,
            )
            for one in self._node.proposals()
        ]
        return answer(models.Proposals(items=items))

    async def proposal(self, request: web.Request) -> web.Response:
        """A proposal, with its proof."""
        word = request.match_info["proposal"]
        if not _PROPOSAL.fullmatch(word):
            raise Refused("not_found")
        return answer(proof_model(self._node.proposal_with_proof(bytes.fromhex(word))))


def _certificate(record: EpochRecord | None) -> str | None:
    """What makes a boundary final; under CometBFT that is in its own header."""
    if record is None or record.certificate is None:
        return None
    return record.certificate.encode().hex()


def change_json(change: Change) -> dict[str, object]:
    """A change in words that programs read."""
    match change:
        case AddMember(territory):
            return {
                "kind": "add",
                "prefix": territory.prefix,
                "name": territory.name,
                "voting_key": territory.voting_key.hex(),
                "peer": territory.peer,
                "http": territory.http,
                "currencies": [currency.code for currency in territory.currencies],
            }
        case RemoveMember(prefix):
            return {"kind": "remove", "prefix": prefix}
        case PauseMember(prefix):
            return {"kind": "pause", "prefix": prefix}
        case ResumeMember(prefix):
            return {"kind": "resume", "prefix": prefix}
        case ReplaceKeys(prefix, voting, _, recovery, cometbft):
            keys = {"voting_key": voting, "recovery_key": recovery, "cometbft_key": cometbft}
            found = {name: key.hex() for name, key in keys.items() if key is not None}
            return {"kind": "keys", "prefix": prefix, **found}
        case ChangeParameter(name, figure):
            return {"kind": "parameter", "name": name, "figure": figure}
        case ChangeRules(version):
            return {"kind": "rules", "version": version}
