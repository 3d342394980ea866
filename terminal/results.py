"""What a command hands back, and how it is shown.

A command returns a `Result`; only `clients.cli.main.run` prints it. So no command prints a
half-finished object before it fails, and each can be called as a function by tests.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Result:
    """A command's outcome: `data` for programs, `text` for people.

    `text` may be empty; then nothing is printed for people. `exit_code` is 0 unless the result
    itself says that a check did not hold. `shown` is called once the result has been printed: a
    payment counts as told to its user only then, so that a process killed before leaves a payment
    that the next call takes up.
    """

    data: Mapping[str, object] = field(default_factory=dict)
    text: str = ""
    exit_code: int = 0
    shown: Callable[[], None] | None = None


_json_wanted = False


def want_json(wanted: bool) -> bool:
    """Note whether `--json` was given; the callback of `terminal.options.JsonOption`."""
    global _json_wanted
    _json_wanted = wanted
    return wanted


def json_wanted() -> bool:
    """Whether this run's stdout must hold exactly one JSON object."""
    return _json_wanted


def json_line(data: Mapping[str, object]) -> str:
    """One JSON object on one line, in UTF-8, names in the order given."""
    return json.dumps(data, ensure_ascii=False, separators=(", ", ": "), allow_nan=False)
