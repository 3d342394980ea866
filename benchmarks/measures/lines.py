"""Lines of wages and of bulletins through four nodes, batches of two thousand."""

from benchmarks import bulletins, wages
from benchmarks.batches import Prepare, measure_batches
from benchmarks.measures.form import Figures, Form
from clients.demo.places import PLACES

LINES = 2_000
SECONDS_MAX = 15.0


async def wage_lines(form: Form) -> Figures:
    """Employers pay."""
    return await _lines(form, wages.prepare)


async def bulletin_lines(form: Form) -> Figures:
    """Programmes credit."""
    return await _lines(form, bulletins.prepare)


async def _lines(form: Form, prepare: Prepare) -> Figures:
    residents = form.accounts_few // len(PLACES)
    # No employer may pay more than 200,000 lines a day.
    seconds = min(form.seconds, SECONDS_MAX)
    figures = await measure_batches(seconds, LINES, prepare, residents)
    del figures["machine"]  # it stands in the file once
    return figures
