"""What a town hall does as a member of its network: it proposes, votes, says where its node is."""

import json
import secrets
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from clients.office.proposals import change_words, check_known, check_sensible, proved_proposal
from clients.office.signers import Signers, open_signers
from consensus.header import Header
from ledger import account_kinds
from ledger.changes import Change, ReplaceKeys
from ledger.fields import NETWORK_MOVE, NETWORK_PROPOSE, NETWORK_VOTE
from ledger.founders import Territory, territory_from_json
from ledger.network import move_fields, propose_fields, vote_fields
from ledger.network_objects import NetworkMember
from ledger.shapes import PROPOSAL_BYTES
from primitives.encoding import Value, encode
from primitives.errors import Refused
from primitives.signatures import is_registrable, signed_message, verify
from terminal.languages import text
from terminal.results import Result
from wallet.asking import ask_to_sign
from wallet.desk import Desk
from wallet.following import terms_now
from wallet.light.bundles import COMETBFT, bundle_from_json
from wallet.light.trust import TrustedNetwork, header_of
from wallet.node_client import NodeClient
from wallet.node_urls import node_urls_of
from wallet.outbox_entry import intent_hash
from wallet.payment_actions import outcome_result, tell_news
from wallet.payments import OFFICE_VALID_MS, Intent

CARD_BYTES_MAX = 65_536
NO_NETWORK = bytes(32)

Private = dict[str, str | int]


@dataclass(frozen=True)
class ProposeIntent:
    """Propose a change of the network."""

    change: Change
    proposal: bytes
    kind: str = NETWORK_PROPOSE
    valid_for_ms: int = OFFICE_VALID_MS

    def key(self) -> str:
        """See `Intent`."""
        return intent_hash(self.kind, encode(self.change.value()))

    def body_fields(self) -> tuple[Sequence[Value], Private]:
        """See `Intent`."""
        return propose_fields(self.proposal, self.change), {"reference": self.proposal.hex()}


@dataclass(frozen=True)
class VoteIntent:
    """Vote on a proposal."""

    proposal: bytes
    approve: bool
    kind: str = NETWORK_VOTE
    valid_for_ms: int = OFFICE_VALID_MS

    def key(self) -> str:
        """See `Intent`."""
        return intent_hash(self.kind, self.proposal, int(self.approve))

    def body_fields(self) -> tuple[Sequence[Value], Private]:
        """See `Intent`."""
        return vote_fields(self.proposal, self.approve), {"reference": self.proposal.hex()}


@dataclass(frozen=True)
class MoveIntent:
    """Say where the territory's node is reached from now on."""

    peer: str
    http: str
    kind: str = NETWORK_MOVE
    valid_for_ms: int = OFFICE_VALID_MS

    def key(self) -> str:
        """See `Intent`."""
        return intent_hash(self.kind, self.peer, self.http)

    def body_fields(self) -> tuple[Sequence[Value], Private]:
        """See `Intent`."""
        return move_fields(self.peer, self.http), {"reference": self.peer}


@dataclass(frozen=True)
class Acting:
    """Who acts, and where. `card` is the acting territory's own, for when no node that is reached
    can show that it joined."""

    network: TrustedNetwork
    urls: tuple[str, ...]
    keystores: list[Path]
    passphrase_files: list[Path] | None
    card: Path | None = None

    async def signers(self) -> Signers:
        """The territory's staff whose keys are at hand. Raises as `open_signers`."""
        more = [] if self.card is None else [read_card(self.card)]
        kind = account_kinds.TERRITORY
        return await open_signers(
            self.network, self.urls, self.keystores, self.passphrase_files, kind, more
        )


def read_card(file: Path) -> Territory:
    """A territory's card, checked. Raises `Refused`: `card_malformed`, `signature_invalid`."""
    with file.open("rb") as stream:
        raw = stream.read(CARD_BYTES_MAX + 1)
    try:
        content = json.loads(raw.decode("utf-8-sig")) if len(raw) <= CARD_BYTES_MAX else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or content.get("kind") != "card":
        raise Refused("card_malformed", "this is not a card", file=str(file))
    try:
        territory = territory_from_json(content)
    except Refused as refusal:
        raise Refused("card_malformed", str(refusal), file=str(file)) from None
    said = encode(("card", 1, content.get("demo") is True, territory.value()))
    try:
        signature = bytes.fromhex(str(content.get("signature")))
    except ValueError:
        signature = b""
    if not verify(territory.voting_key, signed_message("card", NO_NETWORK, said), signature):
        raise Refused("signature_invalid", "this card was altered", file=str(file))
    return territory


