"""Payrolls and consents, over HTTP."""

import re

from aiohttp import web

from ledger.envelope import Cosignature
from node.api import models_payroll as models
from node.api.bodies import BodyReader
from node.api.bulletins import hex_or_none, wait_ms
from node.api.doors import Doors, check_media_type, parse
from node.api.entitlements import Entitlements
from node.api.rates import KeyRates
from node.api.reads import REASON_HEADER, answer
from node.api.signed_requests import TOO_LARGE, RequestVerifier
from node.clock import now_ms
from node.office.office import Office
from node.registry.records import Act, ConsentStatement, Payroll, PayrollLine, PayrollRun
from primitives.addresses import Address, format_address, parse_address
from primitives.errors import InvariantBroken, Refused

PAYROLL_BYTES_MAX = 1 << 20
"""The longest payroll that one transaction can pay, and its bytes as hex, fit in well."""
STATEMENT_BYTES_MAX = 2_048
_RUN = re.compile(r"[0-9a-f]{32}")


class Wages:
    """Handlers over one office."""

    def __init__(
        self,
        office: Office,
        doors: Doors,
        verifier: RequestVerifier,
        entitlements: Entitlements,
    ) -> None:
        self._office = office
        self._doors = doors
        self._verifier = verifier
        self._entitlements = entitlements
        self._statements = BodyReader(1, TOO_LARGE)
        self._rates = KeyRates(now_ms)

    # -- payrolls -------------------------------------------------------------------------------

    async def check(self, request: web.Request) -> web.Response:
        """What would be refused of a payroll; nothing is kept."""
        key, employer, asked = await self._doors.employer_body(
            request, models.Payroll, PAYROLL_BYTES_MAX
        )
        await self._office.payrolls.check(Act(now_ms(), key), _payroll(employer, asked))
        return answer(
            models.PayrollChecked(
                lines=len(asked.lines),
                total_gross_minor=sum(line.gross_minor for line in asked.lines),
                total_local_minor=sum(line.local_minor for line in asked.lines),
            )
        )

    async def draft(self, request: web.Request) -> web.Response:
        """What the employer's keys are to sign."""
        key, employer, asked = await self._doors.employer_body(
            request, models.Payroll, PAYROLL_BYTES_MAX
        )
        act, payroll = Act(now_ms(), key), _payroll(employer, asked)
        run = await self._office.payrolls.draft(act, payroll)
        lines = [
            models.DraftLine(
                line=line.line,
                account=line.account.hex(),
                amount_minor=line.amount_minor,
                commitment=line.commitment.hex(),
                salt=line.salt.hex(),
            )
            for line in run.lines
            if line.salt is not None
        ]
        return answer(
            models.PayrollDraft(
                run_id=run.run_id.hex(), gross_total_minor=run.gross_total_minor, lines=lines
            )
        )

    async def submit(self, request: web.Request) -> web.Response:
        """Countersign what an employer signed, and hand it in."""
        run_id = request.match_info["run"]
        key, employer, asked = await self._doors.employer_body(
            request, models.PayrollSignatures, PAYROLL_BYTES_MAX
        )
        if not _RUN.fullmatch(run_id):
            raise Refused("payroll_unknown")
        run = await self._office.payrolls.submit(
            Act(now_ms(), key),
            employer.account_id,
            bytes.fromhex(run_id),
            bytes.fromhex(asked.body),
            [
                Cosignature(bytes.fromhex(one.key), bytes.fromhex(one.signature))
                for one in asked.signatures
            ],
            wait_ms(request),
        )
        if run.transaction_id is None or run.raw is None:
            raise Refused("validity_expired", "the run was let go meanwhile")
        return answer(
            models.PayrollSubmitted.model_validate(
                {
                    "run_id": run_id,
                    "state": run.state,
                    "id": run.transaction_id.hex(),
                    "raw": run.raw.hex(),
                }
            )
        )

    async def runs(self, request: web.Request) -> web.Response:
        """An employer's runs."""
        _, employer = self._doors.employer_read(request)
        found = await self._office.payrolls.runs(employer.account_id)
        return answer(models.PayrollRuns(runs=[_run(one) for one in found]))

    # -- consents -------------------------------------------------------------------------------

    async def state_consent(self, request: web.Request) -> web.Response:
        """Take an employee's signed word, whoever brings it."""
        check_media_type(request)
        raw = await self._statements.read(request, STATEMENT_BYTES_MAX)
        asked = parse(raw, models.ConsentStatement)
        account, employer = parse_address(asked.account), parse_address(asked.employer)
        key, signature = bytes.fromhex(asked.key), bytes.fromhex(asked.signature)
        consents = self._office.consents
        consents.check(account, employer, asked.given, asked.time_ms, key, signature)
        self._rates.take(key)
        await consents.record(
            ConsentStatement(
                account.account_id, employer.account_id, asked.given, asked.time_ms, key, signature
            )
        )
        return answer(
            models.Consent(employer=asked.employer, given=asked.given, time_ms=asked.time_ms)
        )

    async def consents(self, request: web.Request) -> web.Response:
        """What an account said, to its own keys, and to staff who say why."""
        reason = request.headers.get(REASON_HEADER, "")
        address: Address | None = None

        def check(key: bytes) -> bool:
            nonlocal address
            address = parse_address(request.match_info["address"])
            if address.prefix != self._office.territory.prefix:
                raise Refused("not_found")
            return self._entitlements.check_account(address, key, reason, now_ms())

        self._verifier.grant(request, check)
        if address is None:
            raise InvariantBroken("a request was granted unseen")
        found = await self._office.consents.of_account(address.account_id)
        return answer(
            models.Consents(
                consents=[
                    models.Consent(
                        employer=format_address(
                            self._office.consents.address_prefix(one.employer), one.employer
                        ),
                        given=one.given,
                        time_ms=one.time_ms,
                    )
                    for one in found
                ]
            )
        )


def _payroll(employer: Address, asked: models.Payroll) -> Payroll:
    lines = tuple([PayrollLine(**dict(line)) for line in asked.lines])
    return Payroll(
        employer.account_id, asked.period, bytes.fromhex(asked.file_sha256), asked.run_name, lines
    )


def _run(found: PayrollRun) -> models.PayrollRun:
    return models.PayrollRun(
        run_id=found.run_id.hex(),
        period=found.period,
        file_sha256=found.file_sha256.hex(),
        run_name=found.run_name,
        lines=len(found.lines),
        total_local_minor=found.total_local_minor,
        state=found.state,
        id=hex_or_none(found.transaction_id),
        height=found.height,
    )
