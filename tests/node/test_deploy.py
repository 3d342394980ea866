"""What is shipped for operators names what exists: options, files, metrics."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.node.api_town import ApiTown, play
from tests.processes.network import must

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
OF_OTHERS = frozenset({"up", "node_filesystem_avail_bytes"})
"""Prometheus's own, and its node exporter's."""
_FUNCTIONS = frozenset({"rate", "increase", "changes", "max", "sum", "by", "status"})


def _expressions() -> list[str]:
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text("utf-8"))
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    rules = (DEPLOY / "prometheus-alerts.yml").read_text("utf-8")
    return shown + re.findall(r"^\s+expr: (.+)$", rules, re.MULTILINE)


def _names(expression: str) -> set[str]:
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", expression)
    return set(re.findall(r"[a-z_][a-z0-9_]+", bare)) - _FUNCTIONS


def test_dashboards_and_alerts_name_metrics_that_exist(tmp_path: Path) -> None:
    wanted = set.union(*map(_names, _expressions())) - OF_OTHERS
    assert len(wanted) > 15

    async def scenario(served: ApiTown) -> None:
        await served.ask("GET", "/v1/network")
        metrics = (await served.ask("GET", "/metrics")).body.decode()
        given = set(re.findall(r"^([a-z0-9_]+)[ {]", metrics, re.MULTILINE))
        assert wanted <= given, wanted - given

    play(tmp_path, scenario)


def test_each_alert_has_an_entry_in_the_operators_guide() -> None:
    rules = (DEPLOY / "prometheus-alerts.yml").read_text("utf-8")
    guide = (ROOT / "docs" / "operating.md").read_text("utf-8")
    names = re.findall(r"- alert: (\w+)", rules)
    assert len(names) == rules.count("summary:") == rules.count("expr:")
    for name in names:
        assert guide.count(f"\n| `{name}` |") == 2, f"{name}: once in French, once in English"


def _started_as(text: str) -> list[str]:
    """The words after `democite` in a file's start command."""
    joined = re.sub(r"\\\n[# ]*", " ", text)
    found = re.search(r"democite\s+(node start .+)", joined)
    assert found is not None
    return shlex.split(found[1])


@pytest.mark.parametrize("name", ["democite-node.service", "Containerfile"])
def test_start_commands_have_options_that_exist(name: str) -> None:
    help_text = must("node", "start", "--help").out
    words = _started_as((DEPLOY / name).read_text("utf-8"))
    options = [word for word in words if word.startswith("--")]
    assert {"--data", "--genesis", "--passphrase-file"} <= set(options)
    for option in options:
        assert option in help_text


def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    unit = (DEPLOY / "democite-node.service").read_text("utf-8")
    # The program stands elsewhere here than where an operator puts it.
    file = tmp_path / "democite-node.service"
    file.write_text(unit.replace("/opt/democite/.venv/bin/democite", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", file], capture_output=True, text=True, check=False
    )
    told = [line for line in done.stderr.splitlines() if "democite-node" in line]
    assert (done.returncode, told) == (0, [])


def test_the_container_is_made_from_the_lock_and_is_nobody_special() -> None:
    text = (DEPLOY / "Containerfile").read_text("utf-8")
    assert "--require-hashes" in text
    assert "requirements/runtime.lock" in text
    assert text.index("USER democite") < text.index("ENTRYPOINT")
