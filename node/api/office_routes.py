"""The office's part of the table of routes: registers, bulletins, payrolls, consents."""

from node.api import models_office as office
from node.api import models_payroll as payroll
from node.api.bulletins import Bulletins
from node.api.registers import Registers
from node.api.route import Route
from node.api.wages import Wages

_SIGNED = (400, 401, 404, 429)
_BODY = (400, 401, 404, 408, 413, 415, 422, 429)
_PAGE = ("limit", "after")


def office_routes(registers: Registers, bulletins: Bulletins, wages: Wages) -> tuple[Route, ...]:
    """All routes behind which the registry stands."""
    return (
        *_imports(registers),
        *_registers(registers),
        *_bulletins(bulletins),
        *_wages(wages),
    )


def _imports(registers: Registers) -> tuple[Route, ...]:
    path = "/v1/office/imports/"
    taken = (
        ("residents", registers.import_residents, office.ResidentImport),
        ("employers", registers.import_employers, office.PartnerImport),
        ("services", registers.import_services, office.PartnerImport),
        ("programmes", registers.import_programmes, office.ProgrammeImport),
        ("levels", registers.import_levels, office.LevelImport),
        ("activities", registers.import_activities, office.ActivityImport),
    )
    return tuple(
        Route("POST", path + name, handler, f"Take in a file of {name}: all rows, or none",
              {200: office.Imported}, ("reason",), _BODY, signed=True, body=model)
        for name, handler, model in taken
    )  # fmt: skip


def _registers(registers: Registers) -> tuple[Route, ...]:
    return (
        Route("POST", "/v1/office/links", registers.link, "Say whose account is whose",
              {200: office.Linked}, ("reason",), _BODY, signed=True, body=office.Links),
        Route("POST", "/v1/office/activities/confirm", registers.confirm,
              "Vouch for activities", {200: office.Confirmed}, ("reason",), _BODY, signed=True,
              body=office.Confirmation),
        Route("GET", "/v1/office/residents", registers.residents, "Residents",
              {200: office.Residents}, (*_PAGE, "reason"), _SIGNED, signed=True),
        Route("GET", "/v1/office/residents/{person}", registers.resident, "One resident",
              {200: office.Resident}, ("person", "reason"), (*_SIGNED, 422), signed=True),
        Route("GET", "/v1/office/employers", registers.employers, "Employers",
              {200: office.Partners}, _PAGE, _SIGNED, signed=True),
        Route("GET", "/v1/office/services", registers.services, "Services",
              {200: office.Partners}, _PAGE, _SIGNED, signed=True),
        Route("GET", "/v1/office/programmes", registers.programmes,
              "Programmes, and what their accounts hold", {200: office.Programmes}, _PAGE,
              _SIGNED, signed=True),
        Route("GET", "/v1/office/levels", registers.levels, "Levels", {200: office.Levels},
              _PAGE, _SIGNED, signed=True),
        Route("GET", "/v1/office/activities", registers.activities, "Activities",
              {200: office.Activities},
              (*_PAGE, "of_period", "of_programme", "unconfirmed", "reason"), _SIGNED,
              signed=True),
    )  # fmt: skip


def _bulletins(bulletins: Bulletins) -> tuple[Route, ...]:
    programme = "/v1/office/programmes/{programme}"
    asked = ("programme", "reason")
    return (
        Route("POST", f"{programme}/open", bulletins.open_programme,
              "Ask for a programme's account with its budget", {200: office.Operation}, asked,
              _BODY, signed=True, body=office.Nothing),
        Route("POST", f"{programme}/fund", bulletins.fund_programme,
              "Ask for more money for a programme", {200: office.Operation}, asked, _BODY,
              signed=True, body=office.Funding),
        Route("POST", f"{programme}/close", bulletins.close_programme,
              "Ask to give back what is left of a budget", {200: office.Operation}, asked, _BODY,
              signed=True, body=office.Nothing),
        Route("GET", "/v1/office/bulletins/{period}", bulletins.preview,
              "A period's bulletins before they are made out", {200: office.Preview},
              ("period", "reason"), _SIGNED, signed=True),
        Route("POST", "/v1/office/bulletins/{period}/issue", bulletins.issue,
              "Make a period's bulletins out: all that are asked for, or none",
              {200: office.Operations}, ("period", "reason"), _BODY, signed=True,
              body=office.Issue),
        Route("GET", "/v1/office/bulletins/{period}/{person}", bulletins.of_person,
              "A person's bulletins, with what opens their lines on the ledger",
              {200: office.Bulletins}, ("period", "person", "reason"), (*_SIGNED, 422),
              signed=True),
        Route("GET", "/v1/office/operations", bulletins.operations,
              "The territory's acts in a state", {200: office.Operations}, ("state",), _SIGNED,
              signed=True),
        Route("GET", "/v1/office/operations/{operation}", bulletins.operation,
              "One of the territory's acts", {200: office.Operation}, ("operation",), _SIGNED,
              signed=True),
        Route("POST", "/v1/office/operations/{operation}/signatures", bulletins.sign,
              "Sign an act; with enough signatures the node signs too and hands it in",
              {200: office.Operation}, ("operation", "wait_ms", "reason"), (*_BODY, 503),
              signed=True, body=office.StaffSignature),
    )  # fmt: skip


def _wages(wages: Wages) -> tuple[Route, ...]:
    return (
        Route("POST", "/v1/payrolls/check", wages.check, "What would be refused of a payroll",
              {200: payroll.PayrollChecked}, (), _BODY, signed=True, body=payroll.Payroll),
        Route("POST", "/v1/payrolls", wages.draft, "What an employer's keys are to sign",
              {200: payroll.PayrollDraft}, (), _BODY, signed=True, body=payroll.Payroll),
        Route("GET", "/v1/payrolls", wages.runs, "An employer's runs",
              {200: payroll.PayrollRuns}, ("employer",), _SIGNED, signed=True),
        Route("POST", "/v1/payrolls/{run}/signatures", wages.submit,
              "Hand in a signed payroll for countersignature", {200: payroll.PayrollSubmitted},
              ("run", "wait_ms"), (*_BODY, 503), signed=True, body=payroll.PayrollSignatures),
        Route("POST", "/v1/consents", wages.state_consent,
              "An employee's signed word on an employer", {200: payroll.Consent}, (),
              (400, 404, 408, 413, 415, 422, 429), body=payroll.ConsentStatement),
        Route("GET", "/v1/consents/{address}", wages.consents, "What an account said",
              {200: payroll.Consents}, ("address", "reason"), _SIGNED, signed=True),
    )  # fmt: skip
