"""Lines of wages and of bulletins through four nodes, batches of two thousand."""

from benchmarks import bulletins, wages
from benchmarks.batches import measure_batches
from benchmarks.measures.form import Figures, Form
from clients.demo.places import PLACES

LINES = 2_000


async def wage_lines(form: Form) -> Figures:
    """Employers pay."""
    residents = form.accounts_few // len(PLACES)
    return await measure_batches(form.seconds, LINES, wages.prepare, residents)


async def bulletin_lines(form: Form) -> Figures:
    """Programmes credit."""
    residents = form.accounts_few // len(PLACES)
    return await measure_batches(form.seconds, LINES, bulletins.prepare, residents)
