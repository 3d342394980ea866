"""CometBFT's files, as they follow from ours."""

import asyncio
import json
import stat
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consensus.cometbft import chain_id
from node.engines.cometbft.comet_genesis import (
    CometGenesis,
    GenesisValidator,
    genesis_of,
    rfc3339,
)
from node.engines.cometbft.configuration import (
    CometPeer,
    CometSettings,
    StateSync,
    node_id_of,
    node_key_json,
    socket_folder,
    write_configuration,
)
from node.engines.cometbft.local_socket import SOCKET_PATH_BYTES_MAX, prepare_folder
from node.engines.cometbft.messages import BlockParams, ConsensusParams, EvidenceParams
from node.engines.cometbft.node_key import NodeKeyFile
from primitives.errors import InvariantBroken, Refused
from primitives.signatures import SigningKey
from tests.node.cometbft.network import living, new_places, until

KEY = SigningKey.from_seed(b"n" * 32)
PARAMS = ConsensusParams(
    block=BlockParams(2_200_000),
    evidence=EvidenceParams(1000, 5 * 10**9, 65_536),
    app_version=3,
)
GENESIS = CometGenesis(
    chain_id(b"\xab" * 32),
    1_700_000_000_000_000_001,
    PARAMS,
    [GenesisValidator(KEY.public_key, "arden")],
    b"\x00our genesis\xff",
    b"\x01" * 32,
)


def settings(home: Path, **changes: Any) -> CometSettings:
    return replace(
        CometSettings(
            home=home,
            name='ar"den\\',
            genesis=GENESIS,
            p2p_host="0.0.0.0",
            p2p_port=26656,
            peers=[CometPeer("ab" * 20, "brume.example", 26656), CometPeer("cd" * 20, "::1", 7)],
            delta_ms=500,
            heartbeat_ms=60_000,
            transaction_bytes_max=262_144,
        ),
        **changes,
    )


def written(home: Path, **changes: Any) -> dict[str, Any]:
    folder = write_configuration(settings(home, **changes), Path("/proc/self/fd/9"))
    return tomllib.loads(folder.config_file.read_text())


def test_the_traps_are_set_as_the_protocol_says(tmp_path: Path) -> None:
    found = written(tmp_path)
    assert found["filter_peers"] is True
    assert found["p2p"]["pex"] is False
    assert found["p2p"]["max_num_outbound_peers"] == 0
    assert found["p2p"]["persistent_peers"] == (
        f"{'ab' * 20}@brume.example:26656,{'cd' * 20}@[::1]:7"
    )
    for name in ("proxy_app", "priv_validator_laddr"):
        assert found[name].startswith("unix:///")
    assert found["rpc"]["laddr"].startswith("unix:///")
    assert found["rpc"]["unsafe"] is False
    assert found["consensus"]["create_empty_blocks_interval"] == "60000ms"
    assert found["consensus"]["timeout_commit"] == "0ms"
    assert found["consensus"]["timeout_propose"] == "2000ms"
    assert found["storage"]["discard_abci_responses"] is True
    assert found["tx_index"]["indexer"] == "null"
    assert found["mempool"]["max_tx_bytes"] == 262_144
    assert found["statesync"] == {"enable": False}
    assert found["moniker"] == 'ar"den\\'


@pytest.mark.parametrize(("heartbeat_ms", "interval"), [(5_000, "5000ms"), (120_000, "60000ms")])
def test_block_time_never_lags_by_more_than_a_minute(
    tmp_path: Path, heartbeat_ms: int, interval: str
) -> None:
    found = written(tmp_path, heartbeat_ms=heartbeat_ms)
    assert found["consensus"]["create_empty_blocks_interval"] == interval


def test_a_new_node_may_begin_with_a_snapshot(tmp_path: Path) -> None:
    sync = StateSync(["http://a", "http://b"], 5, b"\xab" * 32, 3600)
    found = written(tmp_path, state_sync=sync)["statesync"]
    assert found["enable"] is True
    assert (found["rpc_servers"], found["trust_height"]) == ("http://a,http://b", 5)
    assert (found["trust_hash"], found["trust_period"]) == ("AB" * 32, "3600s")


