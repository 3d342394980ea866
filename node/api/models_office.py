"""What a town hall hands in and reads: registers, activities, programmes, bulletins."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from node.api.models import Count, Hash, Hex, Model

ROWS_MAX = 100_000

Line = Annotated[int, Field(ge=1, le=10_000_000)]
Code = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Date = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Period = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
AddressText = Annotated[str, Field(min_length=10, max_length=90, pattern="^[0-9A-Za-z]+$")]
Salt = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
AccountId = Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
Signature = Annotated[str, Field(pattern="^[0-9a-f]{128}$")]


class Asked(Model):
    """What is handed in: every field as it is, nothing guessed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Nothing(Asked):
    """An empty object."""


class ResidentRow(Asked):
    """A line of `residents.csv`."""

    line: Line
    person: Code
    name: Text
    first_name: Text
    birth_date: Date
    email: Text


class PartnerRow(Asked):
    """A line of `employers.csv` or `services.csv`."""

    line: Line
    code: Code
    name: Text
    siret: Text
    sector: Text


class ProgrammeRow(Asked):
    """A line of `programmes.csv`; both days belong to the programme."""

    line: Line
    programme: Code
    title: Text
    budget_minor: Count
    first_day: Date = Field(alias="from")
    last_day: Date = Field(alias="to")


class LevelRow(Asked):
    """A line of `levels.csv`."""

    line: Line
    level: Code
    rate_per_hour_minor: Count


class ActivityRow(Asked):
    """A line of `activities.csv`; `confirmed_by` empty: nobody has confirmed it yet."""

    line: Line
    person: Code
    programme: Code
    date: Date
    minutes: Annotated[int, Field(ge=-(2**31), le=2**31)]
    level: Code
    confirmed_by: Text


class Import(Asked):
    """A file's rows: all are taken in, or none."""

    file_name: Text
    file_sha256: Hash


class ResidentImport(Import):
    """Residents."""

    rows: list[ResidentRow] = Field(max_length=ROWS_MAX)


class PartnerImport(Import):
    """Employers or services."""

    rows: list[PartnerRow] = Field(max_length=ROWS_MAX)


class ProgrammeImport(Import):
    """Programmes."""

    rows: list[ProgrammeRow] = Field(max_length=ROWS_MAX)


class LevelImport(Import):
    """Levels."""

    rows: list[LevelRow] = Field(max_length=ROWS_MAX)


class ActivityImport(Import):
    """Activities."""

    rows: list[ActivityRow] = Field(max_length=ROWS_MAX)


class Imported(Model):
    """How many rows were new or changed, and how many said what was known."""

    imported: Count
    unchanged: Count


class Link(Asked):
    """A person's, employer's or service's code and its account."""

    kind: Literal["resident", "employer", "service"]
    code: Code
    account: AddressText


class Links(Asked):
    """All are written down, or none."""

    links: list[Link] = Field(max_length=10_000)


class Linked(Model):
    """How many codes have an account now that had another, or none."""

    linked: Count


class Confirmation(Asked):
    """Which activities somebody vouches for: by id, or a programme's in a period."""

    ids: list[Count] | None = Field(default=None, max_length=ROWS_MAX)
    programme: Code | None = None
    period: Period | None = None
    confirmed_by: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Confirmed(Model):
    """How many were not confirmed before."""

    confirmed: Count


class Funding(Asked):
    """More money for a programme."""

    amount_minor: Annotated[int, Field(ge=1, le=2**53 - 1)]


class Resident(Model):
    """A person of the register."""

    person: str
    name: str
    first_name: str
    birth_date: str
    email: str
    account: str | None


class Partner(Model):
    """An employer or a service of the register."""

    code: str
    name: str
    siret: str
    sector: str
    account: str | None


class Programme(Model):
    """A programme, and what its account holds once it is open."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    programme: str
    title: str
    budget_minor: Count
    first_day: str = Field(alias="from")
    last_day: str = Field(alias="to")
    state: str
    account: str | None
    balance_minor: Count | None


class Level(Model):
    """What an hour of a level gives."""

    level: str
    rate_per_hour_minor: Count


class Activity(Model):
    """An activity as it was registered; `in_batch` once bulletins that hold it were made out."""

    id: Count
    person: str
    programme: str
    date: str
    minutes: Count
    level: str
    confirmed_by: str
    in_batch: bool


class Residents(Model):
    """A page; `next` goes into `after` for more."""

    items: list[Resident]
    next: str | None


class Partners(Model):
    """A page; `next` goes into `after` for more."""

    items: list[Partner]
    next: str | None


class Programmes(Model):
    """A page; `next` goes into `after` for more."""

    items: list[Programme]
    next: str | None


class Levels(Model):
    """A page; `next` goes into `after` for more."""

    items: list[Level]
    next: str | None


class Activities(Model):
    """A page; `next` goes into `after` for more."""

    items: list[Activity]
    next: Count | None


class Issue(Asked):
    """Which bulletins of a period to make out. Without `skip_unconfirmed`, one activity that nobody
    confirmed keeps all of them back."""

    skip_unconfirmed: bool = False
    programmes: list[Code] | None = Field(default=None, max_length=1_000)


class PreviewLine(Model):
    """What a person would be credited in a programme."""

    person: str
    programme: str
    minutes: Count
    amount_minor: Count


class PreviewRefusal(Model):
    """What keeps hours or a programme back."""

    code: str
    person: str | None
    programme: str | None
    activity: Count | None
    detail: str
    allowed_minor: Count | None


class Preview(Model):
    """A period's bulletins before they are made out."""

    period: str
    lines: list[PreviewLine]
    refusals: list[PreviewRefusal]
    residents: Count
    minutes: Count
    amount_minor: Count


class Operation(Model):
    """An act of the territory that staff sign and its node signs last. `body` is what they sign,
    `raw` the whole once the node has signed."""

    id: Hex
    kind: str
    programme: str | None
    amount_minor: Count
    state: Literal["waiting", "signed", "final", "released"]
    body: Hex
    staff_needed: Count
    staff_signed: list[Hash]
    transaction: Hash | None
    raw: Hex | None
    height: Count | None
    valid_until_ms: Count


class Operations(Model):
    """Several."""

    operations: list[Operation]


class StaffSignature(Asked):
    """A member of staff's signature over an operation's body."""

    key: Hash
    signature: Signature


class BulletinActivity(Model):
    """An activity of a bulletin, as its commitment holds it."""

    date: str
    minutes: Count
    level: str
    rate_per_hour_minor: Count


class Bulletin(Model):
    """One person's bulletin in a programme, with what opens its line on the ledger."""

    person: str
    programme: str
    period: str
    activities: list[BulletinActivity]
    minutes: Count
    amount_minor: Count
    salt: Salt
    commitment: Hash
    transaction: Hash | None
    line: Count
    status: str
    raw: Hex | None


class Bulletins(Model):
    """A person's bulletins of a period, one a programme and batch."""

    bulletins: list[Bulletin]
