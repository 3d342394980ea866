"""A served node with a month's registers, an employer, residents and a programme, for tests."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ledger.accounts import open_fields
from ledger.consent_statements import consent_message
from ledger.envelope import build_body, cosign
from ledger.fields import ACCOUNT_OPEN, RESERVE_ISSUE, WAGES_PAY, OpenedAccount, OpenedKey
from ledger.reserve import issue_fields
from ledger.roles import SPEND
from ledger.wages import wages_pay_fields
from primitives.addresses import account_id
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey
from tests.node.api_town import ApiTown, Reply, address_of, api_town
from tests.node.town import Person, Town, key_of

PERIOD = "2026-05"
STAFF = key_of("town0 staff")
WHY = "monthly bulletins"
COMMONS_MINOR = 10_000_000
EMPLOYER_MINOR = 1_000_000
OFFICE = "/v1/office"


def open_employer(town: Town, employer: Person) -> bytes:
    """The town hall opens an employer's account."""
    opened = OpenedAccount(
        "employer",
        "TO0",
        hash_bytes("test_blind", employer.id)[:16],
        1,
        (OpenedKey(employer.key.public_key, SPEND, None),),
    )
    return town.sign(
        ACCOUNT_OPEN, account_id("town0", STAFF.public_key), STAFF, open_fields([opened])
    )


def issue_to(town: Town, lines: Sequence[tuple[bytes, int]]) -> bytes:
    """The issuer gives these accounts money."""
    issuer = key_of("town0 issuer")
    fields = issue_fields("TO0", [(account, amount, bytes(32)) for account, amount in lines])
    return town.sign(RESERVE_ISSUE, account_id("town0", issuer.public_key), issuer, fields)


