"""Founding: what `node init`, `network issuer` and `network create` make, and that nothing
half-made stays."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.genesis import Genesis
from node import founding
from node.cards import Card, IssuerCard, card_to_json, issuer_card_to_json, read_card
from node.data_folder import DataFolder
from node.founding import create_network, init_node, make_issuer
from node.genesis_file import read_genesis
from node.key_files import KeyFiles
from node.keys import KeySource, read_key, read_public_keys, read_transport_key
from node.peers.certificates import check_authority, public_key_of
from primitives.errors import Refused
from tests.node.founding import (
    PASSPHRASE,
    all_paths,
    any_key,
    make_card,
    make_sealing_fast,
    plan,
)

PREFIXES = ("arden", "brume", "cassis", "dune", "elbe", "faro", "gave")


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    make_sealing_fast(monkeypatch)


def cards(folder: Path, count: int, **changes: object) -> list[Path]:
    return [
        make_card(folder, prefix, 7_000 + 2 * index, **changes)
        for index, prefix in enumerate(PREFIXES[:count])
    ]


# -- node init --------------------------------------------------------------------------------


def test_what_is_made(tmp_path: Path) -> None:
    chosen = plan(tmp_path)
    card = init_node(chosen, PASSPHRASE)
    folder, territory = DataFolder(chosen.data), card.territory
    voting = read_key(folder.voting_file, "voting", PASSPHRASE)
    signing = read_key(folder.signing_file, "signing", PASSPHRASE)
    recovery = read_key(chosen.recovery_out, "recovery", PASSPHRASE)
    issuer = read_key(chosen.issuer_file, "issuer", PASSPHRASE)
    assert territory.voting_key == voting.public_key
    assert territory.node_key == signing.public_key
    cometbft = KeyFiles(folder).read_cometbft(PASSPHRASE)
    assert cometbft is not None and territory.cometbft_key == cometbft.public_key
    assert cometbft.public_key not in (voting.public_key, signing.public_key)
    assert territory.signing_keys == tuple(
        read_key(chosen.key_files[role], role, PASSPHRASE).public_key
        for role in founding.STAFF_ROLES
    )
    assert territory.recovery_key == recovery.public_key
    assert territory.issuer_keys == (issuer.public_key,)
    assert b"PRIVATE KEY" in read_transport_key(folder.transport_file, PASSPHRASE)
    check_authority(territory.authority_der, voting.public_key)
    assert read_card(chosen.card) == card
    public = read_public_keys(folder.public_keys_file)
    assert public["voting"] == voting.public_key.hex()
    assert public["cometbft"] == cometbft.public_key.hex()
    assert public["transport"] == public_key_of(folder.certificate_file.read_bytes()).hex()
    assert folder.read().prefix == "arden"
    assert (folder.journal / "MARK").exists()


def test_only_the_owner_reads_it_and_no_key_stands_there_plainly(tmp_path: Path) -> None:
    chosen = plan(tmp_path, demo_seed="1")
    init_node(chosen, PASSPHRASE)
    outside = list(chosen.key_files.values())
    source = KeySource("1")
    seeds = [source.new_key(f"{role} arden").seed for role in founding.ROLES]
    for path in [chosen.data, *all_paths(chosen.data), chosen.recovery_out.parent, *outside]:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path
        if path.is_file():
            raw = path.read_bytes()
            assert PASSPHRASE.encode() not in raw
            assert b"PRIVATE KEY" not in raw
            assert not any(seed in raw or seed.hex().encode() in raw for seed in seeds)
    assert not [path for path in all_paths(chosen.data) if "issuer" in path.name]


def test_a_wrong_passphrase_and_another_role(tmp_path: Path) -> None:
    chosen = plan(tmp_path)
    init_node(chosen, PASSPHRASE)
    file = DataFolder(chosen.data).voting_file
    with pytest.raises(Refused, match="passphrase_wrong"):
        read_key(file, "voting", "another")
    with pytest.raises(Refused, match="keystore_malformed: this is the key for voting") as caught:
        read_key(file, "signing", PASSPHRASE)
    assert "signing" in caught.value.hint, "a backup would not help"
    with pytest.raises(Refused, match="keystore_malformed"):
        read_transport_key(file, PASSPHRASE)


def test_a_seed_gives_the_same_keys_and_its_card_says_so(tmp_path: Path) -> None:
    one = init_node(plan(tmp_path / "1", demo_seed="7"), PASSPHRASE)
    two = init_node(plan(tmp_path / "2", demo_seed="7"), PASSPHRASE)
    other = init_node(plan(tmp_path / "3", demo_seed="8"), PASSPHRASE)
    neighbour = init_node(plan(tmp_path / "4", "brume", demo_seed="7"), PASSPHRASE)
    assert one == two
    assert one.demo
    keys = {card.territory.voting_key for card in (one, other, neighbour)}
    assert len(keys) == 3


def test_an_issuer_made_elsewhere(tmp_path: Path) -> None:
    card_file = tmp_path / "issuer.card"
    issuer = make_issuer("ARD", 2, 3, tmp_path / "keys", card_file, PASSPHRASE, None)
    chosen = plan(tmp_path, issuer_card=card_file)
    card = init_node(chosen, PASSPHRASE)
    assert card.territory.issuer_keys == issuer.keys
    assert card.territory.issuer_threshold == 2
    assert not card.demo
    assert not chosen.issuer_file.exists()
    held = [read_key(file, "issuer", PASSPHRASE) for file in sorted((tmp_path / "keys").iterdir())]
    assert tuple([key.public_key for key in held]) == issuer.keys


def test_an_issuer_from_a_seed_makes_the_card_a_demo(tmp_path: Path) -> None:
    card_file = tmp_path / "issuer.card"
    make_issuer("ARD", 1, 1, tmp_path / "keys", card_file, PASSPHRASE, "known to all")
    assert init_node(plan(tmp_path, issuer_card=card_file), PASSPHRASE).demo


@pytest.mark.parametrize("step", ["write_key", "make_transport", "create_data", "write_new_file"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_half_made_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    original = getattr(founding, step)
    calls = 0

    def fail_at_last(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        # Keys: the last of four; files: the card, after the certificate.
        if calls == {"write_key": 4, "write_new_file": 2}.get(step, 1):
            raise error
        return original(*arguments, **named)

    monkeypatch.setattr(founding, step, fail_at_last)
    with pytest.raises(type(error)):
        init_node(plan(tmp_path), PASSPHRASE)
    assert all_paths(tmp_path) == set()


@pytest.mark.parametrize(
    ("prefix", "currency", "name"),
    [
        ("X!", "ARD", "Arden"),
        ("ab", "ARD", "Arden"),
        ("arden", "eur", "Arden"),
        ("arden", "ARD", ""),
        ("arden", "ARD", "two\nlines"),
    ],
)
def test_what_no_genesis_would_take(tmp_path: Path, prefix: str, currency: str, name: str) -> None:
    asked = replace(plan(tmp_path), prefix=prefix, currency=currency, name=name)
    with pytest.raises(Refused, match="genesis_invalid"):
        init_node(asked, PASSPHRASE)
    assert all_paths(tmp_path) == set()


@pytest.mark.parametrize("name", ["data", "card", "recovery_out", "issuer_file"])
def test_nothing_is_written_over(tmp_path: Path, name: str) -> None:
    chosen = plan(tmp_path)
    place = getattr(chosen, name)
    if name == "data":
        place.mkdir(parents=True)
        place = place / "something"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("kept")
    before = all_paths(tmp_path)
    with pytest.raises(FileExistsError):
        init_node(chosen, PASSPHRASE)
    assert all_paths(tmp_path) == before
    assert place.read_text() == "kept"


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    chosen = plan(tmp_path)
    chosen.data.mkdir(parents=True)
    init_node(chosen, PASSPHRASE)
    assert DataFolder(chosen.data).read().prefix == "arden"


def test_recovery_keys_never_stand_with_the_node(tmp_path: Path) -> None:
    inside = tmp_path / "arden" / "data" / "keys" / "recovery.json"
    with pytest.raises(Refused) as caught:
        init_node(plan(tmp_path, recovery_out=inside), PASSPHRASE)
    assert (caught.value.code, caught.value.field) == ("usage", "--recovery-out")
    assert all_paths(tmp_path) == set()


@pytest.mark.parametrize(("threshold", "count"), [(0, 1), (2, 1), (-1, 3)])
def test_an_issuer_that_could_never_sign(tmp_path: Path, threshold: int, count: int) -> None:
    card = tmp_path / "card"
    with pytest.raises(Refused, match="threshold_invalid"):
        make_issuer("ARD", threshold, count, tmp_path / "keys", card, PASSPHRASE, None)
    assert all_paths(tmp_path) == set()


def test_an_issuer_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    card = tmp_path / "card"
    card.write_text("kept")
    with pytest.raises(FileExistsError):
        make_issuer("ARD", 1, 2, tmp_path / "keys", card, PASSPHRASE, None)
    assert all_paths(tmp_path) == {card}


# -- network create ---------------------------------------------------------------------------


def test_a_genesis_out_of_cards(tmp_path: Path) -> None:
    out = tmp_path / "net" / "genesis.json"
    made = create_network(out, "simplex", cards(tmp_path, 4), False, ["delta_ms=250"])
    read, engine = read_genesis(out)
    assert (read, engine) == (made, "simplex")
    assert read.network_id == Genesis.from_json(out.read_text("utf-8")).network_id
    assert [one.prefix for one in read.territories] == list(PREFIXES[:4])
    assert read.parameters.delta_ms == 250
    assert read.parameters.transactions_per_day_max == 1_000
    assert (tmp_path / "net" / "genesis.json.engine").read_text() == "simplex\n"
    with pytest.raises(FileExistsError):
        create_network(out, "simplex", cards(tmp_path / "again", 1), False, [])
    assert read_genesis(out)[0] == made


def test_keys_from_a_seed_are_for_demos(tmp_path: Path) -> None:
    made = cards(tmp_path, 2, demo_seed="1")
    with pytest.raises(Refused, match="demo_card") as caught:
        create_network(tmp_path / "genesis", "simplex", made, False, [])
    assert caught.value.file == str(made[0])
    demo = create_network(tmp_path / "genesis", "simplex", made, True, [])
    assert demo.demo
    assert demo.parameters.transactions_per_day_max == 2**53 - 1


def test_each_key_and_address_stands_once(tmp_path: Path) -> None:
    arden = make_card(tmp_path)
    seeded = make_card(tmp_path / "a", "brume", 8_000, demo_seed="1")
    for number, (other, field) in enumerate(
        [
            (arden, "prefix"),
            (make_card(tmp_path / "b", "dune", 8_002, currency="ARD"), "currency"),
            (make_card(tmp_path / "c", "dune", 7_000), "peer"),
            (make_card(tmp_path / "d", "dune", 8_004, http="127.0.0.1:7001"), "http"),
        ]
    ):
        out = tmp_path / str(number)
        with pytest.raises(Refused) as caught:
            create_network(out, "simplex", [seeded, arden, other], True, [])
        assert (caught.value.code, caught.value.field) == ("genesis_invalid", field)
        assert caught.value.file == str(other)
        assert not out.exists()


def test_two_territories_with_one_issuer_key(tmp_path: Path) -> None:
    key, made = any_key("issuer"), []
    for index, (prefix, currency) in enumerate((("arden", "ARD"), ("brume", "BRU"))):
        issuer = tmp_path / f"{prefix}.issuer"
        card = IssuerCard(currency, (key.public_key,), 1, False)
        issuer.write_text(issuer_card_to_json(card, [key]), encoding="utf-8")
        made.append(make_card(tmp_path, prefix, 7_000 + 2 * index, issuer_card=issuer))
    with pytest.raises(Refused) as caught:
        create_network(tmp_path / "genesis", "simplex", made, False, [])
    assert (caught.value.code, caught.value.field) == ("genesis_invalid", "issuer_keys")


@pytest.mark.parametrize(
    ("figure", "code"),
    [
        ("delta", "parameter_unknown"),
        ("delta_ms", "parameter_unknown"),
        ("delta_ms=", "parameter_unknown"),
        ("delta_ms=-1", "parameter_unknown"),
        ("delta_ms=1.5", "parameter_unknown"),
        ("delta_ms=" + "9" * 5_000, "parameter_unknown"),
        ("delta_ms=٣", "parameter_unknown"),
        ("delta_ms=0", "genesis_invalid"),
        ("delta_ms=9999999999999999", "genesis_invalid"),
    ],
)
def test_parameters_that_are_none(tmp_path: Path, figure: str, code: str) -> None:
    with pytest.raises(Refused, match=code):
        create_network(tmp_path / "out" / "genesis", "simplex", cards(tmp_path, 1), False, [figure])
    assert not (tmp_path / "out").exists()


def test_a_network_of_nobody(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="genesis_invalid"):
        create_network(tmp_path / "genesis", "simplex", [], False, [])


def test_an_engine_file_that_says_something_else(tmp_path: Path) -> None:
    out = tmp_path / "genesis"
    create_network(out, "cometbft", cards(tmp_path, 1), False, [])
    assert read_genesis(out)[1] == "cometbft"
    (tmp_path / "genesis.engine").write_text("paxos\n")
    with pytest.raises(Refused, match="engine_unknown"):
        read_genesis(out)
    (tmp_path / "genesis.engine").unlink()
    assert read_genesis(out)[1] == "simplex"


def test_a_card_of_before_votes_under_the_engine_that_it_has_a_key_for(tmp_path: Path) -> None:
    one, old = cards(tmp_path, 2)
    folder = DataFolder(plan(tmp_path, "brume", 7_002).data)
    voting = read_key(folder.voting_file, "voting", PASSPHRASE)
    known = read_card(old)
    without = Card(replace(known.territory, cometbft_key=None), known.demo)
    old.write_text(card_to_json(without, voting), encoding="utf-8")
    with pytest.raises(Refused, match="engine_keys_missing") as caught:
        create_network(tmp_path / "genesis", "cometbft", [one, old], False, [])
    assert caught.value.file == str(old)
    assert not (tmp_path / "genesis").exists() and not (tmp_path / "genesis.engine").exists()
    genesis = create_network(tmp_path / "genesis", "simplex", [one, old], False, [])
    assert [each.cometbft_key is None for each in genesis.territories] == [False, True]


@pytest.mark.parametrize("raw", [b"", b"\xff", b"{}", b"[]", b"[" * 100_000])
def test_a_genesis_that_is_none(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "genesis"
    file.write_bytes(raw)
    with pytest.raises(Refused, match="genesis_malformed"):
        read_genesis(file)
