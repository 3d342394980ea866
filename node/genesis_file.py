"""The genesis file, and the one-word file beside it that names the engine."""

from pathlib import Path

from consensus.succession import begins_ms, check_last
from ledger.genesis import GENESIS_KIND, Genesis
from ledger.succession import Succession
from node.private_files import write_new_file
from primitives.errors import Refused
from primitives.signatures import verify

GENESIS_BYTES_MAX = 4 << 20
SIMPLEX = "simplex"
COMETBFT = "cometbft"
ENGINES = (SIMPLEX, COMETBFT)
PUBLIC_FILE_MODE = 0o644


def engine_file(genesis_file: Path) -> Path:
    """Where the engine of a genesis stands."""
    return genesis_file.with_name(genesis_file.name + ".engine")


def write_genesis(path: Path, genesis: Genesis, engine: str) -> None:
    """Write both, neither over an existing one."""
    write_new_file(engine_file(path), f"{engine}\n".encode(), PUBLIC_FILE_MODE)
    try:
        write_new_file(path, genesis.to_json().encode(), PUBLIC_FILE_MODE)
    except BaseException:
        engine_file(path).unlink()
        raise


def read_genesis(path: Path) -> tuple[Genesis, str]:
    """A genesis and its engine; that of a successor with all that proves it.

    Raises `Refused`: `genesis_malformed`, `genesis_invalid`, `engine_unknown`; of a successor's
    `endorsement_invalid`, `endorsements_insufficient`, `succession_unproved`.
    """
    genesis = read_genesis_alone(path)
    beside = engine_file(path)
    engine = beside.read_text(encoding="utf-8").strip() if beside.exists() else ENGINES[0]
    if engine not in ENGINES:
        raise Refused("engine_unknown", engine[:40], file=str(beside))
    return genesis, engine


def read_genesis_alone(path: Path, kind: str = GENESIS_KIND) -> Genesis:
    """The same without its engine; or a draft of one, which may lack endorsements."""
    with path.open("rb") as stream:
        raw = stream.read(GENESIS_BYTES_MAX + 1)
    if len(raw) > GENESIS_BYTES_MAX:
        raise Refused("genesis_malformed", "too large", file=str(path))
    try:
        genesis = Genesis.from_json(raw.decode("utf-8-sig"), kind)
        if genesis.succession is not None:
            check_last(genesis.succession, verify)
            _check_begins(genesis.time_ms, genesis.succession)
    except UnicodeDecodeError:
        raise Refused("genesis_malformed", "not UTF-8", file=str(path)) from None
    except Refused as refusal:
        refusal.file = refusal.file or str(path)
        raise
    return genesis


def _check_begins(time_ms: int, succession: Succession) -> None:
    """A successor begins just after what it goes on from: with any later time it would stand still
    until then, and its recovery keys would be asked for a second yes."""
    if time_ms != begins_ms(succession):
        raise Refused("succession_unproved", "it begins at another time than just after")
