"""What a start under CometBFT needs of a data folder: the program, the key, what was signed last.

The engine's own modules are loaded only here and below, so that a node of the other engine starts
without them.
"""

from pathlib import Path

from node.data_folder import DataFolder
from node.keys import read_public_keys
from primitives.errors import Refused


def check_cometbft(folder: DataFolder) -> None:
    """Before a passphrase is asked for. Raises `Refused`: `cometbft_missing`,
    `engine_keys_missing`."""
    from node.engines.cometbft.program import find_program

    find_program()
    if not folder.cometbft_file.exists():
        raise Refused("engine_keys_missing", "this node has none", file=str(folder.root))


def begin_signing(folder: DataFolder, network_id: bytes, file: Path) -> None:
    """Make the file of what this node signed last for a network in which it never signed: at
    `file`, since the folder goes over to that network later.

    Raises `Refused`: `engine_keys_missing`, `data_malformed`.
    """
    from node.engines.cometbft.network_terms import chain_id_of
    from node.engines.cometbft.signed_last import SignedLastFile

    named = None
    if folder.cometbft_file.exists():
        named = read_public_keys(folder.public_keys_file).get("cometbft")
    if named is None:
        raise Refused("engine_keys_missing", "this node has none", file=str(folder.root))
    SignedLastFile.create(file, chain_id_of(network_id), bytes.fromhex(named))


def prepare_cometbft(folder: DataFolder, network_id: bytes, public_key: bytes) -> None:
    """At the very first start, before the folder is bound to a network, the file of what the voting
    key signed last is made; never later, since a key that forgot could sign twice. A node without
    it follows, and signs nothing."""
    from node.engines.cometbft.network_terms import chain_id_of
    from node.engines.cometbft.signed_last import SignedLastFile

    file = folder.signed_last_file
    if not folder.read().network_id and not file.exists():
        SignedLastFile.create(file, chain_id_of(network_id), public_key)


def fresh_record_of(network_id: bytes, public_key: bytes) -> bytes:
    """What the file says for a key that is being made."""
    from node.engines.cometbft.network_terms import chain_id_of
    from node.engines.cometbft.signed_last import fresh_record

    return fresh_record(chain_id_of(network_id), public_key)