def new_keys(territory: Territory, member: NetworkMember, *, recovery: bool) -> ReplaceKeys:
    """The change that gives a member the voting keys of a card that it does not have yet, and
    perhaps the recovery key.

    Raises `Refused("change_without_effect")` where it has them all.
    """
    has_new_voting = territory.voting_key != member.voting_key
    cometbft = territory.cometbft_key
    change = ReplaceKeys(
        territory.prefix,
        territory.voting_key if has_new_voting else None,
        territory.authority_der if has_new_voting else None,
        territory.recovery_key if recovery else None,
        cometbft if cometbft != member.cometbft_key else None,
    )
    if change == ReplaceKeys(territory.prefix):
        raise Refused("change_without_effect", f"{territory.prefix} has these keys already")
    return change


async def propose_keys(acting: Acting, territory: Territory, *, recovery: bool) -> Result:
    """Propose what of a member's card is another than what the network has of it.

    Raises `Refused`: `member_unknown`, and as `new_keys` and `propose`.
    """
    urls = acting.urls or node_urls_of(acting.network, territory.prefix)
    terms = await terms_now(acting.network, urls)
    member = terms.member(territory.prefix)
    if member is None:
        raise Refused("member_unknown", territory.prefix)
    return await propose(acting, new_keys(territory, member, recovery=recovery))


def new_recovery(prefix: str, public_key: str) -> ReplaceKeys:
    """A change of a member's recovery key alone. Raises `Refused("key_invalid")`."""
    try:
        key = bytes.fromhex(public_key.strip())
    except ValueError:
        key = b""
    if not is_registrable(key):
        raise Refused("key_invalid", public_key[:64])
    return ReplaceKeys(prefix, None, None, key, None)


async def propose(acting: Acting, change: Change) -> Result:
    """Propose a change; proposing is a yes.

    Raises `Refused`: `rule_version_unknown`, and what `check_sensible` raises.
    """
    check_known(change)
    check_sensible(change)
    intent = ProposeIntent(change, secrets.token_bytes(PROPOSAL_BYTES))
    result, reference = await _perform(acting, intent)
    told = text(
        f"Proposition {reference}. Les autres territoires votent : "
        f"democite network vote {reference} yes",
        f"Proposal {reference}. The other territories vote: democite network vote {reference} yes",
    )
    return Result({**result.data, "proposal": reference}, f"{told}\n{result.text}")


async def vote(acting: Acting, proposal: str, *, approve: bool, yes: bool = False) -> Result:
    """Vote on a proposal, once it is proved and shown what it says: a vote can't be taken back. Who
    sits at a terminal is asked, unless `yes`.

    Raises `Refused`: `proposal_unknown`, `rule_version_unknown`, what `proved_proposal` raises;
    `CommandError("interrupted")` for a no.
    """
    try:
        identity = bytes.fromhex(proposal)
    except ValueError:
        identity = b""
    if len(identity) != PROPOSAL_BYTES:
        raise Refused("proposal_unknown", proposal[:40])
    change = ""

    async def look(desk: Desk) -> None:
        nonlocal change
        record = await proved_proposal(desk.reader, identity)
        if approve:
            check_known(record.change)
        change = change_words(record.change)
        ask_to_sign(f"{said}: {change}", yes=yes or not sys.stdin.isatty())

    said = text("oui", "yes") if approve else text("non", "no")
    result, _ = await _perform(acting, VoteIntent(identity, approve), look)
    told = text(f"Vote enregistré : {said} à :", f"Vote recorded: {said} to:")
    data = {**result.data, "proposal": proposal, "change": change}
    return Result(data, f"{told} {change}\n{result.text}")


async def move(acting: Acting, peer: str, http: str) -> Result:
    """Say where the node is reached; no vote is needed."""
    result, _ = await _perform(acting, MoveIntent(peer, http))
    told = text(f"Votre nœud est à {peer}, {http}.", f"Your node is at {peer}, {http}.")
    return Result({**result.data, "peer": peer, "http": http}, f"{told}\n{result.text}")


