"""Structured logs on stderr, one JSON object a line. They carry no personal data: no addresses of
wallets or of machines that ask, no account ids, no amounts."""

import logging
import sys

import structlog
import structlog.tracebacks
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer


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
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    # It writes a traceback with the asker's address for every line that is no HTTP; what goes wrong
    # in a handler never gets that far (`node.api.problems`).
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
