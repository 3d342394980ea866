"""One round of one measure: `python -m benchmarks.suite.one NAME FORM FILE`.

In a process of its own, so that none begins with another's memory.
"""

import asyncio
import json
import logging
import sys
from pathlib import Path

import structlog
import uvloop

from benchmarks.measures.form import FORMS
from benchmarks.processes import end_in_order_when_terminated
from benchmarks.suite.measures import MEASURES


def main() -> int:
    """Measure and write."""
    name, form, file = sys.argv[1:]
    end_in_order_when_terminated()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        figures = runner.run(MEASURES[name].run(FORMS[form]))
    Path(file).write_text(json.dumps(figures), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
