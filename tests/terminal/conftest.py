"""Every test begins in French, and leaves no choice behind."""

from collections.abc import Iterator

import pytest

from terminal.languages import DEFAULT_LANGUAGE, set_language
from terminal.results import want_json


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    set_language(DEFAULT_LANGUAGE)
    want_json(False)
    yield
    set_language(DEFAULT_LANGUAGE)
    want_json(False)
