"""Every command of the operators' guide and of the README's first payment works as it stands."""

import json
import re
from collections.abc import Iterator

import pytest

from primitives.addresses import parse_address
from tests.docs.first_payment import README_STEPS, README_WORDS, checkout
from tests.docs.reading import ROOT, Command, commands_of, skeleton
from tests.docs.runbook import STEPS, WORDS
from tests.docs.stage import Stage, open_stage
from tests.docs.steps import Elsewhere, Table, walk

GUIDE = "docs/operating.md"
FRENCH_PART, ENGLISH_PART = "Français", "English"
FRENCH = {
    "GENESE": "GENESIS",
    "CARTE": "CARD",
    "SA_CARTE": "ITS_CARD",
    "FICHIER": "FILE",
    "NOM": "NAME",
    "VALEUR": "VALUE",
    "ADRESSE": "ADDRESS",
    "50,00": "50.00",
    "noeud-$(date": "node-$(date",
    "valmont-nouvelle.card": "valmont-new.card",
    "ANCIENNE": "OLD",
    "NOUVELLE": "NEW",
    "phrase-neuve": "new-phrase",
    "recuperation.json": "recovery.json",
    "valmont-recuperation.json": "valmont-recovery.json",
    "projet.json": "draft.json",
    "valmont.accord": "valmont.endorsement",
    "brume.accord": "brume.endorsement",
    "dune.accord": "dune.endorsement",
    "genese-2.json": "genesis-2.json",
    "copie/store": "copy/store",
    # README
    "genese.json": "genesis.json",
    "essai": "trial",
    "ma-phrase.txt": "my-phrase.txt",
    "boulangerie.json": "bakery.json",
    "boulangerie.card": "bakery.card",
    "4,20": "4.20",
    "recu.json": "receipt.json",
}
"""Words of the French texts that are others in the English ones."""
SAME = {"genese.json": "genesis.json", "valmont-recuperation.json": "valmont-recovery.json"}
"""Names that the English text takes as they are in French in some places."""


def guide(part: str) -> list[Command]:
    french = part == FRENCH_PART
    return commands_of(GUIDE, part, ENGLISH_PART if french else "")


def documents() -> dict[str, tuple[list[Command], list[Command], Table]]:
    """(French, English, how the English ones are run) by name."""
    return {
        "guide": (guide(FRENCH_PART), guide(ENGLISH_PART), STEPS),
        "readme": (commands_of("README.md"), commands_of("README.en.md"), README_STEPS),
    }


@pytest.mark.parametrize("name", documents())
def test_both_languages_hold_the_same_commands_in_the_same_order(name: str) -> None:
    french, english, _ = documents()[name]
    # Whoever reads English asks for English.
    spoken = [skeleton(each.text.replace("DEMOCITE_LANG=en ", ""), SAME) for each in english]
    assert [skeleton(each.text, FRENCH) for each in french] == spoken


@pytest.mark.parametrize("name", documents())
def test_every_command_is_run_and_every_step_is_a_command(name: str) -> None:
    _, english, table = documents()[name]
    commands = [each for each in english if not each.is_reference]
    assert not [each.place for each in commands if each.text not in table]
    assert not table.keys() - {each.text for each in commands}
    for each in english:
        if each.is_reference:
            begin = each.text.split("…")[0]
            assert any(other.text.startswith(begin) for other in commands), each.place


@pytest.mark.parametrize("name", documents())
def test_what_is_run_elsewhere_is(name: str) -> None:
    """A test that is named in a reason exists."""
    for how in documents()[name][2].values():
        for file in re.findall(r"tests/\S+\.py", how.reason if isinstance(how, Elsewhere) else ""):
            assert (ROOT / file).is_file(), file


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with open_stage(tmp_path_factory.mktemp("stage")) as made:
        yield made


@pytest.mark.process
def test_the_operators_guide_and_then_the_first_payment(stage: Stage) -> None:
    run = walk(stage, guide(ENGLISH_PART), STEPS, WORDS, stage.folder)
    assert set(run) == _not_elsewhere(STEPS)
    run = walk(stage, commands_of("README.en.md"), README_STEPS, README_WORDS, checkout(stage))
    assert set(run) == _not_elsewhere(README_STEPS)
    check_logs(stage)


PERSONAL = re.compile(
    r"(valmont|jura|brenta|liria|elan)1[a-z0-9]{20,}|baguettes|2026-118|alice|bakery", re.IGNORECASE
)
"""Addresses of wallets, and what people called or noted anything here."""


def check_logs(stage: Stage) -> None:
    """Every line that the nodes logged is one JSON object, and says nothing about anybody."""
    assert PERSONAL.search(stage.said["address"])
    account = parse_address(stage.said["address"]).account_id.hex()
    for node in stage.nodes:
        lines = (node.folder / "node.log").read_text("utf-8").splitlines()
        assert lines
        for line in lines:
            assert "event" in json.loads(line), line
            assert not PERSONAL.search(line), line
            assert account not in line, line


def _not_elsewhere(table: Table) -> set[str]:
    return {text for text, how in table.items() if not isinstance(how, Elsewhere)}