async def _perform(
    acting: Acting, intent: Intent, look: Callable[[Desk], Awaitable[None]] | None = None
) -> tuple[Result, str]:
    """The result, and the reference that the signed transaction has: a retry keeps the first's.
    `look` comes before anything is signed."""
    signers = await acting.signers()
    urls = acting.urls or node_urls_of(acting.network, signers.account.prefix)
    async with Desk(acting.network, signers.owner, urls, folder=signers.state_folder) as desk:
        await tell_news(desk)
        if look is not None:
            await look(desk)
        entry = await desk.perform(
            intent, wait=True, idempotency_key="", cosigners=signers.cosigners
        )
        return outcome_result(desk, entry), str(entry.private.get("reference", ""))


async def status(network: TrustedNetwork | None, urls: tuple[str, ...]) -> Result:
    """The network as one node says it is: epoch, members, proposals."""
    identity = bytes(32) if network is None else network.network_id
    async with NodeClient(urls, identity) as client:
        about = await client.get("/v1/network")
        listed = await client.get("/v1/proposals")
        by_height = about.get("engine") == COMETBFT
        path = "/v1/headers/latest" if by_height else f"/v1/epochs/{about.get('epoch')}"
        began = await client.get(path)
    if network is not None and about.get("network_id") != network.network_id.hex():
        raise Refused("node_of_other_network", ", ".join(urls))
    members, proposals = _rows(about, "members"), _rows(listed, "items")
    data: dict[str, object] = {
        name: about.get(name) for name in ("network_id", "epoch", "epoch_ends_ms", "rule_version")
    }
    if by_height:
        # CometBFT's headers name no epoch: any final header is one to hold a network against.
        newest = header_of(bundle_from_json(began))
        checkpoint: str | None = f"{newest.height}:{newest.digest.hex()}"
    else:
        checkpoint = _checkpoint(about.get("epoch"), began.get("boundary"))
    data |= {"checkpoint": checkpoint, "members": members, "proposals": proposals}
    ends = _date(about.get("epoch_ends_ms"))
    lines = [
        text(
            f"Époque {about.get('epoch')}, jusqu'au {ends} au plus tard ; règles "
            f"{about.get('rule_version')}",
            f"Epoch {about.get('epoch')}, until {ends} at the latest; rules "
            f"{about.get('rule_version')}",
        )
    ]
    if checkpoint is not None:
        lines.append(text(f"Point de contrôle : {checkpoint}", f"Checkpoint: {checkpoint}"))
    for each in members:
        paused = text("  (en pause)", "  (paused)") if each.get("paused") else ""
        lines.append(f"  {each.get('prefix')}  {each.get('name')}  {each.get('peer')}{paused}")
    lines += [line for one in proposals for line in _proposal_lines(one)]
    if not proposals:
        lines.append(text("Aucune proposition.", "No proposal."))
    return Result(data, "\n".join(lines))


def _checkpoint(epoch: object, boundary: object) -> str | None:
    """`EPOCH:DIGEST`, for who was away long; None in a network's first epoch."""
    if boundary is None:
        return None
    try:
        header = Header.decode(bytes.fromhex(str(boundary)))
    except (ValueError, Refused):
        raise Refused("node_answer_malformed", field="boundary") from None
    return f"{epoch}:{header.digest.hex()}"


def _rows(content: object, name: str) -> list[dict[str, object]]:
    listed = content.get(name) if hasattr(content, "get") else None
    if not isinstance(listed, list):
        raise Refused("node_answer_malformed", field=name)
    return [one for one in listed if isinstance(one, dict)]


def _proposal_lines(one: dict[str, object]) -> list[str]:
    state = {
        0: text("ouverte", "open"),
        1: text(
            "adoptée, en vigueur dès l'époque qui suit le vote",
            "enacted, in force from the epoch after the vote",
        ),
        2: text("rejetée", "fell"),
    }.get(int(str(one.get("decided"))), "?")
    change = one.get("change")
    words = change if isinstance(change, dict) else {}
    said = " ".join(
        _names(value) if isinstance(value, list) else str(value)
        for name, value in words.items()
        if name != "voting_key"
    )
    yes, no = _names(one.get("yes")), _names(one.get("no"))
    until = _date(one.get("until_ms"))
    return [
        f"{one.get('id')}  {said}  ({one.get('proposer')})",
        text(
            f"    {state} ; oui : {yes} ; non : {no} ; jusqu'au {until}",
            f"    {state}; yes: {yes}; no: {no}; until {until}",
        ),
    ]


def _names(value: object) -> str:
    return ", ".join(str(name) for name in value) if isinstance(value, list) and value else "–"


def _date(value: object) -> str:
    if type(value) is not int:
        return "?"
    try:
        return datetime.fromtimestamp(value / 1000).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):  # a node may say any number
        return "?"
