"""What was measured: `costs.json`, each figure with where it comes from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COSTS_FILE = Path(__file__).with_name("costs.json")
SIMULATED_FILE = Path(__file__).with_name("simulated.json")


@dataclass(frozen=True, slots=True)
class Cost:
    """One measured figure; its unit stands in its name and in both descriptions."""

    value: float
    french: str
    english: str
    where: str


Costs = Mapping[str, Cost]


def read_costs(file: Path = COSTS_FILE) -> Costs:
    """All figures by name. Raises OSError, ValueError where one is no positive number, KeyError
    where its words are missing."""
    costs = {}
    for name, entry in json.loads(file.read_text("utf-8")).items():
        value = float(entry["value"])
        if not 0 < value < float("inf"):
            raise ValueError(f"{file}: {name} is {value}")
        costs[name] = Cost(value, entry["fr"], entry["en"], entry["where"])
    return costs


def read_simulated(file: Path = SIMULATED_FILE) -> list[dict[str, Any]]:
    """What `benchmarks.scale.simulated` wrote: a network of each size. Raises OSError, ValueError,
    KeyError."""
    networks: list[dict[str, Any]] = json.loads(file.read_text("utf-8"))["networks"]
    return networks
