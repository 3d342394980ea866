"""CometBFT's files, written from ours at each start: nothing in them is edited by hand.

cometbft/config/config.toml, genesis.json
cometbft/data/             its blocks, state and consensus log
cometbft/data/unused_*     a key that CometBFT makes for itself; it signs nothing, `signer` does

The sockets are in a private folder of their own, beside it or, where that path would be too long
for a socket, below the system's folder for temporary files.

Source: CometBFT v0.38, `config/config.go`, `config/toml.go`.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from node.engines.cometbft.comet_genesis import PRIVATE_KEY_TYPE, CometGenesis, typed_key
from node.engines.cometbft.local_socket import SOCKET_PATH_BYTES_MAX
from node.engines.cometbft.signer import validator_address
from node.private_files import PRIVATE_FOLDER_MODE, replace_file
from primitives.signatures import SigningKey

HEARTBEAT_MS_MAX = 60_000
"""Block time lags by one heartbeat at most, and the ledger's clock with it (protocol, §9)."""

PROPOSE_DELTAS, VOTE_DELTAS = 4, 2
"""A proposal travels, and is executed twice before others vote; a vote only travels."""

RATE_BYTES_PER_SECOND = 32 * 1024 * 1024
GOSSIP_SLEEP_MS = 10
"""Measured with four: a payment is final in 0.18 s with 10, in 0.45 s with CometBFT's 100; what an
idle process costs is the same."""

FLUSH_MS = 10
PEERS_MAX = 64
RECHECK_TIMEOUT_S = 30
DISCOVERY_S = 5
"""The shortest that CometBFT takes."""

POOL_BYTES_MAX = 64 * 1024 * 1024
POOL_TRANSACTIONS_MAX = 20_000

Value = str | int | bool


@dataclass(frozen=True, slots=True)
class CometPeer:
    """A member's or observer's CometBFT: its node id (`node_id_of`) and where it listens."""

    node_id: str
    host: str
    port: int

    @property
    def address(self) -> str:
        """As CometBFT writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.node_id}@{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class StateSync:
    """Where a new node's CometBFT begins. `rpc_servers`: two or more that serve headers, commits,
    sets and parameters as CometBFT's RPC does, `http://…` or `unix:///…`."""

    rpc_servers: Sequence[str]
    trust_height: int
    trust_hash: bytes
    trust_period_s: int
    chunk_fetchers: int = 4


@dataclass(frozen=True, slots=True)
class CometSettings:
    """All that differs between two nodes, and what the network's parameters say."""

    home: Path
    name: str
    genesis: CometGenesis
    p2p_host: str
    p2p_port: int
    peers: Sequence[CometPeer]
    delta_ms: int
    heartbeat_ms: int
    transaction_bytes_max: int
    state_sync: StateSync | None = None


class CometFolder:
    """Where CometBFT's files and sockets are."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.config_file = home / "config" / "config.toml"
        self.genesis_file = home / "config" / "genesis.json"
        self.sockets = socket_folder(home)
        self.abci_socket = self.sockets / "abci.sock"
        self.signer_socket = self.sockets / "signer.sock"
        self.rpc_socket = self.sockets / "rpc.sock"


def socket_folder(home: Path) -> Path:
    """The same at each start; `local_socket.prepare_folder` says whether it is really private."""
    beside = home / "run"
    if len(os.fsencode(beside / "signer.sock")) <= SOCKET_PATH_BYTES_MAX:
        return beside
    name = hashlib.sha256(os.fsencode(home.absolute())).hexdigest()[:24]
    return Path(tempfile.gettempdir()) / f"democite-{os.geteuid()}-{name}"


def node_id_of(public_key: bytes) -> str:
    """How CometBFT names a node among its peers."""
    return validator_address(public_key).hex()


def node_key_json(key: SigningKey) -> bytes:
    """CometBFT's node key file; its value is seed and public key."""
    return json.dumps({"priv_key": typed_key(PRIVATE_KEY_TYPE, key.seed + key.public_key)}).encode()


def write_configuration(settings: CometSettings, node_key_file: Path) -> CometFolder:
    """Write CometBFT's files, over those of before."""
    folder = CometFolder(settings.home)
    for path in (settings.home, folder.config_file.parent, settings.home / "data"):
        path.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
    replace_file(folder.config_file, _toml(_sections(settings, folder, node_key_file)).encode())
    replace_file(folder.genesis_file, settings.genesis.encode())
    return folder


