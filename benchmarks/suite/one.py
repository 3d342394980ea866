"""One round of one measure: `python -m benchmarks.suite.one NAME FORM FILE`.

In a process of its own, so that none begins with another's memory.
"""

import asyncio
import logging
import sys
from pathlib import Path

import structlog
import uvloop

from benchmarks import figures_file
from benchmarks.measures.form import FORMS
from benchmarks.processes import ended_in_order
from benchmarks.suite.measures import MEASURES


def main() -> int:
    """Measure and write."""
    name, form, file = sys.argv[1:]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(MEASURES[name].run(FORMS[form]))
    figures_file.write(Path(file), figures)
    return 0


if __name__ == "__main__":
    sys.exit(ended_in_order(main))
