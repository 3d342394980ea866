"""How each command of docs/operating.md is run. **A command added there needs a line here:**

1. Write it in both languages, the same words in the same place (names that people choose may
   differ: `FRENCH` in `test_runbooks.py`).
2. Add its English text, on one line, to `STEPS`: `Run()` if it works as it stands where it
   stands. Most need `words` (what the reader puts for DIR, ID, SHORT, …), some `before` (a node
   that must stand still, a vote that must be through), and `after` shows that it did what the
   guide says. `Elsewhere(reason)` is for what no test may do to this machine, or what another
   test does run, by its name.

`WORDS` says what the document's own placeholders are on the stage (`stage.py`). Later commands
find the world as the earlier ones left it: nodes that a step halts are started by the next that
needs them (`stage.start`). Cards of others come from `make_node`, votes of others from
`stage.vote`; both are quick.
"""

import json
from functools import partial

from consensus.evidence import DoubleVote
from consensus.votes import NOTARIZE, Vote, vote_message
from ledger.genesis import Genesis
from ledger.rules import RULE_VERSION
from node.data_folder import DataFolder
from node.evidence_book import EVIDENCE_FOLDER, EvidenceBook
from node.keys import read_key
from tests.docs.stage import Stage
from tests.docs.steps import Elsewhere, Run, Table, Words
from tests.patience import wait_until
from tests.processes.network import Done
from tests.processes.quick import PASSPHRASE, make_node

KEYSTORES = "--keystore staff-1.json --keystore staff-2.json"


def _data(prefix: str) -> Words:
    return {"DIR": lambda stage: str(stage.node(prefix).data)}


def _staff_keystore(prefix: str, number: int, stage: Stage) -> str:
    return str(stage.staff_keystore(prefix, number))


def _by(prefix: str) -> Words:
    """The staff of this territory sign."""
    return {f"staff-{number}.json": partial(_staff_keystore, prefix, number) for number in (1, 2)}


WORDS: Words = {
    "cles/": "issuer/",
    "/srv/democite": lambda stage: str(stage.node("valmont").data),
    "/etc/democite/phrase": lambda stage: str(stage.passphrase),
    "/media/cle-usb/": lambda stage: f"{stage.folder}/usb/",
    "noeud.valmont.example:7000": lambda stage: stage.node("valmont").peer,
    "0.0.0.0:7000": lambda stage: stage.node("valmont").peer,
    "127.0.0.1:8000": lambda stage: stage.node("valmont").http,
    "URL": lambda stage: stage.node("valmont").url,
    "GENESIS": lambda stage: str(stage.genesis),
    "jura.card": lambda stage: str(stage.node("jura").folder / "card.json"),
    "brenta.card": lambda stage: str(stage.node("brenta").folder / "card.json"),
    "liria.card": lambda stage: str(stage.node("liria").folder / "card.json"),
    "elan.card": lambda stage: str(stage.node("elan").folder / "card.json"),
    # The keys that `node init` made for Valmont's staff.
    "valmont-recuperation-staff-1.json": partial(_staff_keystore, "valmont", 1),
    **_by("valmont"),
    **_data("valmont"),
}


# -- what comes of them, and what they need ---------------------------------------------------


def _founded_well(stage: Stage, done: Done) -> None:
    genesis = Genesis.from_json(stage.genesis.read_text("utf-8"))
    assert genesis.network_id.hex() in done.out
    assert [one.prefix for one in genesis.territories] == ["valmont", "jura", "brenta", "liria"]
    assert genesis.territories[0].issuer_threshold == 2


def _is_ready(stage: Stage, done: Done) -> None:
    assert done.out.startswith(f"ready http={stage.node('valmont').url} network="), done.err
    stage.until("valmont", ready=True)


def _liria_stands_still(stage: Stage) -> None:
    stage.halt("liria")


def _liria_comes_back(stage: Stage, done: Done) -> None:
    assert (stage.node("liria").data / "store.damaged-1").exists()
    stage.start(stage.node("liria"))
    stage.until("liria", height=stage.status("valmont")["height"], observing=False)