def _sections(
    settings: CometSettings, folder: CometFolder, node_key_file: Path
) -> dict[str, dict[str, Value]]:
    return {
        "": {
            "proxy_app": f"unix://{folder.abci_socket}",
            "abci": "socket",
            "moniker": settings.name,
            "db_backend": "goleveldb",
            "db_dir": "data",
            "log_level": "error",
            "log_format": "json",
            "genesis_file": "config/genesis.json",
            "node_key_file": str(node_key_file),
            "priv_validator_laddr": f"unix://{folder.signer_socket}",
            "priv_validator_key_file": "data/unused_validator_key.json",
            "priv_validator_state_file": "data/unused_validator_state.json",
            # Who is no member's or observer's CometBFT is not spoken to.
            "filter_peers": True,
        },
        "rpc": _rpc(folder),
        "p2p": _p2p(settings),
        "mempool": _mempool(settings),
        "statesync": _state_sync(settings),
        "consensus": _consensus(settings),
        # Results are in our own store, and nobody searches CometBFT's.
        "storage": {"discard_abci_responses": True},
        "tx_index": {"indexer": "null"},
        "instrumentation": {"prometheus": False},
    }


def _rpc(folder: CometFolder) -> dict[str, Value]:
    return {
        "laddr": f"unix://{folder.rpc_socket}",
        "grpc_laddr": "",
        "pprof_laddr": "",
        "unsafe": False,
    }


def _p2p(settings: CometSettings) -> dict[str, Value]:
    host = f"[{settings.p2p_host}]" if ":" in settings.p2p_host else settings.p2p_host
    return {
        "laddr": f"tcp://{host}:{settings.p2p_port}",
        "persistent_peers": ",".join(peer.address for peer in settings.peers),
        "unconditional_peer_ids": ",".join(peer.node_id for peer in settings.peers),
        "persistent_peers_max_dial_period": "5s",
        "pex": False,
        "seed_mode": False,
        "addr_book_file": "data/addrbook.json",
        "addr_book_strict": False,
        # Territories may share an address, as those of one hosting company do.
        "allow_duplicate_ip": True,
        "max_num_inbound_peers": PEERS_MAX,
        "max_num_outbound_peers": 0,
        "flush_throttle_timeout": f"{FLUSH_MS}ms",
        "send_rate": RATE_BYTES_PER_SECOND,
        "recv_rate": RATE_BYTES_PER_SECOND,
    }


def _mempool(settings: CometSettings) -> dict[str, Value]:
    return {
        "type": "flood",
        "recheck": True,
        "recheck_timeout": f"{RECHECK_TIMEOUT_S}s",
        "broadcast": True,
        "size": POOL_TRANSACTIONS_MAX,
        "max_txs_bytes": POOL_BYTES_MAX,
        "max_tx_bytes": settings.transaction_bytes_max,
        "cache_size": 2 * POOL_TRANSACTIONS_MAX,
        # What is refused now may be good after another block.
        "keep-invalid-txs-in-cache": False,
    }


def _state_sync(settings: CometSettings) -> dict[str, Value]:
    sync = settings.state_sync
    if sync is None:
        return {"enable": False}
    return {
        "enable": True,
        "rpc_servers": ",".join(sync.rpc_servers),
        "trust_height": sync.trust_height,
        "trust_hash": sync.trust_hash.hex().upper(),
        "trust_period": f"{sync.trust_period_s}s",
        "chunk_fetchers": sync.chunk_fetchers,
        "discovery_time": f"{DISCOVERY_S}s",
        "temp_dir": str(settings.home / "data"),
    }


def _consensus(settings: CometSettings) -> dict[str, Value]:
    delta_ms = settings.delta_ms
    return {
        "wal_file": "data/cs.wal/wal",
        "timeout_propose": f"{PROPOSE_DELTAS * delta_ms}ms",
        "timeout_propose_delta": f"{delta_ms}ms",
        "timeout_prevote": f"{VOTE_DELTAS * delta_ms}ms",
        "timeout_prevote_delta": f"{delta_ms}ms",
        "timeout_precommit": f"{VOTE_DELTAS * delta_ms}ms",
        "timeout_precommit_delta": f"{delta_ms}ms",
        # A block is begun when there is work; nothing is gained by waiting for stragglers' votes.
        "timeout_commit": "0ms",
        "skip_timeout_commit": True,
        "create_empty_blocks": True,
        "create_empty_blocks_interval": f"{min(settings.heartbeat_ms, HEARTBEAT_MS_MAX)}ms",
        "peer_gossip_sleep_duration": f"{GOSSIP_SLEEP_MS}ms",
        # What was signed is remembered by our signer, not looked for in blocks.
        "double_sign_check_height": 0,
    }


def _toml(sections: dict[str, dict[str, Value]]) -> str:
    lines = ["# Written by Démocité at each start."]
    for section, values in sections.items():
        if section:
            lines += ["", f"[{section}]"]
        lines += [f"{name} = {_toml_value(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def _toml_value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # JSON's strings are TOML's, but for U+007F, which no name or path here holds.
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False)
