"""Which files the rules of the house are about."""

import ast
import functools
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("primitives", "terminal", "ledger", "consensus", "node", "wallet", "clients")
TEXT_BYTES_MAX = 4 * 1024 * 1024


@functools.cache
def tracked_files() -> tuple[Path, ...]:
    """Every file that is part of the project: what git knows, or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=30,
    ).stdout.decode()
    paths = [ROOT / name for name in listed.split("\0") if name]
    return tuple(path for path in paths if path.is_file())


@functools.cache
def python_files() -> tuple[Path, ...]:
    """Every Python file of the project, tests included."""
    return tuple(path for path in tracked_files() if path.suffix == ".py")


@functools.cache
def package_files() -> tuple[Path, ...]:
    """Every Python file of the packages, tests left out."""
    return tuple(path for path in python_files() if path.relative_to(ROOT).parts[0] in PACKAGES)


@functools.cache
def text_of(path: Path) -> str:
    """A file's text; empty for one that is none."""
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8") if len(raw) <= TEXT_BYTES_MAX else ""
    except UnicodeDecodeError:
        return ""


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """A Python file's syntax tree."""
    return ast.parse(text_of(path), filename=str(path))


def place(path: Path, line: int | None = None) -> str:
    """Where something is, as people read it."""
    name = str(path.relative_to(ROOT))
    return name if line is None else f"{name}:{line}"
