"""How each command of the README is run: its first payment, on the stage of the operators' guide.

The network is the guide's instead of the demonstration's: Jura stands for its Valmont, since the
guide's Valmont has an issuer with two signatures. A command that is added to the README needs a
line in `README_STEPS`: see `runbook.py`.
"""

import re
from pathlib import Path

from tests.docs.stage import Stage
from tests.docs.steps import Elsewhere, Run, Table, Words
from tests.processes.network import PROGRAM, Done

README_WORDS: Words = {
    "valmont": "jura",
    "127.0.0.1:28400": lambda stage: stage.node("jura").http,
}


def checkout(stage: Stage) -> Path:
    """Where the README's reader stands: the project, and the folder of a network that runs."""
    folder = stage.folder / "checkout"
    folder.mkdir()
    (folder / ".venv").symlink_to(PROGRAM.parent.parent)
    (folder / "demo-data").symlink_to(stage.folder)
    for ending in ("", ".engine"):
        place = stage.folder / f"genesis.json{ending}"
        place.symlink_to(stage.genesis.with_name(f"{stage.genesis.name}{ending}"))
    (stage.folder / "jura" / "passphrase.txt").symlink_to(stage.passphrase)
    return folder


def _is_final(stage: Stage, done: Done) -> None:
    # Five territories by now, of which four agree.
    assert re.search(r"final in block \d+", done.out), done.out
    assert re.search(r"vouched for by [45] of 5 territories", done.out), done.out


def _note_payment(stage: Stage, done: Done) -> None:
    line = next(line for line in done.out.splitlines() if "two baguettes" in line)
    stage.said["payment"] = line.split()[-1]


def _alice_has_the_rest(stage: Stage, done: Done) -> None:
    assert "45.80" in done.out


def _receipt_holds(stage: Stage, done: Done) -> None:
    assert "4.20" in done.out


README_STEPS: Table = {
    "scripts/demo": Elsewhere("tests/demo/test_demonstration.py runs the demonstration"),
    "scripts/demo --engine cometbft": Elsewhere("tests/demo/test_demonstration_cometbft.py"),
    "scripts/test": Elsewhere("it runs this test"),
    "scripts/demo --data demo-data": Elsewhere("tests/demo/test_demonstration.py"),
    ". .venv/bin/activate && mkdir -p trial && cd trial": Run(),
    "export DEMOCITE_LANG=en DEMOCITE_GENESIS=../demo-data/genesis.json "
    "DEMOCITE_NODES=http://127.0.0.1:28400": Run(),
    'echo "a rather long phrase" > my-phrase.txt': Run(),
    "export DEMOCITE_PASSPHRASE_FILE=my-phrase.txt": Run(),
    "democite wallet init --territory valmont --wallet alice.json": Run(),
    "democite wallet init --territory valmont --kind service --wallet bakery.json": Run(),
    "democite wallet address --wallet alice.json --card alice.card": Run(),
    "democite wallet address --wallet bakery.json --card bakery.card": Run(),
    "democite office account open alice.card bakery.card --keystore "
    "../demo-data/valmont/recovery-staff-1.json --passphrase-file "
    "../demo-data/valmont/passphrase.txt": Run(),
    'democite office reserve issue "$(democite wallet address --wallet alice.json)" 50 '
    '--reference "transfer 2026-118" --keystore ../demo-data/valmont/recovery-issuer.json '
    "--passphrase-file ../demo-data/valmont/passphrase.txt": Run(),
    'democite wallet pay "$(democite wallet address --wallet bakery.json)" 4.20 --note '
    '"two baguettes" --wallet alice.json': Run(after=_is_final),
    "democite wallet balance --wallet alice.json": Run(after=_alice_has_the_rest),
    "democite wallet history --wallet alice.json": Run(after=_note_payment),
    "democite wallet receipt ID --out receipt.json --wallet alice.json": Run(
        {"ID": lambda stage: stage.said["payment"]}
    ),
    "democite verify receipt.json": Run(after=_receipt_holds),
}
