"""Failures as people and programs meet them: one `error[CODE]` line, one `hint` line, an exit code.

Exit codes: 0 done, 1 bug, 2 usage or unreadable input, 3 network, 4 refused by a rule,
5 authentication, 6 outcome unknown, 130 interrupted (`interface.md`).
"""

import dataclasses
import errno
from collections.abc import Mapping
from dataclasses import dataclass

from primitives.errors import InvariantBroken, Refused
from terminal import catalogue
from terminal.line_refusals import LineRefusal, LinesRefused

EXIT_DONE = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_NETWORK = 3
EXIT_REFUSED = 4
EXIT_AUTHENTICATION = 5
EXIT_UNKNOWN = 6
EXIT_INTERRUPTED = 130

# Codes whose exit code is not 4, "refused by a rule".
EXIT_CODES: dict[str, int] = {
    "internal_error": EXIT_BUG,
    "invariant_broken": EXIT_BUG,
    "state_root_differs": EXIT_BUG,
    "simulation_violation": EXIT_BUG,
    "usage": EXIT_USAGE,
    "part_not_installed": EXIT_USAGE,
    "option_missing": EXIT_USAGE,
    "file_missing": EXIT_USAGE,
    "file_exists": EXIT_USAGE,
    "file_unreadable": EXIT_USAGE,
    "file_unwritable": EXIT_USAGE,
    "address_malformed": EXIT_USAGE,
    "amount_malformed": EXIT_USAGE,
    "note_malformed": EXIT_USAGE,
    "card_malformed": EXIT_USAGE,
    "encoding_not_canonical": EXIT_USAGE,
    "genesis_malformed": EXIT_USAGE,
    "backup_malformed": EXIT_USAGE,
    "confirmation_missing": EXIT_USAGE,
    "registry_missing": EXIT_USAGE,
    "keystore_malformed": EXIT_USAGE,
    "keystore_twice": EXIT_USAGE,
    "receipt_malformed": EXIT_USAGE,
    "checkpoint_malformed": EXIT_USAGE,
    "retention_malformed": EXIT_USAGE,
    "evidence_malformed": EXIT_USAGE,
    "request_malformed": EXIT_USAGE,
    "outbox_malformed": EXIT_USAGE,
    "file_column_missing": EXIT_USAGE,
    "file_encoding_unknown": EXIT_USAGE,
    "file_column_unknown": EXIT_USAGE,
    "file_row_malformed": EXIT_USAGE,
    "file_too_large": EXIT_USAGE,
    "file_empty": EXIT_USAGE,
    "cell_empty": EXIT_USAGE,
    "cell_too_long": EXIT_USAGE,
    "date_malformed": EXIT_USAGE,
    "period_malformed": EXIT_USAGE,
    "count_malformed": EXIT_USAGE,
    "consent_malformed": EXIT_USAGE,
    "disclosure_malformed": EXIT_USAGE,
    "data_of_other_network": EXIT_USAGE,
    "data_of_newer_version": EXIT_USAGE,
    "data_of_older_version": EXIT_USAGE,
    "data_in_use": EXIT_USAGE,
    "data_missing": EXIT_USAGE,
    "data_malformed": EXIT_USAGE,
    "demo_card": EXIT_USAGE,
    "disk_full": EXIT_USAGE,
    "engine_unknown": EXIT_USAGE,
    "engine_keys_missing": EXIT_USAGE,
    "engine_unavailable": EXIT_USAGE,
    "genesis_without_us": EXIT_USAGE,
    "host_port_malformed": EXIT_USAGE,
    "parameter_unknown": EXIT_USAGE,
    "store_corrupt": EXIT_USAGE,
    "store_of_other_kind": EXIT_USAGE,
    "store_unknown": EXIT_USAGE,
    "store_unreadable": EXIT_USAGE,
    "journal_corrupt": EXIT_USAGE,
    "endorsement_malformed": EXIT_USAGE,
    "recovery_key_unknown": EXIT_USAGE,
    "succession_block_missing": EXIT_USAGE,
    "succession_block_waiting": EXIT_USAGE,
    "succession_commit_missing": EXIT_USAGE,
    "succession_lacks_blocks": EXIT_USAGE,
    "succession_none": EXIT_USAGE,
    "succession_unfinished": EXIT_USAGE,
    "succession_without_state": EXIT_USAGE,
    "wallet_in_use": EXIT_USAGE,
    "wallet_of_other_network": EXIT_USAGE,
    "port_in_use": EXIT_NETWORK,
    "node_unreachable": EXIT_NETWORK,
    "node_answer_malformed": EXIT_NETWORK,
    "node_of_other_network": EXIT_NETWORK,
    "node_busy": EXIT_NETWORK,
    "node_not_ready": EXIT_NETWORK,
    "address_unusable": EXIT_NETWORK,
    "version_not_kept": EXIT_NETWORK,
    "node_behind": EXIT_NETWORK,
    "epoch_unknown": EXIT_NETWORK,
    "mempool_full": EXIT_NETWORK,
    "not_final_yet": EXIT_NETWORK,
    "passphrase_missing": EXIT_AUTHENTICATION,
    "passphrase_empty": EXIT_AUTHENTICATION,
    "passphrase_differs": EXIT_AUTHENTICATION,
    "passphrase_wrong": EXIT_AUTHENTICATION,
    "request_stale": EXIT_AUTHENTICATION,
    "request_replayed": EXIT_AUTHENTICATION,
    "outcome_unknown": EXIT_UNKNOWN,
    "interrupted": EXIT_INTERRUPTED,
}


