"""Failures: codes, exit codes, lines and objects."""

import errno
import re

import pytest

from primitives.errors import InvariantBroken, Refused
from terminal import catalogue, messages_en, messages_fr
from terminal.errors import EXIT_CODES, CommandError, report_of
from terminal.languages import LANGUAGES

PROMISED_CODES = """
encoding_not_canonical transaction_too_large kind_unknown version_unknown network_mismatch
signature_invalid key_unknown role_missing signatures_insufficient number_used
number_out_of_window validity_expired validity_too_long amount_out_of_range amount_malformed
account_unknown account_exists account_frozen currency_mismatch balance_insufficient
limit_exceeded quota_exceeded reserve_insufficient refund_above_original
programme_budget_exceeded activity_unconfirmed activity_duplicate wage_share_above_cap
wage_consent_missing employee_unknown payroll_already_submitted line_duplicate
file_column_missing file_encoding_unknown date_out_of_range passphrase_wrong port_in_use
data_of_other_network data_of_newer_version disk_full mempool_full node_unreachable
outcome_unknown
"""


def test_every_promised_code_has_a_message_and_a_hint_in_both_languages() -> None:
    for language in LANGUAGES:
        for code in PROMISED_CODES.split():
            assert catalogue.message(code, language).strip(), code
            assert catalogue.hint(code, language).strip(), code


def test_both_languages_have_the_same_codes() -> None:
    assert messages_fr.MESSAGES.keys() == messages_en.MESSAGES.keys()
    assert messages_fr.WORDS.keys() == messages_en.WORDS.keys()


def test_every_code_with_an_exit_code_has_a_message() -> None:
    assert EXIT_CODES.keys() <= catalogue.codes()


def test_messages_are_one_line_and_codes_are_words() -> None:
    for messages in (messages_fr.MESSAGES, messages_en.MESSAGES):
        for code, (message, hint) in messages.items():
            assert re.fullmatch(r"[a-z][a-z0-9_]*", code)
            assert "\n" not in message + hint
            assert message[-1] not in ".!", code


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (Refused("balance_insufficient"), "balance_insufficient", 4),
        (Refused("something_new"), "something_new", 4),
        (Refused("amount_malformed"), "amount_malformed", 2),
        (Refused("passphrase_wrong"), "passphrase_wrong", 5),
        (Refused("node_unreachable"), "node_unreachable", 3),
        (CommandError("outcome_unknown"), "outcome_unknown", 6),
        (CommandError("usage", exit_code=2), "usage", 2),
        (InvariantBroken("x"), "invariant_broken", 1),
        (ValueError("x"), "internal_error", 1),
        (OSError(errno.ENOSPC, "full", "/x"), "disk_full", 2),
        (FileNotFoundError(errno.ENOENT, "no", "/x"), "file_missing", 2),
        (OSError(errno.EADDRINUSE, "used"), "port_in_use", 3),
    ],
)
def test_every_failure_has_its_exit_code(error: Exception, code: str, exit_code: int) -> None:
    report = report_of(error)
    assert (report.code, report.exit_code) == (code, exit_code)


def test_the_lines_name_the_place() -> None:
    report = report_of(Refused("line_duplicate", "x", hint="h", file="a.csv", line=3, field="f"))
    error, hint = report.lines().split("\n")
    assert error == "error[line_duplicate]: une ligne est en double: x (a.csv, ligne 3, f)"
    assert hint == "hint: h"


def test_the_object_leaves_absent_fields_out() -> None:
    value = report_of(Refused("line_duplicate", line=3)).value()
    assert value == {
        "error": {
            "code": "line_duplicate",
            "message": catalogue.message("line_duplicate"),
            "hint": catalogue.hint("line_duplicate"),
            "line": 3,
        }
    }


def test_a_failure_may_still_name_what_it_is_about() -> None:
    value = report_of(CommandError("outcome_unknown", data={"id": "ab"})).value()
    assert value["id"] == "ab"
    assert "error" in value


def test_an_error_stays_one_line_whatever_a_library_says() -> None:
    assert len(report_of(ValueError("a\nb\nc")).lines().split("\n")) == 2
