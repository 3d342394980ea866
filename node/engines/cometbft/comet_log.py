"""CometBFT's log, passed on into ours without personal data.

Of each line only what is listed here goes on, with network addresses taken out: whoever knocked at
the door is nobody's business. What is no line of its log (a panic) is kept as its last words.
"""

import json
import re
from collections import deque
from collections.abc import Callable

import structlog

LINE_BYTES_MAX = 16 * 1024
TEXT_MAX = 300
LAST_WORDS_MAX = 5
SAME_AGAIN_SECONDS = 30
KNOWN_MAX = 256
_LEVELS = {"error": "error", "warn": "warning", "info": "info", "debug": "debug"}
_PASSED_ON = ("module", "height", "round")
_REASONS = ("err", "error", "reason")
_ADDRESS = re.compile(
    r"\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?|\[[0-9A-Fa-f:.%a-z]*\](?::\d+)?|(?:[0-9A-Fa-f]*:){2,}[0-9A-Fa-f]*"
)


class CometLog:
    """Takes what the process writes, in pieces. `clock` counts seconds.

    `on_halted` is told when CometBFT has stopped to decide although its process goes on, with the
    reason, and whether it is that more than two thirds decided what does not follow from our state.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        on_halted: Callable[[str, bool], None] = lambda reason, diverged: None,
    ) -> None:
        self._on_halted = on_halted
        self._log = structlog.get_logger("cometbft")
        self._clock = clock
        self._rest = b""
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}
        self._words: deque[str] = deque(maxlen=LAST_WORDS_MAX)
        self.quiet = False
        """Nothing is passed on: a process that is being stopped complains of all it loses."""

    @property
    def last_words(self) -> str:
        """What a process said that ended: its panic, or the error that kept it from starting."""
        return " | ".join(self._words)

    def begin(self) -> None:
        """Another process writes from now on."""
        self._rest = b""
        self._words.clear()

    def feed(self, data: bytes) -> None:
        """Pass on the lines that are whole; of one that is too long, the beginning."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[:LINE_BYTES_MAX]
        for line in lines:
            if line.strip() and not self.quiet:
                self._line(line[:LINE_BYTES_MAX])

    def _line(self, line: bytes) -> None:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not isinstance(found.get("_msg"), str):
            self._plain(line.decode(errors="replace"))
            return
        level = _LEVELS.get(str(found.get("level")), "info")
        fields = {
            name: found[name]
            for name in _PASSED_ON
            if isinstance(found.get(name), int | str) and len(str(found[name])) <= TEXT_MAX
        }
        reason = next((found[name] for name in _REASONS if found.get(name)), None)
        if reason is not None:
            fields["reason"] = without_addresses(str(reason))[:TEXT_MAX]
        message = without_addresses(found["_msg"])[:TEXT_MAX]
        self._look_for_halt(fields.get("module"), message, str(fields.get("reason", "")))
        repeated = self._repeated(str(fields.get("module", "")), message)
        if repeated is None:
            return
        if repeated:
            fields["repeated"] = repeated
        getattr(self._log, level)("cometbft", message=message, **fields)
        if level == "error":
            self._words.append(f"{message}: {fields.get('reason', '')}"[:TEXT_MAX])

    def _look_for_halt(self, module: object, message: str, reason: str) -> None:
        """A panic of the consensus is caught in CometBFT, and its process lives on without. Blocks
        that it fetches are verified before they are held against our state, so one that contradicts
        it then is decided; in the consensus, anybody may propose such a one."""
        if message.startswith("CONSENSUS FAILURE"):
            # Where this machine's clock is late by more than a minute, the clock is at fault.
            diverged = "invalid block" in reason and "in the future" not in reason
        elif module == "blocksync" and message == "Error in validation":
            diverged = "wrong Block.Header." in reason
            if not diverged:
                return
        else:
            return
        self._on_halted(reason, diverged)

    def _plain(self, line: str) -> None:
        """A panic's first line, or why it can't start; never what it holds in memory."""
        line = without_addresses(line.strip())[:TEXT_MAX]
        if line.startswith(("panic:", "ERROR:", "Error:", "fatal error:")):
            self._words.append(line)
            self._log.error("cometbft", message=line)

    def _repeated(self, module: str, message: str) -> int | None:
        """How often the same was left out before this one; None if this one is to be, too."""
        now = self._clock()
        told, left_out = self._seen.get((module, message), (None, 0))
        if told is not None and now - told < SAME_AGAIN_SECONDS:
            self._seen[module, message] = (told, left_out + 1)
            return None
        if len(self._seen) >= KNOWN_MAX:
            self._seen.clear()
        self._seen[module, message] = (now, 0)
        return left_out


def without_addresses(text: str) -> str:
    """The text with addresses of machines taken out."""
    return _ADDRESS.sub("…", text)
