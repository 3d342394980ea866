"""A draft of the new genesis, out of the data of the node that holds the highest final block.

It changes who the members are, and nothing else: parameters, rules, territories, accounts and money
are those of the state after that block.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from consensus.cometbft.certified import CertifiedHeader as CometBftCertified
from consensus.succession import LastHeader, begins_ms, check_last, last_header
from ledger.changes import AddMember
from ledger.enactment import check_same
from ledger.founders import Territory
from ledger.genesis import DRAFT_KIND, PROVED_SUCCESSOR_VERSION, SUCCESSOR_VERSION, Genesis
from ledger.network_objects import ENACTED, NETWORK, NetworkMember, ProposalRecord
from ledger.objects import TerritoryRecord, decode_object
from ledger.roles import COUNTERSIGN
from ledger.succession import ProvedNetwork, Succession
from ledger.successor_state import succeeding_objects
from ledger.terms import terms_of
from ledger.view import View
from node.cards import CARD_FILE_MODE, Card, read_card
from node.chain import Chain
from node.data_folder import DataFolder
from node.engines.cometbft.set_changes import SetChanges
from node.genesis_file import SIMPLEX, read_genesis
from node.migration import open_current_store
from node.private_files import write_new_file
from node.start import LoadedLedger, load_ledger
from node.state_sync.adoption import adopt
from node.store import Store
from node.succession.comet_end import drafted_end
from node.succession.lineage import rows_of
from primitives.errors import InvariantBroken, Refused
from primitives.signatures import verify

_TELLING = (b"territory", b"proposal")
_HEAD_BYTES = 16
"""An object begins with its kind: so far one looks before it is decoded."""


@dataclass(frozen=True, slots=True)
class DraftPlan:
    """What `network succeed draft` is asked for: `without` are short names of members that leave,
    `cards` those of members whose keys or addresses are other ones, or that come back."""

    data: Path
    predecessor: Path
    without: Sequence[str]
    cards: Sequence[Path]


def make_draft(plan: DraftPlan) -> Genesis:
    """The draft. Changes nothing on the disk but what a start would.

    Raises `Refused`: `data_in_use`, `data_of_other_network`, `member_unknown`,
    `territory_unknown`, `demo_card`, `card_malformed`, `genesis_invalid`, `member_key_used`,
    `succession_block_missing` where no block is; of a network that CometBFT orders what
    `drafted_end` raises.
    """
    genesis, engine = read_genesis(plan.predecessor)
    folder = DataFolder(plan.data)
    kind = folder.check(genesis.network_id, engine).store
    folder.lock()
    try:
        adopt(folder.store, kind)
        store = open_current_store(folder.store, kind)
        try:
            chain = Chain(store)
            loaded = load_ledger(chain, genesis)
            if chain.newest is None:
                raise Refused("succession_block_missing")
            if engine == SIMPLEX:
                return draft_of(
                    chain, loaded, genesis, plan, _certified_end(chain, loaded, genesis)
                )
            certified = drafted_end(folder, store, chain, genesis)
            end = _proved_end(store, loaded, genesis, certified)
            return draft_of(chain, loaded, genesis, plan, end)
        finally:
            store.close()
    finally:
        folder.unlock()


def write_draft(out: Path, draft: Genesis) -> None:
    """Write it to a new file. Raises FileExistsError."""
    write_new_file(out, draft.to_json(DRAFT_KIND).encode(), CARD_FILE_MODE)


def draft_of(
    chain: Chain, loaded: LoadedLedger, genesis: Genesis, plan: DraftPlan, end: Succession
) -> Genesis:
    """The same from a chain that is open; `end` is what goes on, with nobody gone yet. `genesis` is
    the old one. No clock is read: whoever drafts the same from the same block gets the same
    network, and its first block is due."""
    view = loaded.executor.state.tip
    cards = _cards(plan.cards, genesis)
    known = _territories(chain, view, genesis)
    members, former = _divided(view, known, cards, plan.without)
    draft = Genesis(
        SUCCESSOR_VERSION if end.proved is None else PROVED_SUCCESSOR_VERSION,
        begins_ms(end),
        genesis.demo,
        terms_of(view).parameters,
        tuple(members),
        terms_of(view).rule_version,
        replace(end, former=tuple(former)),
    )
    succeeding_objects(view, set(known), draft)
    return draft


def _certified_end(chain: Chain, loaded: LoadedLedger, genesis: Genesis) -> Succession:
    """The end of a network under the built-in engine."""
    newest = chain.certified(chain.height)
    if newest is None:
        raise Refused("succession_block_missing")
    header, epochs = newest.header, loaded.epochs
    ends = header.next_set_hash is not None
    return Succession(
        predecessor=genesis.network_id,
        epoch=epochs.current.number + 1,
        height=header.height,
        header=header.encode(),
        between=tuple([one.encode() for one in newest.between]),
        certificate=newest.certificate.encode(),
        state_root=_root(loaded),
        members=rows_of(epochs.current.members),
        signers=rows_of(epochs.epoch(header.epoch).members) if ends else None,
        former=(),
    )


def _proved_end(
    store: Store, loaded: LoadedLedger, genesis: Genesis, certified: CometBftCertified
) -> Succession:
    """The end of a network that CometBFT ordered: the members are those of the state before the
    last block, which is the newest state that a header names. Raises
    `Refused("succession_commit_missing")` where the commit is for a later header."""
    header, executor = certified.header, loaded.executor
    if certified.between:
        raise Refused("succession_commit_missing", f"height {header.height}")
    # The newest state is the one after that header's block; the one before it the header names.
    named = executor.state.recent[-2]
    found = executor.commitment.prove_object(NETWORK, "", named)
    if found.raw is None:
        raise InvariantBroken("the state has no terms")
    signers = SetChanges(store, loaded.epochs).set_at(header.height)
    keys = tuple(sorted([one.public_key for one in signers.validators]))
    proved = ProvedNetwork(keys, found.raw, found.proof)
    end = Succession(
        predecessor=genesis.network_id,
        epoch=loaded.epochs.current.number + 1,
        height=header.height,
        header=header.encode(),
        between=(),
        certificate=certified.commit.encode(),
        state_root=_root(loaded),
        members=proved.members,
        signers=None,
        former=(),
        proved=proved,
    )
    check_last(end, verify)
    return end


def _root(loaded: LoadedLedger) -> bytes:
    return loaded.executor.commitment.root_after(loaded.executor.state.tip)


def header_of(draft: Genesis) -> LastHeader:
    """The predecessor's last final header as a successor names it."""
    if draft.succession is None:
        raise Refused("succession_none")
    return last_header(draft.succession)


