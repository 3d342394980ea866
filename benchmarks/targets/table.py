"""The table of targets out of a file of figures, in French or English."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from benchmarks.compare import sides
from benchmarks.spread import Spread
from benchmarks.targets.rows import ROWS, Bound, Row

FRENCH, ENGLISH = "fr", "en"
BUSY_SHARE = 0.25
"""A machine is called busy when so much of its processors worked just before."""

WORDS = {
    FRENCH: {
        "head": "| quoi | il faut | on vise | mesuré | atteint |",
        "yes": "oui",
        "aim": "oui, visé aussi",
        "missed": "visé, pas atteint",
        "no": "**non**",
        "undecided": "forme courte",
        "nothing": "pas mesuré",
        "told": "–",
        "short": "Forme courte : {seconds} s, {accounts} comptes au lieu d'un million.",
        "busy": "**Machine occupée par ailleurs** ({load} processeurs occupés sur {processors}) : "
        "à refaire au calme.",
        "quiet": "Machine sans autre travail.",
        "machine": "{at}, {processors} × {processor}, {memory} Go, Python {python} ({program}), "
        "une vérification par PyNaCl : {check:.1f} µs{in_use}.",
        "in_use": ", par celle en service : {check:.1f} µs",
    },
    ENGLISH: {
        "head": "| what | must | aim | measured | met |",
        "yes": "yes",
        "aim": "yes, the aim too",
        "missed": "aimed at, not reached",
        "no": "**no**",
        "undecided": "short form",
        "nothing": "not measured",
        "told": "–",
        "short": "Short form: {seconds} s, {accounts} accounts in place of a million.",
        "busy": "**The machine was busy otherwise** ({load} of {processors} processors at work): "
        "to be measured again in quiet.",
        "quiet": "The machine did nothing else.",
        "machine": "{at}, {processors} × {processor}, {memory} GB, Python {python} ({program}), "
        "one check by PyNaCl: {check:.1f} µs{in_use}.",
        "in_use": ", by the one in use: {check:.1f} µs",
    },
}


def spread_of(content: Mapping[str, Any], row: Row) -> Spread | None:
    """A target's figure in every round that has it."""
    rounds = content["measures"].get(row.measure, {}).get("rounds", [])
    values = tuple(value for one in rounds if (value := row.value(one)) is not None)
    return Spread(values) if values else None


def decides(content: Mapping[str, Any], row: Row) -> bool:
    """Whether figures of this form say if the target is met."""
    return content["form"] == "full" or not row.of_a_million


def table(content: Mapping[str, Any], language: str) -> str:
    """One line for each target."""
    words = WORDS[language]
    lines = [words["head"], "|---|---|---|---|---|"]
    lines += [_line(content, row, language) for row in ROWS]
    return "\n".join(lines)


def preface(content: Mapping[str, Any], language: str) -> str:
    """On what machine it was measured, and whether the figures are to be believed."""
    words, machine = WORDS[language], content["machine"]
    check, in_use = _checks(content)
    told = [
        words["machine"].format(
            at=machine["at"][:10],
            processors=machine["processors"],
            processor=machine["processor"],
            memory=machine["memory_gigabytes"],
            python=machine["python"],
            program=machine.get("python_program", "?"),
            check=check,
            in_use="" if in_use is None else words["in_use"].format(check=in_use),
        )
    ]
    # Files of before say the load alone.
    load = float(machine.get("busy_processors_before", machine.get("load_average_before", 0.0)))
    busy = load > BUSY_SHARE * int(machine["processors"])
    told.append(
        words["busy" if busy else "quiet"].format(load=load, processors=machine["processors"])
    )
    if content["form"] != "full":
        told.append(words["short"].format(seconds=5, accounts=_number(100_000, 0, language)))
    if content.get("note"):
        told.append(f"{content['note']}.")
    return "\n".join(told)


def _checks(content: Mapping[str, Any]) -> tuple[float, float | None]:
    """Microseconds of one check by PyNaCl and by the verifier in use: as the comparison measured
    them for seconds in each round, else in the glance that was taken of the machine."""
    rounds = content["measures"].get("compare", {}).get("rounds", [])
    limits = [one[sides.LIMIT] for one in rounds if "verifier_in_use" in one.get(sides.LIMIT, {})]
    if limits:
        return (
            median(one["check_microseconds"] for one in limits),
            median(one["verifier_in_use"]["check_microseconds"] for one in limits),
        )
    machine = content["machine"]
    in_use = machine.get("signature_check_in_use_microseconds")
    return machine["signature_check_microseconds"], in_use


def _line(content: Mapping[str, Any], row: Row, language: str) -> str:
    words = WORDS[language]
    name = row.french if language == FRENCH else row.english
    found = spread_of(content, row)
    cells = [name, _bound(row.must, row, language), _bound(row.aim, row, language)]
    if found is None:
        cells += [words["nothing"], words["no"]]
        return f"| {' | '.join(cells)} |"
    met = words[verdict(row, found.middle) if decides(content, row) else "undecided"]
    cells += [_measured(found, row, language), met]
    return f"| {' | '.join(cells)} |"


def verdict(row: Row, value: float) -> str:
    """`aim`, `yes` or `no`; `missed` is an aim without a must that was not reached."""
    if row.aim is not None and row.aim.holds(value):
        return "aim"
    if row.must is None:
        return "missed"
    return "yes" if row.must.holds(value) else "no"


def _measured(found: Spread, row: Row, language: str) -> str:
    middle = _figure(found.middle, row, language)
    if len(found.values) == 1:
        return middle
    low, high = (_number(each, row.digits, language) for each in (found.low, found.high))
    return f"{middle} ({low} … {high})"


def _bound(bound: Bound | None, row: Row, language: str) -> str:
    if bound is None:
        return WORDS[language]["told"]
    return f"{bound.sign} {_figure(bound.number, row, language)}"


def _figure(number: float, row: Row, language: str) -> str:
    unit = row.unit
    if "|" in unit:
        unit = unit.split("|")[0 if language == FRENCH else 1]
    shown = _number(number, row.digits, language)
    return f"{shown} {unit}".strip()


def _number(number: float, digits: int, language: str) -> str:
    shown = f"{number:,.{digits}f}"
    if language == FRENCH:
        return shown.replace(",", " ").replace(".", ",")
    return shown