def _jura_signed_twice(stage: Stage) -> None:
    """Two votes that exclude each other, signed with Jura's key, in Valmont's book."""
    genesis = Genesis.from_json(stage.genesis.read_text("utf-8"))
    key = read_key(DataFolder(stage.node("jura").data).voting_file, "voting", PASSPHRASE)

    def vote(digest: bytes) -> Vote:
        message = vote_message(genesis.network_id, 0, 9_999, NOTARIZE, digest)
        return Vote(0, 9_999, NOTARIZE, digest, key.public_key, key.sign(message))

    found = DoubleVote(genesis.network_id, vote(b"a" * 32), vote(b"b" * 32))
    EvidenceBook(stage.node("valmont").data / EVIDENCE_FOLDER).keep(found)


def _jura_is_named(stage: Stage, done: Done) -> None:
    assert "jura" in done.out.lower()


def _evidence_file(stage: Stage) -> str:
    return str(next((stage.folder / "evidence").glob("*.json")))


def _note_proposal(stage: Stage, done: Done) -> None:
    stage.said["proposal"] = next(word for word in done.out.split() if len(word) == 32)


def _enact(stage: Stage, done: Done) -> None:
    """Enough others agree."""
    _note_proposal(stage, done)
    stage.vote(stage.said["proposal"], "valmont", "brenta", "liria")


def _elan_is_voted_in(stage: Stage, done: Done) -> None:
    stage.vote(stage.said["proposal"], "brenta")
    stage.until("valmont", members=5)


def _other_name(stage: Stage) -> str:
    return stage.node("valmont").http.replace("127.0.0.1", "localhost")


def _has_moved(stage: Stage, done: Done) -> None:
    assert f"is at {stage.node('valmont').peer}, {_other_name(stage)}." in done.out


def _elan_votes(stage: Stage, done: Done) -> None:
    stage.until("elan", members=5, observing=False)


def _new_key_holds(stage: Stage, done: Done) -> None:
    """Voted in, and taken by the running node in the epoch that begins with it."""
    _note_proposal(stage, done)
    keys = DataFolder(stage.node("valmont").data).keys
    before = json.loads((keys / "public.json").read_bytes())["keys"]["voting"]
    stage.vote(stage.said["proposal"], "jura", "brenta", "liria")
    wait_until(lambda: json.loads((keys / "public.json").read_bytes())["keys"]["voting"] != before)
    stage.until("valmont", observing=False, ready=True)


def _note_keys(stage: Stage, done: Done) -> None:
    words = done.out.split()
    at = words.index("replace")
    stage.said["old"], stage.said["new"] = words[at + 1 : at + 3]


def _note_public(stage: Stage, done: Done) -> None:
    stage.said["public"] = next(word for word in done.out.split() if len(word) == 64)


def _write_new_phrase(stage: Stage) -> None:
    (stage.folder / "new-phrase").write_text("another rather long phrase\n")


def _opens_with_the_new_phrase(stage: Stage, done: Done) -> None:
    data = stage.node("valmont").data
    shown = stage.type([], f"democite node keys --data {data} --passphrase-file new-phrase")
    assert shown.code == 0, shown.err


def _fresh_card(stage: Stage) -> str:
    home = stage.folder / "jura-again"
    card = home / "card.json"
    return str(card if card.exists() else make_node(stage.node("jura"), home))


def _wallet_of_alice(stage: Stage) -> None:
    made = stage.type([], f"democite wallet init --territory valmont --genesis {stage.genesis}")
    assert made.code == 0, made.err


def _note_address(stage: Stage, done: Done) -> None:
    stage.said["address"] = next(word for word in done.out.split() if word.startswith("valmont1"))


def _the_backup(stage: Stage) -> str:
    return str(next(stage.folder.glob("node-*.sealed")))


def _restored(stage: Stage, done: Done) -> None:
    data = DataFolder(stage.folder / "new-machine")
    assert data.read().prefix == "valmont"
    assert not list(data.journal.glob("*.log"))


def _is_unknown(stage: Stage, done: Done) -> None:
    assert "error[rule_version_unknown]" in done.err


def _is_sound(stage: Stage, done: Done) -> None:
    assert "height" in done.out


# -- the table --------------------------------------------------------------------------------

KEYS_OF_PEOPLE = Elsewhere("tests/wallet/test_shared_payments.py")
SUCCESSION = Elsewhere("tests/processes/test_succession.py")

