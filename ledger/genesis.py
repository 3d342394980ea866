"""The genesis: who founds a network, with which keys, currencies and parameters.

Its hash is the network's id, so everything that must not change silently stands here. The file
that people exchange is JSON; the id is over the canonical encoding of the same content. The engine
is not in it: one genesis, one id, serves both (docs/protocol.md, sections 1 and 5).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from ledger.founders import (
    TERRITORIES_MAX,
    Territory,
    invalid,
    territory_from_json,
    territory_to_json,
)
from ledger.founding import FoundedTerritory, found, keys_of, member_of, terms_of_founders
from ledger.json_fields import JsonFields
from ledger.network_objects import (
    BALLOT_TREE_KEY,
    NETWORK_TREE_KEY,
    BallotRecord,
    NetworkRecord,
)
from ledger.objects import Account, StateObject
from ledger.rules import PARAMETER_NAMES, RULE_VERSION, Parameters, RuleSet
from ledger.succession import (
    Endorsement,
    Succession,
    check_endorsements,
    endorsements_from_json,
    endorsements_to_json,
)
from primitives.amounts import AMOUNT_MINOR_MAX
from primitives.encoding import Value, encode
from primitives.errors import Refused
from primitives.hashing import hash_bytes

GENESIS_VERSION = 1
SUCCESSOR_VERSION = 2
"""Of a genesis that takes the place of another network."""
PROVED_SUCCESSOR_VERSION = 3
"""Of one whose predecessor CometBFT ordered: an older program says that it does not know it."""
GENESIS_KIND = "genesis"
DRAFT_KIND = "genesis_draft"
"""Of one that waits for endorsements: nothing starts from it."""


@dataclass(frozen=True)
class Genesis:
    """The founding of a network. `time_ms` is the time of the block before the first;
    `rule_version` the rules that the first epoch begins with. `succession` says whose place it
    takes, if anybody's; the `endorsements` under that are checked where a file is read.

    Raises `Refused`: `genesis_invalid`; `version_unknown` for itself or its rules.
    """

    version: int
    time_ms: int
    demo: bool
    parameters: Parameters
    territories: tuple[Territory, ...]
    rule_version: int = RULE_VERSION
    succession: Succession | None = None
    endorsements: tuple[Endorsement, ...] = ()
    rules: RuleSet = field(init=False, repr=False, compare=False)
    """Rules and parameters of the first epoch."""
    network_id: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.version != _version_of(self.succession):
            raise Refused("version_unknown", f"genesis version {self.version}", field="version")
        object.__setattr__(self, "rules", RuleSet(self.rule_version, self.parameters))
        if not 0 <= self.time_ms <= AMOUNT_MINOR_MAX:
            raise invalid("time_ms", "out of range")
        if not 1 <= len(self.territories) <= TERRITORIES_MAX:
            raise invalid("territories", f"1 to {TERRITORIES_MAX}")
        names = [territory.prefix for territory in self.known_territories]
        codes = [one.code for territory in self.known_territories for one in territory.currencies]
        voting = [territory.voting_key for territory in self.territories]
        recovery = [territory.recovery_key for territory in self.territories]
        other = [one.cometbft_key for one in self.territories if one.cometbft_key is not None]
        _check_unique(names, "prefix", "two territories have this short name")
        _check_unique(codes, "currency", "two currencies have this code")
        _check_unique(voting, "voting_key", "two territories have this voting key")
        _check_unique(other, "cometbft_key", "two territories have this voting key")
        _check_unique(recovery, "recovery_key", "two territories have this recovery key")
        object.__setattr__(self, "network_id", hash_bytes("genesis", encode(self.value())))

    @property
    def known_territories(self) -> tuple[Territory, ...]:
        """The members, and the territories of the state that are none."""
        return self.territories + (() if self.succession is None else self.succession.former)

    @property
    def former(self) -> frozenset[str]:
        """Short names of those."""
        former = () if self.succession is None else self.succession.former
        return frozenset([territory.prefix for territory in former])

    @property
    def first_epoch(self) -> int:
        """The number of the epoch that begins with this genesis."""
        return 0 if self.succession is None else self.succession.epoch

    @property
    def height(self) -> int:
        """Of the block before the first."""
        return 0 if self.succession is None else self.succession.height

    def value(self) -> Value:
        """What the network id is over."""
        return (
            "genesis",
            self.version,
            self.time_ms,
            self.demo,
            self.parameters.value(),
            tuple([territory.value() for territory in self.territories]),
            self.rule_version,
            *(() if self.succession is None else (self.succession.value(),)),
        )

    def endorsed_by(self) -> tuple[str, ...]:
        """Short names of those whose recovery keys stand under a successor's genesis; nobody's
        under another. Raises `Refused`: `endorsement_invalid`, `endorsements_insufficient`."""
        if self.succession is None:
            return ()
        content = encode(self.value())
        return check_endorsements(self.succession, self.network_id, content, self.endorsements)

    def to_json(self, kind: str = GENESIS_KIND) -> str:
        """The file that people exchange, with the id for them to compare."""
        content: dict[str, object] = {
            "kind": kind,
            "version": self.version,
            "network_id": self.network_id.hex(),
            "time_ms": self.time_ms,
            "demo": self.demo,
            "rule_version": self.rule_version,
            "parameters": {name: getattr(self.parameters, name) for name in PARAMETER_NAMES},
            "territories": [territory_to_json(territory) for territory in self.territories],
        }
        if self.succession is not None:
            content["succession"] = self.succession.to_json()
            content["endorsements"] = endorsements_to_json(self.endorsements)
        return json.dumps(content, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, kind: str = GENESIS_KIND) -> Genesis:
        """Read such a file; of a successor's, the endorsements are checked, those of a draft are
        not. Raises `Refused`: `genesis_malformed` where it can't be read, `genesis_invalid` where
        it breaks a rule, `version_unknown`; what `endorsed_by` raises."""
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Refused("genesis_malformed", f"not JSON: {error}") from None
        reader = JsonFields(content, "")
        if reader.text("kind") != kind:
            raise Refused("genesis_malformed", f"this is not a {kind}", field="kind")
        version = reader.integer("version")
        if version not in (GENESIS_VERSION, SUCCESSOR_VERSION, PROVED_SUCCESSOR_VERSION):
            raise Refused("version_unknown", "a genesis of an unknown version", field="version")
        figures = reader.of("parameters")
        if set(figures.names()) != set(PARAMETER_NAMES):
            raise Refused("genesis_malformed", "not the known parameters", field="parameters")
        is_successor = version != GENESIS_VERSION
        genesis = cls(
            version,
            reader.integer("time_ms"),
            reader.flag("demo"),
            Parameters(**{name: figures.integer(name) for name in PARAMETER_NAMES}),
            tuple([territory_from_json(entry) for entry in reader.items("territories")]),
            reader.integer("rule_version"),
            _read_succession(version, reader.of("succession")) if is_successor else None,
            endorsements_from_json(reader.items("endorsements")) if is_successor else (),
        )
        claimed = reader.bytes("network_id", 32)
        if claimed != genesis.network_id:
            raise Refused(
                "genesis_invalid",
                f"its content has the id {genesis.network_id.hex()}",
                field="network_id",
            )
        if kind == GENESIS_KIND:
            genesis.endorsed_by()
        return genesis


def founded_territories(genesis: Genesis) -> list[FoundedTerritory]:
    """What each territory that the genesis names was founded with: ids that stay for ever, and keys
    that may have changed since."""
    return [found(territory) for territory in genesis.known_territories]


def founding_accounts(genesis: Genesis) -> list[Account]:
    """The accounts of staff, issuers and commons among that."""
    return [one for founded in founded_territories(genesis) for one in founded.accounts]


def initial_objects(genesis: Genesis) -> list[tuple[bytes, StateObject]]:
    """The state before the first block, in key order: per territory its record, the accounts of
    staff, issuer and commons, and its currencies; then the network's terms, a ballot without
    proposals, and the keys of all members.

    Raises `Refused("succession_without_state")` for a successor: it goes on from what was there.
    """
    if genesis.succession is not None:
        raise Refused("succession_without_state", genesis.succession.predecessor.hex())
    terms = terms_of_founders(genesis.territories, genesis.parameters, genesis.rule_version)
    objects: list[StateObject] = [
        NetworkRecord(NETWORK_TREE_KEY, terms, 0),
        BallotRecord(BALLOT_TREE_KEY, (), ()),
    ]
    for territory in genesis.territories:
        founded = found(territory)
        objects += [founded.record, *founded.accounts, *founded.currencies]
        objects += keys_of(member_of(territory))
    return sorted([(item.tree_key, item) for item in objects], key=lambda pair: pair[0])


def _version_of(succession: Succession | None) -> int:
    """What the version of a genesis with this succession is."""
    if succession is None:
        return GENESIS_VERSION
    return SUCCESSOR_VERSION if succession.proved is None else PROVED_SUCCESSOR_VERSION


def _read_succession(version: int, reader: JsonFields) -> Succession:
    if version == PROVED_SUCCESSOR_VERSION:
        return Succession.proved_from_json(reader)
    return Succession.from_json(reader)


def _check_unique(values: list[str] | list[bytes], name: str, why: str) -> None:
    if len(set(values)) != len(values):
        raise invalid(name, why)