class Month:
    """What a town hall, an employer and residents do in a month, over HTTP."""

    def __init__(self, served: ApiTown, residents: list[Person], employer: Person) -> None:
        self.served = served
        self.residents = residents
        self.employer = employer
        self.wage_number = 0

    # -- the town hall --------------------------------------------------------------------------

    async def import_rows(
        self, register: str, rows: list[dict[str, object]], name: str = "file.csv"
    ) -> Reply:
        """Bring a file in."""
        content = {
            "file_name": name,
            "file_sha256": hash_bytes("test_file", repr((name, rows)).encode()).hex(),
            "rows": [{"line": line, **row} for line, row in enumerate(rows, 2)],
        }
        return await self.served.hand_in(STAFF, f"{OFFICE}/imports/{register}", content)

    async def register(self, minutes: int = 90, confirmed_by: str = "REF") -> None:
        """Everybody, with one activity each, and their accounts."""
        people = [f"P{number}" for number in range(len(self.residents))]
        files: dict[str, list[dict[str, object]]] = {
            "residents": [
                {"person": one, "name": "Dupont", "first_name": "Ève",
                 "birth_date": "1980-01-02", "email": "eve@example.org"}
                for one in people
            ],
            "employers": [{"code": "E1", "name": "Forge", "siret": "", "sector": "metal"}],
            "services": [{"code": "S1", "name": "Four", "siret": "", "sector": "bread"}],
            "programmes": [
                {"programme": "GARDEN", "title": "Jardin", "budget_minor": 50_000,
                 "from": "2026-01-01", "to": "2026-12-31"}
            ],
            "levels": [{"level": "N1", "rate_per_hour_minor": 1_000}],
            "activities": [
                {"person": one, "programme": "GARDEN", "date": f"{PERIOD}-03",
                 "minutes": minutes, "level": "N1", "confirmed_by": confirmed_by}
                for one in people
            ],
        }  # fmt: skip
        for name, rows in files.items():
            reply = await self.import_rows(name, rows)
            assert reply.status == 200, reply
        links = [
            {"kind": "resident", "code": code, "account": address_of(person)}
            for code, person in zip(people, self.residents, strict=True)
        ]
        links.append({"kind": "employer", "code": "E1", "account": address_of(self.employer)})
        reply = await self.office("links", {"links": links})
        assert reply.json == {"linked": len(links)}, reply

    async def office(self, path: str, content: object, key: SigningKey = STAFF) -> Reply:
        """Staff hands something in."""
        return await self.served.hand_in(key, f"{OFFICE}/{path}", content, WHY)

    async def look(self, path: str, key: SigningKey = STAFF) -> Reply:
        """Staff reads."""
        return await self.served.read(key, f"{OFFICE}/{path}", WHY)

    async def sign(
        self, operation: dict[str, object], key: SigningKey = STAFF, wait_ms: int = 10_000
    ) -> Reply:
        """One of the staff signs an operation."""
        body = bytes.fromhex(str(operation["body"]))
        one = cosign(body, self.served.town.network_id, key)
        return await self.office(
            f"operations/{operation['id']}/signatures?wait_ms={wait_ms}",
            {"key": one.key.hex(), "signature": one.signature.hex()},
        )

    async def open_programme(self) -> None:
        """The programme's account, with its budget."""
        reply = await self.office("programmes/GARDEN/open", {})
        assert reply.status == 200, reply
        done = (await self.sign(reply.json)).json
        assert done["state"] == "final", done

    # -- residents and the employer -------------------------------------------------------------

    async def consent(self, person: Person, *, given: bool = True, time_ms: int = 0) -> Reply:
        """A resident's word on the employer."""
        now = time_ms or time.time_ns() // 1_000_000
        town = self.served.town
        message = consent_message(town.network_id, person.id, self.employer.id, given, now)
        content = {
            "account": address_of(person),
            "employer": address_of(self.employer),
            "given": given,
            "time_ms": now,
            "key": person.key.public_key.hex(),
            "signature": person.key.sign(message).hex(),
        }
        return await post_json(self.served, "/v1/consents", content)

    def payroll(self, local_minor: int = 10_000, gross_minor: int = 100_000) -> dict[str, object]:
        """A payroll of every resident."""
        lines = [
            {"line": line, "employee": f"P{line - 2}", "account": None,
             "gross_minor": gross_minor, "local_minor": local_minor, "consent": True,
             "period": PERIOD}
            for line in range(2, 2 + len(self.residents))
        ]  # fmt: skip
        return {
            "employer": address_of(self.employer),
            "period": PERIOD,
            "file_sha256": hash_bytes("test_file", repr(lines).encode()).hex(),
            "run_name": None,
            "lines": lines,
        }

    def signed_run(self, draft: dict[str, object], *, number: int = 1) -> dict[str, object]:
        """What the employer sends once it signed a draft."""
        town = self.served.town
        lines = draft["lines"]
        assert isinstance(lines, list)
        gross = draft["gross_total_minor"]
        assert gross is None or isinstance(gross, int)
        created = time.time_ns() // 1_000_000
        body = build_body(
            WAGES_PAY,
            town.network_id,
            created_ms=created,
            valid_until_ms=created + 3_600_000,
            account=self.employer.id,
            device=self.employer.key.public_key,
            number=number,
            fields=wages_pay_fields(
                bytes.fromhex(str(draft["run_id"])),
                gross,
                [
                    (
                        bytes.fromhex(one["account"]),
                        one["amount_minor"],
                        bytes.fromhex(one["commitment"]),
                    )
                    for one in lines
                ],
            ),
        )
        one = cosign(body, town.network_id, self.employer.key)
        return {
            "employer": address_of(self.employer),
            "body": body.hex(),
            "signatures": [{"key": one.key.hex(), "signature": one.signature.hex()}],
        }

    async def hand_in_run(
        self, run_id: object, signed: dict[str, object], wait_ms: int = 10_000
    ) -> Reply:
        """Send a signed run."""
        path = f"/v1/payrolls/{run_id}/signatures?wait_ms={wait_ms}"
        return await self.served.hand_in(self.employer.key, path, signed)

    def balance(self, account: bytes) -> int:
        """What an account holds."""
        found = self.served.node.account(account)
        assert found is not None
        return found.balance_minor


async def post_json(served: ApiTown, path: str, content: object) -> Reply:
    """A `POST` of JSON that nobody signed."""
    import json

    body = json.dumps(content).encode()
    return await served.ask("POST", path, {"Content-Type": "application/json"}, body)


@asynccontextmanager
async def month_town(folder: Path, residents: int = 3) -> AsyncIterator[Month]:
    """A served node whose commons and employer have money."""
    async with api_town(folder) as served:
        town = served.town
        people = await town.people(residents, 100)
        employer = Person("town0", "employer")
        await town.must_settle(0, [open_employer(town, employer)])
        commons = town.genesis.territories[0].commons_id
        given = issue_to(town, [(commons, COMMONS_MINOR), (employer.id, EMPLOYER_MINOR)])
        answers = await town.settle(0, [given])
        assert answers[0].refusal is None
        yield Month(served, people, employer)
