"""What a node tells over HTTP of blocks that it keeps no longer."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.proofs import ReceiptProof
from node import pruning
from node.retention import Retention
from node.territory import TerritoryOptions
from tests.node.api_town import address_of, api_town
from tests.node.town import Person, Town, certified_by, key_of
from tests.patience import PATIENCE_SECONDS


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day is a millisecond, each block has a snapshot."""
    monkeypatch.setattr(pruning, "MS_PER_DAY", 1)
    monkeypatch.setattr(pruning, "SLACK_MS", 0)
    monkeypatch.setattr(pruning, "BLOCKS_KEPT_MIN", 2)
    options = Town.options

    def with_snapshots(self: Town, index: int) -> TerritoryOptions:
        return replace(options(self, index), snapshot_ms=1)

    monkeypatch.setattr(
        Town, "options", lambda self, index, observe_only=False: with_snapshots(self, index)
    )


def test_status_by_id_and_where_a_history_is_cut(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS), api_town(tmp_path) as served:
            town, node = served.town, served.node
            payer, payee, other = await town.people(3, 500)
            (paid,) = await town.settle(0, [town.pay(payer, payee, 30)])
            path = f"/v1/transactions/{paid.id.hex()}"
            history = f"/v1/accounts/{address_of(payer)}/history"
            whole = (await served.read(payer.key, history)).json
            assert whole["truncated"] is False and whole["first_height"] is None
            assert (await served.read(other.key, path)).status == 404
            status = (await served.ask("GET", "/v1/status")).json
            assert (status["first_height"], status["keep_days"]) == (1, None)

            Retention(town.options(0).retention_file).keep(60)
            while not node.is_pruned(paid.id):
                await town.must_settle(0, [town.pay(payee, other, 1)])
                await asyncio.sleep(0.02)
            status = (await served.ask("GET", "/v1/status")).json
            assert status["keep_days"] == 60
            # The id is what it takes: whom it concerned is not known here any more.
            for reader in (payer, payee, other, Person("town0", "stranger")):
                told = (await served.read(reader.key, path)).json
                assert (told["status"], told["height"], told["inclusion"]) == ("final", None, None)
            proof = ReceiptProof.decode(bytes.fromhex(str(told["receipt"])))
            header = await certified_by(node, int(str(told["receipt_height"])))
            assert header is not None and told["number"] == proof.number
            assert proof.verify(header.header.state_root, paid.id)
            unknown = f"/v1/transactions/{'ab' * 32}"
            assert (await served.read(payer.key, unknown)).status == 404
            assert (await served.ask("GET", path)).status == 401

            cut = (await served.read(payer.key, history)).json
            assert (cut["items"], cut["next"], cut["truncated"]) == ([], None, True)
            first = int(str(cut["first_height"]))
            assert first >= int(str(status["first_height"]))
            block = await certified_by(node, first)
            assert block is not None and cut["first_time_ms"] == block.header.time_ms
            header_path = f"/v1/headers/{first - 1}"
            assert (await served.ask("GET", header_path)).code == "not_found"
            metrics = (await served.ask("GET", "/metrics")).body.decode()
            assert f"democite_first_height {float(node.status().first_height)}" in metrics
            # Others' histories are no more open than before.
            assert (await served.read(other.key, history)).status == 404
            assert (await served.read(key_of("town0 staff"), history, "test")).status == 200

    asyncio.run(scenario())
