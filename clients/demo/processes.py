"""Child processes that never outlive this one, and commands of `democite` as one would type them.

Children stand in a session of their own, so that Ctrl-C reaches this process alone, which then
stops them in order. When this process is killed outright, Linux tells them so.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from terminal.errors import CommandError
from terminal.languages import current_language

PROGRAM = (sys.executable, "-m", "clients.cli.main")
PR_SET_PDEATHSIG = 1
COMMAND_SECONDS = 60.0
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


async def start(words: Sequence[str], *, errors: IO[bytes]) -> asyncio.subprocess.Process:
    """Start `democite WORDS…`; its stdout is a pipe, its stderr goes to `errors`."""
    parent = os.getpid()

    def tie_to_parent() -> None:
        if _LIBC is not None:
            _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)

    return await asyncio.create_subprocess_exec(
        *PROGRAM,
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=errors,
        env={**os.environ, "DEMOCITE_LANG": current_language()},
        start_new_session=True,
        preexec_fn=tie_to_parent,
    )


async def call(words: Sequence[str], log: Path) -> None:
    """Run one command of `democite` to its end. Raises `CommandError` with what it said."""
    with log.open("ab") as errors:
        process = await start(words, errors=errors)
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()
    if process.returncode != 0:
        code, message, hint = last_error(log)
        name = " ".join(words[:2])
        raise CommandError(
            code, f"democite {name}: {message}", hint, exit_code=process.returncode, file=str(log)
        )


def ask(words: Sequence[str]) -> None:
    """Run one short command of `democite` before there is a folder for logs. Raises `CommandError`
    with what it refused, as if it had been asked here."""
    env = {**os.environ, "DEMOCITE_LANG": current_language()}
    done = subprocess.run(
        [*PROGRAM, *words], capture_output=True, check=False, timeout=COMMAND_SECONDS, env=env
    )
    if done.returncode != 0:
        code, message, hint = _error_in(done.stderr.decode(errors="replace"))
        raise CommandError(code, message, hint, exit_code=done.returncode)


def last_error(log: Path) -> tuple[str, str, str]:
    """Code, message and hint of the last failure in a log."""
    return _error_in(log.read_text(errors="replace"))


def _error_in(said: str) -> tuple[str, str, str]:
    code, message, hint = "internal_error", "", ""
    for line in said.splitlines():
        if line.startswith("error[") and "]: " in line:
            code, message = line.removeprefix("error[").split("]: ", 1)
            hint = ""
        elif line.startswith("hint: "):
            hint = line.removeprefix("hint: ")
    return code, message, hint


def processor_seconds(pid: int) -> float:
    """User and system time that a process took so far; Linux only, 0 elsewhere."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    except (OSError, IndexError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
