"""A command's work that waits, run to its end."""

from collections.abc import Coroutine
from typing import Any, TypeVar

Outcome = TypeVar("Outcome")


def run_to_end(work: Coroutine[Any, Any, Outcome]) -> Outcome:
    """What `work` comes to. asyncio is loaded only then: it is a quarter of a help page."""
    import asyncio

    return asyncio.run(work)
