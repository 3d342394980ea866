"""What a payment costs each replica where there are more of them, every size at its own peak."""

from benchmarks.measures.form import Figures, Form
from benchmarks.payments import bench_of


async def measure(form: Form) -> Figures:
    """By number of replicas."""
    found: Figures = {}
    for count in form.replicas:
        async with bench_of(nodes=count) as bench:
            found[str(count)] = await bench.at_saturation(form.seconds)
    return found