def test_every_setting_is_one_that_cometbft_has(tmp_path: Path, cometbft: Path) -> None:
    """It takes a name that it does not know without a word."""
    made = subprocess.run(
        [cometbft, "init", "--home", tmp_path / "theirs"], capture_output=True, check=False
    )
    assert made.returncode == 0, made.stderr
    theirs = tomllib.loads((tmp_path / "theirs" / "config" / "config.toml").read_text())
    sync = StateSync(["http://a", "http://b"], 5, b"\xab" * 32, 3600)
    ours = written(tmp_path / "ours", state_sync=sync)
    for name, value in ours.items():
        assert name in theirs
        if isinstance(value, dict):
            assert not set(value) - set(theirs[name]), name


def test_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    folder = write_configuration(settings(tmp_path / "c"), Path("x"))
    for path in (folder.config_file, folder.genesis_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    prepare_folder(tmp_path / "new" / "run")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


# -- the genesis ------------------------------------------------------------------------------


def test_the_genesis_carries_ours_whole() -> None:
    found = json.loads(GENESIS.encode())
    assert found["chain_id"] == "democite-" + "ab" * 20
    assert len(found["chain_id"]) <= 50
    assert found["genesis_time"] == "2023-11-14T22:13:20.000000001Z"
    assert found["consensus_params"]["version"] == {"app": "3"}
    assert found["consensus_params"]["evidence"]["max_age_duration"] == "5000000000"
    assert [validator["power"] for validator in found["validators"]] == ["1"]
    assert genesis_of(json.dumps(found["app_state"]).encode()) == GENESIS.genesis


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"genesis": 3}', b'{"genesis": "%%"}', b"[" * 9999])
def test_an_app_state_without_a_genesis_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused, match="genesis_malformed"):
        genesis_of(raw)


def test_parameters_that_are_not_whole_make_no_genesis() -> None:
    with pytest.raises(InvariantBroken):
        replace(GENESIS, params=ConsensusParams(app_version=1)).encode()


def test_times_are_written_to_the_nanosecond() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000000000Z"
    assert rfc3339(1_700_000_000_000_000_000) == "2023-11-14T22:13:20.000000000Z"


# -- where things are -------------------------------------------------------------------------


def test_a_long_path_has_its_sockets_elsewhere(tmp_path: Path) -> None:
    assert socket_folder(Path("/d/cometbft")) == Path("/d/cometbft/run")
    long = tmp_path / ("x" * 90)
    found = socket_folder(long)
    assert found.parent == Path(tempfile.gettempdir())
    assert found == socket_folder(long) != socket_folder(tmp_path / ("y" * 90))
    assert len(bytes(found / "signer.sock")) <= SOCKET_PATH_BYTES_MAX


def test_a_folder_that_somebody_else_put_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    found = socket_folder(Path("/" + "x" * 120))
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    found.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="folder_not_private"):
        prepare_folder(found)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has files in memory")
def test_the_node_key_is_read_from_memory_alone(tmp_path: Path) -> None:
    file = NodeKeyFile(tmp_path)
    for content in (node_key_json(KEY), b"another and longer " * 20, b"short"):
        file.write(content)
        for _ in range(2):
            assert file.path.read_bytes() == content
    assert list(tmp_path.iterdir()) == []
    file.close()
    assert not file.path.exists()
    file.close()


@pytest.mark.process
@pytest.mark.usefixtures("cometbft")
def test_cometbft_knows_its_own_id_at_the_end_of_a_long_path(tmp_path: Path) -> None:
    async def go() -> None:
        deep = tmp_path / ("d" * 60) / ("e" * 60)
        deep.mkdir(parents=True)
        (place,) = new_places(deep, ["arden"])
        async with living([place]):
            sockets = place.comet.folder.sockets
            await place.say("far away")
            await until(lambda: "far away" in place.words.words)
            told = await place.rpc.status()
            seed = SigningKey.from_seed(b"arden".ljust(32, b"n"))
            assert told["node_info"]["id"] == node_id_of(seed.public_key)
            assert told["node_info"]["network"] == place.settings.genesis.chain_id
        assert not sockets.exists()

    asyncio.run(go())