def territory_prefixes(chain: Chain) -> frozenset[str]:
    """Short names of all territories in the state after the newest block."""
    return frozenset([item.prefix for item in _telling(chain) if isinstance(item, TerritoryRecord)])


def _cards(files: Sequence[Path], genesis: Genesis) -> dict[str, Card]:
    found: dict[str, Card] = {}
    for file in files:
        card = read_card(file)
        if card.demo and not genesis.demo:
            raise Refused("demo_card", card.territory.name, file=str(file))
        if card.territory.prefix in found:
            raise Refused("genesis_invalid", "two cards of one territory", file=str(file))
        found[card.territory.prefix] = card
    return found


def _divided(
    view: View, known: dict[str, Territory], cards: dict[str, Card], without: Sequence[str]
) -> tuple[list[Territory], list[Territory]]:
    """Members of the new network, and the other territories."""
    for prefix in cards:
        if prefix not in known:
            raise Refused("territory_unknown", prefix)
    terms = terms_of(view)
    for prefix in without:
        if terms.member(prefix) is None:
            raise Refused("member_unknown", prefix[:20], field="--without")
        if prefix in cards:
            raise Refused("usage", f"{prefix} leaves and has a card", field="--without")
    staying = {one.prefix: one for one in terms.active if one.prefix not in without}
    members: list[Territory] = []
    former: list[Territory] = []
    for prefix in sorted(known):
        territory = known[prefix]
        if prefix in cards:
            members.append(_with_card(territory, cards[prefix].territory))
        elif prefix in staying:
            members.append(_as_voted(view, territory, staying[prefix]))
        else:
            former.append(territory)
    return members, former


def _with_card(territory: Territory, card: Territory) -> Territory:
    """A territory whose node is made anew: what it is to the ledger stays."""
    return replace(
        territory,
        peer=card.peer,
        http=card.http,
        voting_key=card.voting_key,
        authority_der=card.authority_der,
        recovery_key=card.recovery_key,
        node_key=card.node_key,
        cometbft_key=card.cometbft_key,
    )


def _as_voted(view: View, territory: Territory, member: NetworkMember) -> Territory:
    """With the keys and addresses that the network voted since."""
    account = view.account(territory.account_id)
    keys = (
        []
        if account is None
        else [
            device.key
            for device in account.devices
            if device.roles & COUNTERSIGN and not device.blocked
        ]
    )
    node_key = territory.node_key
    return replace(
        territory,
        peer=member.peer,
        http=member.http,
        voting_key=member.voting_key,
        authority_der=member.authority_der,
        recovery_key=member.recovery_key,
        node_key=node_key if node_key in keys or not keys else keys[-1],
        cometbft_key=member.cometbft_key,
    )


def _territories(chain: Chain, view: View, genesis: Genesis) -> dict[str, Territory]:
    """Every territory of the state, as the genesis or the proposal that brought it has it."""
    candidates = list(genesis.known_territories)
    prefixes: list[str] = []
    for item in _telling(chain):
        if isinstance(item, TerritoryRecord):
            prefixes.append(item.prefix)
        elif item.decided == ENACTED and isinstance(item.change, AddMember):
            candidates.append(item.change.territory)
    known: dict[str, Territory] = {}
    for territory in candidates:
        if territory.prefix in known:
            continue
        try:
            check_same(view, territory)
        except Refused:
            continue
        known[territory.prefix] = territory
    if set(known) != set(prefixes):
        lacking = ", ".join(sorted(set(prefixes) - set(known)))
        raise InvariantBroken(f"nothing says what brought these territories: {lacking}")
    return known


def _telling(chain: Chain) -> Iterator[TerritoryRecord | ProposalRecord]:
    """The territories and the proposals of the state after the newest block."""
    for _, raw in chain.newest_objects():
        if any(kind in raw[:_HEAD_BYTES] for kind in _TELLING):
            item = decode_object(raw)
            if isinstance(item, TerritoryRecord | ProposalRecord):
                yield item
