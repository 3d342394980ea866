"""The watch over `cometbft`: which program is taken, and what becomes of one that ends or won't."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from node.engines.cometbft import program, supervisor
from node.engines.cometbft.comet_log import LINE_BYTES_MAX, CometLog, without_addresses
from node.engines.cometbft.program import VARIABLE, check_program, find_program
from node.engines.cometbft.supervisor import Supervisor
from primitives.errors import Refused
from tests.architecture.sources import ROOT
from tests.node.cometbft.network import until


def a_program(folder: Path, script: str) -> Path:
    """Something that is started as `cometbft start` is."""
    path = folder / "cometbft"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


# -- which program ----------------------------------------------------------------------------


@pytest.mark.parametrize("told", ["0.38.25", "0.38.25+abcdef0", "v0.38.26", "0.38.100"])
def test_the_line_that_was_tried_is_taken(tmp_path: Path, told: str) -> None:
    assert check_program(a_program(tmp_path, f"echo {told}")) == told


@pytest.mark.parametrize(
    "told", ["0.38.24", "0.37.25", "0.39.0", "1.0.1", "1.38.25", "", "help", "0.38.25-rc1", "0.38"]
)
def test_another_version_is_refused(tmp_path: Path, told: str) -> None:
    with pytest.raises(Refused, match="cometbft_version_differs"):
        check_program(a_program(tmp_path, f"echo '{told}'"))


def test_what_does_not_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cometbft"
    path.write_bytes(b"\x7fELF")
    path.chmod(0o755)
    with pytest.raises(Refused, match="cometbft_missing"):
        check_program(path)


def test_the_program_is_found_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "named").mkdir()
    (tmp_path / "path").mkdir()
    in_path, named = a_program(tmp_path / "path", ""), a_program(tmp_path / "named", "")
    installed = a_program(tmp_path, "")
    monkeypatch.setattr(program, "INSTALLED", installed)
    monkeypatch.setenv("PATH", str(in_path.parent))
    monkeypatch.setenv(VARIABLE, str(named))
    assert find_program() == named
    monkeypatch.delenv(VARIABLE)
    assert find_program() == installed
    installed.unlink()
    assert find_program() == in_path
    in_path.unlink()
    with pytest.raises(Refused, match="cometbft_missing"):
        find_program()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    with pytest.raises(Refused, match="cometbft_missing"):
        find_program()


def test_scripts_and_program_name_one_version() -> None:
    pin = (ROOT / "scripts" / "cometbft-pin").read_text()
    assert f'COMETBFT_VERSION="{".".join(map(str, program.VERSION))}"' in pin


# -- the process ------------------------------------------------------------------------------


@asynccontextmanager
async def watched(
    folder: Path, script: str, is_sound: Callable[[], bool] = lambda: True
) -> AsyncIterator[Supervisor]:
    async def nothing() -> None:
        pass

    (folder / "home").mkdir()
    watch = Supervisor(a_program(folder, script), folder / "home", nothing, is_sound)
    await watch.start()
    try:
        yield watch
    finally:
        await watch.stop()
        assert watch.pid is None


def test_who_ends_is_started_again_and_its_last_words_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "PAUSE_SECONDS_MIN", 0.01)
    monkeypatch.setattr(supervisor, "PAUSE_SECONDS_MAX", 0.05)

    async def go() -> None:
        script = 'echo "$@" >> seen; echo "panic: no 10.1.2.3:26656 here"; exit 3'
        async with watched(tmp_path, script) as watch:
            await until(lambda: watch.ends >= 4)

    with capture_logs() as logs:
        asyncio.run(go())
    ends = [line for line in logs if line["event"] == "cometbft_ended"]
    assert {line["code"] for line in ends} == {3}
    assert {line["said"] for line in ends} == {"panic: no … here"}
    pauses = [line["again_in_seconds"] for line in ends]
    assert pauses[:4] == [0.01, 0.02, 0.04, 0.05]
    home = tmp_path / "home"
    started = (home / "seen").read_text().splitlines()
    assert len(started) >= 4
    assert set(started) == {f"start --home {home}"}


def test_nobody_is_started_again_when_our_side_is_not_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "PAUSE_SECONDS_MIN", 0.01)

    async def go() -> None:
        async with watched(tmp_path, "exit 0", lambda: False) as watch:
            await until(watch.has_given_up)
            assert watch.ends == 1

    asyncio.run(go())


def test_who_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "STOP_SECONDS", 0.1)

    async def go() -> None:
        script = "trap '' TERM; touch ready; while :; do sleep 0.05; done"
        async with watched(tmp_path, script) as watch:
            await until((tmp_path / "home" / "ready").exists)
            pid = watch.pid
            assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    with capture_logs() as logs:
        asyncio.run(go())
    assert "cometbft_killed" in [line["event"] for line in logs]


def test_it_gets_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEMOCITE_PASSPHRASE_FILE", "/secret")
    monkeypatch.setenv("CMT_P2P_PEX", "true")

    async def go() -> None:
        script = "env > seen; touch ready; exec sleep 1000"
        async with watched(tmp_path, script):
            await until((tmp_path / "home" / "ready").exists)

    asyncio.run(go())
    seen = (tmp_path / "home" / "seen").read_text()
    assert "DEMOCITE" not in seen
    assert "CMT" not in seen
    assert f"HOME={tmp_path / 'home'}" in seen


def test_a_stop_while_it_is_started_again_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "PAUSE_SECONDS_MIN", 0.01)

    async def go() -> None:
        async with watched(tmp_path, "exec sleep 1000") as watch:
            for _ in range(10):
                assert watch.pid is not None
                os.kill(watch.pid, signal.SIGKILL)
                ends = watch.ends
                await until(lambda: watch.ends > ends)  # noqa: B023
                if ends == 4:
                    return
                await until(lambda: watch.pid is not None)

    asyncio.run(go())


def test_one_that_is_to_begin_anew_is_no_failure(tmp_path: Path) -> None:
    """Another runs at once, nothing is counted, and the next pause is as short as the first."""

    async def go() -> list[int]:
        async with watched(tmp_path, "exec sleep 1000") as watch:
            pids = [watch.pid]
            for _ in range(3):
                await watch.restart("a reason")
                await until(lambda: watch.pid not in (None, *pids))
                pids.append(watch.pid)
            assert watch.ends == 0
            await watch.stop()
            await watch.restart("too late")
            assert watch.pid is None
            return [pid for pid in pids if pid is not None]

    with capture_logs() as logs:
        pids = asyncio.run(go())
    assert len(set(pids)) == 4
    reasons = [line["reason"] for line in logs if line["event"] == "cometbft_begins_anew"]
    assert reasons == 3 * ["a reason"]
    assert not [line for line in logs if line["event"] == "cometbft_ended"]


# -- its log ----------------------------------------------------------------------------------


def passed_on(*lines: bytes, quiet: bool = False) -> list[dict[str, object]]:
    with capture_logs() as logs:
        log = CometLog(lambda: 0.0)
        log.quiet = quiet
        for line in lines:
            log.feed(line + b"\n")
    return [dict(line) for line in logs]


def a_line(**fields: object) -> bytes:
    return json.dumps({"level": "error", "_msg": "m", **fields}).encode()


def test_only_what_is_listed_is_passed_on() -> None:
    line = a_line(
        module="p2p", height=7, peer="Peer{ab@10.1.2.3:26656}", tx="AAAA", err="dial 10.1.2.3:4: no"
    )
    assert passed_on(line) == [
        {
            "event": "cometbft",
            "log_level": "error",
            "message": "m",
            "module": "p2p",
            "height": 7,
            "reason": "dial …: no",
        }
    ]
    assert passed_on(line, quiet=True) == []


@pytest.mark.parametrize(
    "text",
    ["10.1.2.3", "10.1.2.3:80", "[::1]:26656", "[fe80::1%eth0]:80", "2001:db8::1", "fe80::1234:5"],
)
def test_addresses_are_taken_out(text: str) -> None:
    assert without_addresses(f"from {text} to us") == "from … to us"


def test_lines_come_in_any_pieces_and_long_ones_are_cut() -> None:
    with capture_logs() as logs:
        log = CometLog(lambda: 0.0)
        for byte in a_line(_msg="one") + b"\n\n":
            log.feed(bytes([byte]))
        log.feed(b"x" * (3 * LINE_BYTES_MAX))
        log.feed(b"\npanic: two\nmore of it\n" + b"goroutine 1\n" * 50)
    assert [line["message"] for line in logs] == ["one", "panic: two"]
    assert log.last_words == "one:  | panic: two"


def test_the_same_again_is_counted() -> None:
    now = 0.0
    with capture_logs() as logs:
        log = CometLog(lambda: now)
        for _ in range(5):
            log.feed(a_line() + b"\n")
        now = 31.0
        log.feed(a_line() + b"\n")
    assert [line.get("repeated") for line in logs] == [None, 4]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"_msg": "CONSENSUS FAILURE!!!", "err": "failed to apply block"}, [False]),
        ({"_msg": "CONSENSUS FAILURE!!!", "err": "+2/3 committed an invalid block: no"}, [True]),
        (
            {
                "_msg": "CONSENSUS FAILURE!!!",
                "err": "+2/3 committed an invalid block: block time 2026-11-29 04:12:33.5 +0000 UTC"
                " is too far in the future (wall clock 2026-11-29 04:10:00 +0000 UTC)",
            },
            [False],
        ),
        (
            {
                "_msg": "Error in validation",
                "module": "blocksync",
                "err": "wrong Block.Header.AppHash.  Expected A, got B",
            },
            [True],
        ),
        # A peer may send anything; what it sends is not decided by that.
        ({"_msg": "Error in validation", "module": "blocksync", "err": "wrong signature"}, []),
        (
            {
                "_msg": "prevote step: consensus deems this block invalid; prevoting nil",
                "module": "consensus",
                "err": "wrong Block.Header.AppHash.  Expected A, got B",
            },
            [],
        ),
    ],
)
def test_a_halt_is_seen_in_the_log(fields: dict[str, object], told: list[bool]) -> None:
    heard: list[bool] = []
    log = CometLog(lambda: 0.0, lambda reason, diverged: heard.append(diverged))
    log.feed(a_line(**fields) + b"\n")
    assert heard == told
    log.quiet = True
    log.feed(a_line(**fields) + b"\n")
    assert heard == told


def test_a_process_without_its_consensus_is_ended_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "PAUSE_SECONDS_MIN", 0.01)

    async def go() -> None:
        line = a_line(_msg="CONSENSUS FAILURE!!!", err="disk full").decode()
        script = f"test -e once || {{ touch once; echo '{line}'; }}; exec sleep 1000"
        async with watched(tmp_path, script) as watch:
            await until(lambda: watch.pid is not None)
            first = watch.pid
            await until(lambda: watch.ends == 1)
            await until(lambda: watch.pid not in (None, first))
            assert watch.ends == 1  # the second says nothing of the kind, and lives on

    asyncio.run(go())


@pytest.mark.parametrize("raw", [b"[" * 5000, b"{}", b'{"_msg": 3}', b"\xff\xfe", b'"x"'])
def test_what_is_no_line_of_its_log_is_no_harm(raw: bytes) -> None:
    assert passed_on(raw) == []
