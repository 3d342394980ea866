"""A node keeps its registry from the first start on, and starts with no other."""

from pathlib import Path

import pytest

from node.data_folder import DataFolder, NodeFile
from node.founding import NodePlan, init_node
from node.office.office import REGISTRY_FILE
from node.server import _keep_registry
from primitives.errors import Refused
from tests.node.founding import PASSPHRASE, make_sealing_fast


def test_a_registry_that_is_gone_is_not_replaced_by_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_sealing_fast(monkeypatch)
    plan = NodePlan(
        tmp_path / "data", "Arden", "arden", "ARD", "127.0.0.1:1", "127.0.0.1:2",
        tmp_path / "card", tmp_path / "keys" / "recovery.json", "leveldb", None, "1",
    )  # fmt: skip
    territory = init_node(plan, PASSPHRASE).territory
    folder = DataFolder(plan.data)
    file = folder.registry / REGISTRY_FILE
    _keep_registry(folder, territory)
    assert file.exists()
    folder.write(NodeFile(**{**_fields(folder.read()), "network_id": "ab" * 32}))
    _keep_registry(folder, territory)
    for path in folder.registry.iterdir():
        path.unlink()
    with pytest.raises(Refused) as caught:
        _keep_registry(folder, territory)
    assert (caught.value.code, caught.value.file) == ("registry_missing", str(file))
    assert not file.exists()


def _fields(content: NodeFile) -> dict[str, str]:
    return {name: getattr(content, name) for name in NodeFile.__dataclass_fields__}
