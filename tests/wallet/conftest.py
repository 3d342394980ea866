"""Tests that are coroutines run in a loop of their own."""

import asyncio
import inspect
from collections.abc import Iterator

import pytest

from terminal.languages import DEFAULT_LANGUAGE, set_language
from terminal.results import want_json


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test to its end."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    """Commands choose a language for the whole process: leave none behind."""
    yield
    set_language(DEFAULT_LANGUAGE)
    want_json(False)
