"""Figures of a network's life, each measure by its name:

    .venv/bin/python -m benchmarks.life MEASURE [--short] [--json FILE] [OPTIONS]

`--short` takes small counts, to see that it runs; its figures say nothing. README.md in the folder
above says how to read the figures.
"""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from benchmarks import figures_file, life_wallet
from benchmarks.arguments import count, new_file, seconds
from benchmarks.life import catching_up, idle, prune, restart, snapshots
from benchmarks.machine import machine
from benchmarks.processes import ended_in_order

Measure = Callable[[argparse.Namespace], Awaitable[dict[str, Any]]]

MILLION = 1_000_000


def _restart(options: argparse.Namespace) -> Awaitable[dict[str, Any]]:
    return restart.measure(options.accounts, options.repeats, compared=not options.short)


def _idle(options: argparse.Namespace) -> Awaitable[dict[str, Any]]:
    return idle.measure(options.seconds)


def _catching_up(options: argparse.Namespace) -> Awaitable[dict[str, Any]]:
    return catching_up.measure(options.seconds)


def _snapshot(options: argparse.Namespace) -> Awaitable[dict[str, Any]]:
    return snapshots.measure(options.accounts, options.quiet)


def _prune(options: argparse.Namespace) -> Awaitable[dict[str, Any]]:
    return prune.measure(options.seconds)


def _wallet(options: argparse.Namespace) -> Awaitable[dict[str, Any]]:
    return life_wallet.measure(options.territories, options.epochs)


MEASURES: dict[str, tuple[Measure, dict[str, tuple[Any, Any]]]] = {
    "restart": (_restart, {"accounts": (MILLION, 500), "repeats": (3, 1)}),
    "catching-up": (_catching_up, {"seconds": (30.0, 1.0)}),
    "snapshot": (_snapshot, {"accounts": (MILLION, 2_000), "quiet": (5.0, 0.5)}),
    "prune": (_prune, {"seconds": (20.0, 1.0)}),
    "idle": (_idle, {"seconds": (130.0, 2.0)}),
    "wallet": (_wallet, {"territories": (40, 4), "epochs": (52, 3)}),
}
"""Each with its options: their values in earnest, and with `--short`."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.life", description=__doc__.splitlines()[0])
    subparsers = parser.add_subparsers(dest="measure", required=True)
    for name, (measure, defaults) in MEASURES.items():
        each = subparsers.add_parser(name)
        each.add_argument("--short", action="store_true")
        each.add_argument("--json", metavar="FILE", type=new_file)
        for option, (usual, _) in defaults.items():
            each.add_argument(
                f"--{option}", metavar="N", type=seconds if isinstance(usual, float) else count()
            )
        each.set_defaults(run=measure)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for option, (usual, short) in MEASURES[options.measure][1].items():
        if getattr(options, option) is None:
            setattr(options, option, short if options.short else usual)
    figures = {
        "measure": options.measure,
        "machine": machine(),
        "short": options.short,
        **asyncio.run(options.run(options)),
    }
    print(json.dumps(figures, indent=1))
    if options.json is not None:
        figures_file.write(options.json, figures)
    return 0


if __name__ == "__main__":
    sys.exit(ended_in_order(main))