STEPS: Table = {
    "git clone DEPOT democite && cd democite": Elsewhere("tests run in such a folder"),
    "python3 -m venv .venv": Elsewhere("`scripts/environment` does it before every test run"),
    ".venv/bin/pip install --require-hashes --only-binary :all: -r requirements/runtime.lock": (
        Elsewhere("`scripts/environment`; tests/architecture/test_installation.py")
    ),
    ".venv/bin/pip install --no-deps --no-build-isolation -e .": Elsewhere("`scripts/environment`"),
    ". .venv/bin/activate": Elsewhere("run with the README's first payment"),
    "ss -ltnp": Elsewhere("a tool of the system"),
    "systemctl status democite-node": Elsewhere("tests/node/test_deploy.py reads the unit"),
    # Founding.
    "democite network issuer --currency VAL --threshold 2 --keys 3 --out cles/ --card "
    "emetteur.card": Run(),
    'democite node init --data /srv/democite --name "Valmont" --prefix valmont --currency VAL '
    "--issuer emetteur.card --peer noeud.valmont.example:7000 --http 127.0.0.1:8000 --card "
    "valmont.card --recovery-out /media/cle-usb/valmont-recuperation.json": Run(),
    # Heartbeats every second, so that what is voted begins within seconds and not a minute.
    "democite network create --out genese.json valmont.card jura.card brenta.card liria.card": Run(
        {"create": "create --parameter heartbeat_ms=1000"}, Stage.make_others, _founded_well
    ),
    "democite node engine cometbft": Elsewhere(
        "the program need not be on this machine: tests/demo/test_demonstration_cometbft.py"
    ),
    "democite node start --data /srv/democite --genesis genese.json --peer-listen 0.0.0.0:7000 "
    "--passphrase-file /etc/democite/phrase": Run(after=_is_ready, stays="valmont"),
    # Every day.
    "democite node status --node URL": Run(after=_is_sound),
    "democite node peers --node URL": Run(),
    "democite node peers add CARD --data DIR": Run(
        {"CARD": lambda stage: str(stage.node("elan").folder / "card.json")}
    ),
    "democite node peers list --data DIR": Run(after=lambda _, done: _holds(done, "elan")),
    "democite node peers remove SHORT --data DIR": Run({"SHORT": "elan"}),
    "democite node verify --data DIR --genesis GENESIS": Run(
        _data("liria"), _liria_stands_still, _is_sound
    ),
    "democite node compact --data DIR": Run(_data("liria")),
    "democite node keys --data DIR": Run(_data("liria")),
    "democite node keep --days 90 --data DIR": Run(_data("liria")),
    "democite node rebuild --data DIR": Run(_data("liria"), after=_liria_comes_back),
    "democite network evidence --node URL --genesis GENESIS --out DIR": Run(
        {"DIR": "evidence"}, _jura_signed_twice, _jura_is_named
    ),
    "democite verify FILE --genesis GENESIS": Run({"FILE": _evidence_file}, after=_jura_is_named),
    "democite node doctor --data /srv/democite --genesis genese.json": Run(),
    "democite network evidence --node URL --genesis GENESIS": Run(after=_jura_is_named),
    # The network changes. Jura's staff propose, Valmont's vote.
    "export DEMOCITE_GENESIS=genese.json DEMOCITE_NODES=http://127.0.0.1:8000": Run(),
    f"democite network propose add elan.card {KEYSTORES}": Run(_by("jura"), after=_note_proposal),
    f"democite network vote ID yes {KEYSTORES}": Run(
        {"ID": lambda stage: stage.said["proposal"]}, after=_elan_is_voted_in
    ),
    "democite network status --node URL": Run(after=lambda _, done: _holds(done, "elan")),
    f"democite network propose remove SHORT {KEYSTORES}": Run({**_by("jura"), "SHORT": "liria"}),
    f"democite network propose pause SHORT {KEYSTORES}": Run(
        {**_by("jura"), "SHORT": "liria"}, after=_enact
    ),
    f"democite network propose resume SHORT {KEYSTORES}": Run(
        {**_by("jura"), "SHORT": "liria"}, after=_enact
    ),
    f"democite network propose keys CARD {KEYSTORES}": Run({**_by("jura"), "CARD": _fresh_card}),
    f"democite network propose parameter NAME VALUE {KEYSTORES}": Run(
        {**_by("jura"), "NAME": "lines_max", "VALUE": "1500"}
    ),
    # There is no next version that this program knows, and it proposes no other: that a known one
    # is voted in is tests/processes/test_old_program.py.
    f"democite network propose rules VERSION {KEYSTORES}": Run(
        {**_by("jura"), "VERSION": str(RULE_VERSION + 1)}, after=_is_unknown, code=4
    ),
    # The same machine by another name.
    f"democite network move --peer noeud.valmont.example:7000 --http 127.0.0.1:8000 {KEYSTORES}": (
        Run({"127.0.0.1:8000": _other_name}, after=_has_moved)
    ),
    "democite node join --data /srv/democite --genesis genese.json --from "
    "noeud.valmont.example:7000": Run(
        {"/srv/democite": lambda stage: str(stage.node("elan").data)},
        after=_elan_votes,
        stays="elan",
    ),
    "democite network status": Run(after=lambda _, done: _holds(done, "elan")),
    # Keys.
    "democite node keys renew voting --data /srv/democite --card valmont-new.card": Run(),
    f"democite network propose keys valmont-new.card {KEYSTORES}": Run(after=_new_key_holds),
    "democite node keys renew cometbft --data /srv/democite "
    "--card valmont-cometbft.card": Elsewhere("tests/processes/test_cometbft_keys.py"),
    "democite node keys renew transport --data /srv/democite": Run(),
    "democite node keys renew signing --data /srv/democite": Run(after=_note_keys),
    f"democite office keys replace OLD NEW {KEYSTORES}": Run(
        {"OLD": lambda stage: stage.said["old"], "NEW": lambda stage: stage.said["new"]}
    ),
    "democite node keys passphrase --data /srv/democite --new-passphrase-file "
    "/etc/democite/new-phrase": Run(
        {"/etc/democite/new-phrase": "new-phrase"}, _write_new_phrase, _opens_with_the_new_phrase
    ),
    "democite office key --out staff-3.json --territory valmont": Run(after=_note_public),
    "democite office keys replace OLD NEW --issuer --keystore issuer-val-1.json --keystore "
    "issuer-val-2.json": KEYS_OF_PEOPLE,
    "democite office keys replace OLD NEW --commons --keystore staff-1.json": KEYS_OF_PEOPLE,
    "democite office keys replace OLD NEW --keystore recovery.json": KEYS_OF_PEOPLE,
    f"democite network propose recovery valmont NEW {KEYSTORES}": Run(
        {"NEW": lambda stage: stage.said["public"]}
    ),
    "democite office keys passphrase staff-1.json --new-passphrase-file new-phrase": KEYS_OF_PEOPLE,
    # Accounts and money.
    "democite wallet address --card alice.card": Run(before=_wallet_of_alice, after=_note_address),
    "democite office account open alice.card --keystore valmont-recuperation-staff-1.json": Run(),
    'democite office reserve issue ADDRESS 50.00 --reference "transfer 2026-118" --keystore '
    "cles/issuer-val-1.json --keystore cles/issuer-val-2.json": Run(
        {"ADDRESS": lambda stage: stage.said["address"]}
    ),
    # Backups.
    "democite node backup create --data /srv/democite --out node-$(date +%F).sealed": Run(),
    "democite node backup verify node-$(date +%F).sealed": Run(
        {"node-$(date +%F).sealed": _the_backup}
    ),
    "democite node backup restore FILE --data DIR": Run(
        {"FILE": _the_backup, "DIR": "new-machine"}, after=_restored
    ),
    "democite payroll status": Elsewhere("tests/processes/test_month_commands.py"),
    # Succession: two of four disks must be gone for it.
    "democite node verify --data DIR": SUCCESSION,
    "democite network succeed draft dune.card --data /srv/democite --predecessor genesis.json "
    "--out draft.json": SUCCESSION,
    "democite network succeed endorse draft.json --keystore valmont-recovery.json --out "
    "valmont.endorsement": SUCCESSION,
    "democite network succeed finish draft.json valmont.endorsement brume.endorsement "
    "dune.endorsement --out genesis-2.json": SUCCESSION,
    "democite node succeed --data /srv/democite --genesis genesis-2.json --predecessor "
    "genesis.json": SUCCESSION,
    "democite node succeed --data /srv/democite --genesis genesis-2.json --predecessor "
    "genesis.json --from copy/store": SUCCESSION,
    "democite node start --data /srv/democite --genesis genesis-2.json": SUCCESSION,
    "democite wallet succeed --genesis genesis-2.json": SUCCESSION,
    "democite node keys": Elsewhere("the same as with --data, above"),
    "democite office keys replace OLD NEW --keystore valmont-recovery.json": KEYS_OF_PEOPLE,
}


def _holds(done: Done, word: str) -> None:
    assert word in done.out, done.out
