"""Starts the `cometbft` process, watches it, starts it again, and never leaves it behind.

- It is killed when this process dies, however it dies (`die_with_parent`).
- It gets no environment of ours: no passphrase, nothing that would override its configuration.
- When it ends by itself it is started again, later each time, as long as our side is sound. One
  that lives on without its consensus is ended first.
- A stop asks it to end; what does not end in time is killed. Its files survive that.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog

from node.engines.cometbft import die_with_parent
from node.engines.cometbft.comet_log import CometLog

STOP_SECONDS = 6
"""Of the ten within which a node stops."""

PAUSE_SECONDS_MIN = 0.5
PAUSE_SECONDS_MAX = 30
SOUND_SECONDS = 60
"""Who ran so long starts again without waiting longer than the first time."""

READ_BYTES = 64 * 1024


class Supervisor:
    """One `cometbft` process after another.

    `before_start` is awaited before each start: what the process of before held must be let go.
    `is_sound` says whether our own side could serve another one. `on_diverged` is told that more
    than two thirds decided what our state does not follow from: a bug, or more than f faulty.
    """

    def __init__(
        self,
        program: Path,
        home: Path,
        before_start: Callable[[], Awaitable[None]],
        is_sound: Callable[[], bool],
        *,
        descriptors: Sequence[int] = (),
        on_diverged: Callable[[str], None] = lambda reason: None,
    ) -> None:
        self._program = program
        self._home = home
        self._before_start = before_start
        self._is_sound = is_sound
        self._descriptors = tuple(descriptors)
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("cometbft")
        self._on_diverged = on_diverged
        self._output = CometLog(asyncio.get_running_loop().time, self._halted)
        self._stopping = False
        self._asked_to_end = False
        self.ends = 0
        """How often it ended by itself."""

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    def has_given_up(self) -> bool:
        """Whether the last process ended and no other is to follow."""
        return self._watching is not None and self._watching.done()

    @property
    def last_words(self) -> str:
        """What the process said last that is more than its everyday, without addresses."""
        return self._output.last_words

    async def start(self) -> None:
        """Start it, and keep it running."""
        await self._spawn()
        self._watching = asyncio.ensure_future(self._watch())

    async def stop(self) -> None:
        """End it, within `STOP_SECONDS` and a moment."""
        self._stopping = self._output.quiet = True
        await self._end()
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
            self._watching = None
        await self._end()  # one that was just being started

    async def restart(self, reason: str) -> None:
        """End it, so that another one begins at once with what holds now."""
        process = self._process
        if self._stopping or process is None or process.returncode is not None:
            return
        self._log.warning("cometbft_begins_anew", reason=reason)
        self._asked_to_end = True
        await self._end()

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            self._log.warning("cometbft_killed", after_seconds=STOP_SECONDS)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _halted(self, reason: str, diverged: bool) -> None:
        self._log.error("cometbft_halted", reason=reason, diverged=diverged)
        if diverged:
            self._on_diverged(reason)
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def _spawn(self) -> None:
        await self._before_start()
        self._output.begin()
        wrapper = [sys.executable, "-I", "-S", str(Path(die_with_parent.__file__))]
        command = [str(self._program), "start", "--home", str(self._home)]
        self._process = await asyncio.create_subprocess_exec(
            *wrapper,
            str(os.getpid()),
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"HOME": str(self._home)},
            cwd=self._home,
            pass_fds=self._descriptors,
            # Ctrl-C at the terminal is for the node, which ends CometBFT in order.
            start_new_session=True,
        )
        self._log.info("cometbft_started", pid=self._process.pid)

    async def _watch(self) -> None:
        pause = PAUSE_SECONDS_MIN
        clock = asyncio.get_running_loop().time
        while True:
            begun = clock()
            code = await self._read_until_end()
            if self._stopping:
                return
            if self._asked_to_end:
                self._asked_to_end = False
                await self._spawn()
                continue
            self.ends += 1
            if clock() - begun >= SOUND_SECONDS:
                pause = PAUSE_SECONDS_MIN
            self._log.error(
                "cometbft_ended", code=code, again_in_seconds=pause, said=self.last_words
            )
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)
            if self._stopping or not self._is_sound():
                self._log.error("cometbft_not_started_again")
                return
            await self._spawn()

    async def _read_until_end(self) -> int:
        process = self._process
        if process is None or process.stdout is None:
            return -1
        while data := await process.stdout.read(READ_BYTES):
            self._output.feed(data)
        return await process.wait()
