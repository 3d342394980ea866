"""The whole examination, in the order in which an operator would mend things."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from ledger.genesis import Genesis
from node.clock import now_ms
from node.data_folder import DataFolder
from node.doctor.finding import BAD, Finding
from node.doctor.folder import (
    look_at_backup,
    look_at_folder,
    look_at_keys,
    look_at_node,
    look_at_versions,
    refusal_found,
)
from node.doctor.machine import look_at_clock, look_at_disk, look_at_permissions
from node.doctor.others import look_at_archives, look_at_networks, look_at_peers, see_all
from node.doctor.roll import Roll, read_roll
from node.genesis_file import read_genesis
from node.office.office import REGISTRY_FILE
from node.retention import RETENTION_FILE, Retention
from primitives.errors import Refused


def examine(
    data: Path, genesis_file: Path, peer_listen: str | None = None, http_listen: str | None = None
) -> list[Finding]:
    """Look at everything. `peer_listen` and `http_listen` as `node start` is given them.

    Raises `Refused` where there is nothing to examine: `data_missing`, `genesis_malformed`.
    """
    genesis, engine = read_genesis(genesis_file)
    folder = DataFolder(data)
    content = folder.read()
    fits = look_at_folder(folder, genesis, engine)
    findings = [fits, look_at_versions(folder), look_at_permissions(folder), look_at_disk(data)]
    if fits.state == BAD:
        return findings
    http = http_listen or content.http
    roll = read_roll(folder, genesis, http)
    findings += [look_at_keys(folder, roll), roll.finding()]
    findings += look_at_node(folder, peer_listen or content.peer, http)
    findings.append(look_at_backup(folder.registry / REGISTRY_FILE, now_ms()))
    retention = Retention(data / RETENTION_FILE)
    return findings + _look_at_others(genesis, roll, content.prefix, retention)


def _look_at_others(
    genesis: Genesis, roll: Roll, prefix: str, retention: Retention
) -> list[Finding]:
    others = roll.others(prefix)
    if not others:
        return [look_at_archives(retention, ())]
    try:
        seen = see_all(others)
    except Refused as refusal:
        return [refusal_found("peers", refusal)]
    members = len(roll.members)
    quorum = members - (members - 1) // 3
    offsets = [one.offset_seconds for one in seen if one.offset_seconds is not None]
    return [
        look_at_networks(seen, genesis.network_id.hex()),
        *look_at_peers(seen, quorum, roll.is_current),
        look_at_clock(offsets),
        look_at_archives(retention, seen),
    ]


def shown(findings: Iterable[Finding]) -> str:
    """All of them, for people."""
    return "\n".join(finding.lines() for finding in findings)


def counted(findings: Iterable[Finding]) -> dict[str, object]:
    """All of them, for programs."""
    return {"findings": [dataclasses.asdict(finding) for finding in findings]}
