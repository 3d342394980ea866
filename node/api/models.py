"""What the API takes and gives, as pydantic models: they serve, and they make the document."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Hex = Annotated[str, Field(pattern="^([0-9a-f]{2})*$")]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Amount = Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)]


class Model(BaseModel):
    """No field that is not named here."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Refusal(Model):
    """Why one line of what was handed in is refused; `line` null for the whole of it."""

    line: Count | None = None
    field: str | None = None
    code: str
    detail: str
    allowed_minor: Count | None = None
    person: str | None = None
    programme: str | None = None
    activity: Count | None = None


class Problem(Model):
    """RFC 9457, with a stable `code`. Where lines are refused, `refusals` has each of them and
    `code` is the first one's. With 429 and 503, `retry_after_ms` says what `Retry-After` says in
    whole seconds."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str
    refusals: list[Refusal] | None = None
    retry_after_ms: int | None = None


class NetworkMember(Model):
    """A territory of the network and where its node is reached."""

    prefix: str
    name: str
    peer: str
    http: str
    paused: bool


class Network(Model):
    """The network this node serves, as it is in force; `genesis` is the file people exchange."""

    network_id: Hash
    engine: str
    demo: bool
    epoch: Count
    epoch_ends_ms: Count
    rule_version: Count
    members: list[NetworkMember]
    time_ms: Count
    genesis: dict[str, object]


class Header(Model):
    """A final header: the certificate is for the last of `headers`, or for `header` itself."""

    height: Count
    header: Hex
    certificate: Hex
    headers: list[Hex]
    engine: str | None = None
    """Under CometBFT `cometbft`; not there under the built-in engine."""


class Member(Model):
    """A member of a set."""

    prefix: str
    voting_key: Hash
    recovery_key: Hash


class Epoch(Model):
    """How an epoch began: the boundary, the closing headers above it, the certificate of the last
    of these; nulls for epoch 0, which the genesis begins. Then who votes in it, and by what."""

    epoch: Count
    boundary: Hex | None
    headers: list[Hex]
    certificate: Hex | None
    set_hash: Hash
    members: list[Member]
    rule_version: Count
    parameters: dict[str, Count]


class Proposal(Model):
    """A change that a member proposed, and who said what. `decided`: 0 open, 1 enacted, 2 fell."""

    id: Hex
    proposer: str
    change: dict[str, object]
    until_ms: Count
    yes: list[str]
    no: list[str]
    decided: Count


class Proposals(Model):
    """Open ones first, then those decided last."""

    items: list[Proposal]


class ObjectProof(Model):
    """An object's stored form, or null for its absence, and the proof under a header's root."""

    object: Hex | None
    proof: Hex
    header_height: Count


class Requests(Model):
    """The requests that are open for an account, each with its proof."""

    items: list[ObjectProof]


class Submitted(Model):
    """The transaction's id."""

    id: Hash


class Transaction(Model):
    """Where a transaction stands; proofs once it is final."""

    id: Hash
    status: Literal["final", "pending", "refused", "unknown"]
    code: str | None = None
    height: Count | None = None
    number: Count | None = None
    inclusion: Hex | None = None
    receipt: Hex | None = None
    receipt_height: Count | None = None


class TransactionOrId(Transaction):
    """What `POST` answers: the status once final, or only the id of what is known already."""

    status: Literal["final"] | None = None  # type: ignore[assignment]


class Lane(Model):
    """What a number of a device's lane was used for, as of a final header."""

    status: Literal["free", "pending", "final", "unknown"]
    id: Hash | None = None
    height: Count | None = None
    header_height: Count
    header_time_ms: Count


class HistoryEntry(Model):
    """A final transaction, as its account saw it. `raw` is empty for a batch that also holds what
    others received."""

    number: Count
    id: Hash
    height: Count
    kind: str
    time_ms: Count
    amount_minor: Amount
    counterparty: str | None
    raw: Hex


class History(Model):
    """Newest first; `next` goes into `before` for more. `truncated`: there are, or may be, older
    ones, which this node keeps no longer; its blocks begin at `first_height`."""

    items: list[HistoryEntry]
    next: Count | None
    truncated: bool
    first_height: Count | None
    first_time_ms: Count | None


class Peer(Model):
    """Another member, and whether this node is connected with it."""

    prefix: str
    address: str
    voting_key: Hash
    connected: bool
    observer: bool


class Status(Model):
    """The node at one glance. `state_root` is that of the newest final header, empty before it.
    Blocks are kept from `first_height` on, for `keep_days` (null: for ever). `missing_height`: the
    block that a node with the full history needs, and that nobody connected keeps."""

    network_id: Hash
    engine: str
    epoch: Count
    epoch_ends_ms: Count
    rule_version: Count
    rule_version_unknown: Count | None
    height: Count
    view: Count
    state_root: Hex
    header_time_ms: Count
    peers: Count
    members: Count
    peer_details: list[Peer]
    mempool_transactions: Count
    ready: bool
    observing: bool
    observing_reason: str | None
    catching_up: bool
    first_height: Count
    keep_days: Count | None
    missing_height: Count | None


class SignedVote(Model):
    """A vote; whose, and of which view, stands beside it."""

    kind: Literal["NOTARIZE", "NULLIFY", "FINALIZE"]
    digest: Hash
    signature: Hex


class DoubleVote(Model):
    """Two votes that no honest member signs both; `democite verify` checks it."""

    kind: Literal["double_vote"]
    version: Count
    network_id: Hash
    signer: Hash
    epoch: Count
    view: Count
    votes: list[SignedVote]


class Evidence(Model):
    """Double votes that this node has seen; of each member, the first few."""

    items: list[DoubleVote]


class Snapshots(Model):
    """Snapshots that a node offers through CometBFT, newest first: the heights after whose blocks
    the state is as they have it."""

    heights: list[int]


class Health(Model):
    """Alive, or ready."""

    status: str