def exit_code_of(code: str) -> int:
    """The exit code of a failure with this code."""
    return EXIT_CODES.get(code, EXIT_REFUSED)


class CommandError(Exception):
    """A command cannot do what was asked.

    `message` and `hint` are already in the user's language; empty ones come from the catalogue.
    `exit_code` follows from the code unless given. `data` is put beside `error` in `--json`, for a
    failure that still has something to name, such as the id of a payment of unknown outcome.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        hint: str = "",
        *,
        exit_code: int | None = None,
        file: str | None = None,
        line: int | None = None,
        field: str | None = None,
        data: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.hint = hint
        self.exit_code = exit_code_of(code) if exit_code is None else exit_code
        self.file = file
        self.line = line
        self.field = field
        self.data = dict(data or {})


@dataclass(frozen=True)
class ErrorReport:
    """A failure, ready to be printed."""

    code: str
    message: str
    hint: str
    exit_code: int
    file: str | None = None
    line: int | None = None
    field: str | None = None
    data: Mapping[str, object] = dataclasses.field(default_factory=dict)
    refusals: tuple[LineRefusal, ...] = ()

    def value(self) -> dict[str, object]:
        """The object that `--json` prints; absent fields are left out."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        optional = {"hint": self.hint, "file": self.file, "line": self.line, "field": self.field}
        error.update({name: value for name, value in optional.items() if value not in (None, "")})
        data = dict(self.data)
        if self.refusals:
            data["refusals"] = [refusal.value() for refusal in self.refusals]
        return {**data, "error": error}

    def lines(self) -> str:
        """The line `error[…]` and, where there is one, the line `hint: …`.

        Before them, each refused line of a file has a line of its own.
        """
        place = ", ".join(
            part
            for part in (
                self.file or "",
                f"{catalogue.word('line')} {self.line}" if self.line is not None else "",
                self.field or "",
            )
            if part
        )
        where = f" ({place})" if place else ""
        error = f"error[{self.code}]: {_one_line(self.message)}{where}"
        lines = [refusal.shown(self.file) for refusal in self.refusals]
        lines.append(error)
        if self.hint:
            lines.append(f"hint: {_one_line(self.hint)}")
        return "\n".join(lines)


def report_of(error: BaseException) -> ErrorReport:
    """What to print for any exception that leaves a command."""
    if isinstance(error, CommandError):
        return ErrorReport(
            code=error.code,
            message=error.message or catalogue.message(error.code),
            hint=error.hint or catalogue.hint(error.code),
            exit_code=error.exit_code,
            file=error.file,
            line=error.line,
            field=error.field,
            data=error.data,
        )
    if isinstance(error, Refused):
        return ErrorReport(
            code=error.code,
            message=_with_detail(catalogue.message(error.code), error.detail),
            hint=error.hint or catalogue.hint(error.code),
            exit_code=exit_code_of(error.code),
            file=error.file,
            line=error.line,
            field=error.field,
        )
    if isinstance(error, LinesRefused):
        return ErrorReport(
            code=error.code,
            message=error.summary(),
            hint=catalogue.hint(error.code),
            exit_code=exit_code_of(error.code),
            file=error.file,
            refusals=error.refusals,
        )
    if isinstance(error, OSError):
        return _report_of_os_error(error)
    if isinstance(error, InvariantBroken):
        return _bug("invariant_broken", str(error))
    return _bug("internal_error", f"{type(error).__name__}: {error}".rstrip(": "))


def _bug(code: str, detail: str) -> ErrorReport:
    return ErrorReport(
        code=code,
        message=_with_detail(catalogue.message(code), detail),
        hint=catalogue.hint(code),
        exit_code=EXIT_BUG,
    )


def _report_of_os_error(error: OSError) -> ErrorReport:
    """A file that cannot be read or written is the user's to mend, not a bug of ours."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        code = "disk_full"
    elif error.errno == errno.EADDRINUSE:
        code = "port_in_use"
    elif isinstance(error, FileNotFoundError):
        code = "file_missing"
    elif isinstance(error, FileExistsError):
        code = "file_exists"
    elif isinstance(error, PermissionError | IsADirectoryError | NotADirectoryError):
        code = "file_unreadable"
    else:
        return _bug("internal_error", f"{type(error).__name__}: {error}")
    return ErrorReport(
        code=code,
        message=catalogue.message(code),
        hint=catalogue.hint(code),
        exit_code=exit_code_of(code),
        file=str(error.filename) if error.filename is not None else None,
    )


def _with_detail(message: str, detail: str) -> str:
    return f"{message}: {detail}" if detail else message


def _one_line(message: str) -> str:
    """An error is one line, whatever a library put into its text."""
    return " ".join(message.split())
