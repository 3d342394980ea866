"""Arguments that the commands of this folder have in common: what is wrong is said before anything
is measured, since it would cost the minutes that measuring takes."""

import argparse
import math
import os
from collections.abc import Callable
from pathlib import Path

from benchmarks import figures_file
from benchmarks.figures_file import Figures

COUNT_MAX = 10_000_000
SECONDS_MAX = 86_400.0


def count(least: int = 1, most: int = COUNT_MAX) -> Callable[[str], int]:
    """A whole number between these."""

    def read(word: str) -> int:
        try:
            number = int(word)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{word!r} is no whole number from {least} to {most}")
        return number

    return read


def counts(least: int = 1, most: int = COUNT_MAX) -> Callable[[str], list[int]]:
    """Whole numbers between these, with commas; none is an empty word."""
    one = count(least, most)
    return lambda words: [one(word) for word in words.split(",")] if words else []


def seconds(word: str) -> float:
    """A length of time: more than nothing, a day at most."""
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not 0 < number <= SECONDS_MAX:
        raise argparse.ArgumentTypeError(f"{word!r} is no number of seconds up to a day")
    return number


def new_file(word: str) -> Path:
    """A file that can be written, whether or not there is one."""
    file = Path(word)
    if file.is_dir():
        raise argparse.ArgumentTypeError(f"{word} is a folder")
    if not file.parent.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{word} can't be written")
    return file


def figures(word: str) -> Figures:
    """What an earlier command of this folder wrote."""
    try:
        return figures_file.read(Path(word))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error
