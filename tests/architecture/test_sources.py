"""Size, names and words of the source files, and what the pure parts must not compute with."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import (
    ROOT,
    package_files,
    place,
    python_files,
    text_of,
    tracked_files,
    tree_of,
)

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

# Path or path:function, each with the reason why it may be longer. Better: none.
LONGER_ON_PURPOSE: dict[str, str] = {}

FORBIDDEN_NAMES = frozenset({"utils", "util", "helpers", "common", "base", "manager", "misc"})

# Spelt in two halves, so that this file does not hold what it looks for.
LEFT_OVER_WORDS = ("TO" + "DO", "FIX" + "ME")
REGISTRY_ADDRESSES = ("pypi" + ".org", "files.python" + "hosted", "/pypi/" + "simple")

# Where money is counted and votes are weighed, whole numbers only.
WHOLE_NUMBERS_ONLY = ("ledger", "consensus")


def test_files_are_short() -> None:
    long = {
        place(path): lines
        for path in python_files()
        if (lines := len(text_of(path).splitlines())) > FILE_LINES_MAX
        and place(path) not in LONGER_ON_PURPOSE
    }
    assert not long


def test_functions_are_short() -> None:
    long = {
        f"{place(path)}:{node.name}": lines
        for path in python_files()
        for node in _functions(path)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
        and f"{place(path)}:{node.name}" not in LONGER_ON_PURPOSE
    }
    assert not long


def test_exceptions_are_needed_and_reasoned() -> None:
    names = {place(path) for path in python_files()}
    names |= {f"{place(path)}:{node.name}" for path in python_files() for node in _functions(path)}
    assert set(LONGER_ON_PURPOSE) <= names
    assert all(LONGER_ON_PURPOSE.values())


def test_every_name_says_what_it_names() -> None:
    vague = [
        place(path)
        for path in python_files()
        if {path.stem, *path.relative_to(ROOT).parts[:-1]} & FORBIDDEN_NAMES
    ]
    assert not vague


def test_nothing_is_left_for_later() -> None:
    assert not list(_lines_with(LEFT_OVER_WORDS))


def test_no_registry_is_named() -> None:
    assert not list(_lines_with(REGISTRY_ADDRESSES))


def test_rules_are_not_written_as_assertions() -> None:
    """`python -O` would switch them off."""
    found = [
        place(path, node.lineno)
        for path in package_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Assert)
    ]
    assert not found


def test_money_and_votes_are_whole_numbers() -> None:
    found = [
        place(path, node.lineno)
        for path in package_files()
        if _whole_numbers_only(path)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.expr | ast.AugAssign) and _is_fractional(node)
    ]
    assert not found


def _whole_numbers_only(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return parts[0] in WHOLE_NUMBERS_ONLY and parts[1] != "simulation"


def _is_fractional(node: ast.expr | ast.AugAssign) -> bool:
    """A float, a true division, or a call that makes a float."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, float | complex)
    if isinstance(node, ast.BinOp | ast.AugAssign):
        return isinstance(node.op, ast.Div)
    return isinstance(node, ast.Name) and node.id == "float"


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _lines_with(words: tuple[str, ...]) -> Iterator[str]:
    for path in tracked_files():
        for line, text in enumerate(text_of(path).splitlines(), start=1):
            if any(word in text for word in words):
                yield place(path, line)
