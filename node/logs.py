"""Structured logs on stderr, one JSON object a line. They carry no personal data: no addresses of
wallets or of machines that ask, no account ids, no amounts."""

import contextlib
import io
import logging
import sys
from typing import TextIO, cast

import structlog
import structlog.tracebacks
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer


class StandardError(io.TextIOBase):
    """Whatever stderr is now. A log that nobody reads any more must not stop a node, so lines that
    can't be written are lost."""

    def write(self, text: str, /) -> int:
        """Write, or lose it."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or not."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


def configure_logs() -> None:
    """Set logging up for the whole process."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Local variables would show whose account and which amount.
            ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, StandardError())),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=StandardError())
    # It writes a traceback with the asker's address for every line that is no HTTP; what goes wrong
    # in a handler never gets that far (`node.api.problems`).
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
