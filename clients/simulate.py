"""`democite simulate`: run the consensus through seeds, and replay one."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from typing import Annotated

import typer

from terminal.application import application
from terminal.errors import CommandError
from terminal.languages import text
from terminal.options import JsonOption, LangOption
from terminal.results import Result

HELP = text(
    "Simuler le consensus : pannes, mensonges, temps virtuel.",
    "Simulate the consensus: failures, lies, virtual time.",
)

app = application(HELP)

_SEEDS_PER_JOB = 10


def play(members: int, seeds: range) -> tuple[int, int, str | None]:
    """(runs, events, the line that replays the first violation) of some seeds."""
    from consensus.simulation.run import run
    from consensus.simulation.scenario import Scenario

    events = 0
    for runs, seed in enumerate(seeds, 1):
        outcome = run(Scenario.from_seed(seed, members))
        events += outcome.events
        if outcome.violation is not None:
            line = f"democite simulate --members {members} --from {seed} --seeds 1"
            return runs, events, f"{outcome.violation}: {line}"
    return len(seeds), events, None


@app.command(help=HELP)
def simulate(
    seeds: Annotated[
        int, typer.Option(min=1, help=text("Combien de graines.", "How many seeds."))
    ] = 100,
    members: Annotated[
        int, typer.Option(min=1, max=31, help=text("Taille du réseau.", "Size of the network."))
    ] = 4,
    jobs: Annotated[
        int,
        typer.Option(
            min=0, help=text("Processus ; 0 : un par cœur.", "Processes; 0: one per core.")
        ),
    ] = 0,
    first: Annotated[
        int, typer.Option("--from", min=0, help=text("La première graine.", "The first seed."))
    ] = 0,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Simulate whole networks in virtual time, with faults and members that lie."""
    batches = [
        range(seed, min(seed + _SEEDS_PER_JOB, first + seeds))
        for seed in range(first, first + seeds, _SEEDS_PER_JOB)
    ]
    sizes = [members] * len(batches)
    runs = events = 0
    with ProcessPoolExecutor(jobs or os.cpu_count()) as pool:
        # One job is this process, so that a debugger may look on.
        played = map(play, sizes, batches) if jobs == 1 else pool.map(play, sizes, batches)
        for done, seen, violation in played:
            runs, events = runs + done, events + seen
            if violation is not None:
                pool.shutdown(cancel_futures=True)
                raise CommandError("simulation_violation", violation, exit_code=1)
    data: dict[str, object] = {
        "members": members,
        "first_seed": first,
        "seeds": runs,
        "events": events,
        "violations": 0,
    }
    told = text(
        f"{runs} graines, {members} membres, {events} événements : rien n'est violé.",
        f"{runs} seeds, {members} members, {events} events: nothing is violated.",
    )
    return Result(data, told)
