"""Logs go to stderr as it is now, and a stderr that is gone stops nobody."""

import io
import sys

import pytest
import structlog

from node.logs import StandardError, configure_logs


def test_a_closed_stderr_loses_lines_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = io.StringIO()
    monkeypatch.setattr(sys, "stderr", gone)
    configure_logs()
    try:
        log = structlog.get_logger("test")
        log.info("before")
        assert '"event": "before"' in gone.getvalue()
        gone.close()
        log.info("lost")
        following = io.StringIO()
        monkeypatch.setattr(sys, "stderr", following)
        log.info("after")
        assert '"event": "after"' in following.getvalue()
        assert StandardError().write("12") == 2
    finally:
        structlog.reset_defaults()
