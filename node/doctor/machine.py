"""The machine: its clock, its disk, who may read the keys."""

import os
import shutil
import statistics
from collections.abc import Sequence
from pathlib import Path

from node.data_folder import DataFolder
from node.doctor.finding import BAD, GOOD, WARNING, Finding
from terminal.languages import text

CLOCK_WARNED_SECONDS = 2.0
CLOCK_BAD_SECONDS = 10.0
"""`clock_drift_ms_max`: a member whose clock is farther off votes for nobody's block."""
DISK_WARNED_BYTES = 2 << 30
DISK_BAD_BYTES = 256 << 20
INODES_WARNED = 10_000
_GROUP_AND_OTHERS = 0o077


def look_at_clock(offsets_seconds: Sequence[float]) -> Finding:
    """`offsets_seconds`: how far ahead the other nodes' clocks are, as each one's answer says."""
    if not offsets_seconds:
        return Finding(
            "clock",
            WARNING,
            text("aucun autre nœud pour comparer", "no other node to compare with"),
            text(
                "vérifiez vous-même : timedatectl status, « synchronized: yes »",
                "check it yourself: timedatectl status, “synchronized: yes”",
            ),
        )
    offset = statistics.median(offsets_seconds)
    shown = f"{abs(offset):.0f} s"
    if abs(offset) <= CLOCK_WARNED_SECONDS:
        told = text(
            f"à l'heure de {len(offsets_seconds)} autres nœuds",
            f"agrees with {len(offsets_seconds)} other nodes",
        )
        return Finding("clock", GOOD, told)
    side = text("en retard", "behind") if offset > 0 else text("en avance", "ahead")
    return Finding(
        "clock",
        BAD if abs(offset) > CLOCK_BAD_SECONDS else WARNING,
        text(
            f"cette machine est {side} de {shown} sur {len(offsets_seconds)} autres nœuds",
            f"this machine is {shown} {side} of {len(offsets_seconds)} other nodes",
        ),
        text("timedatectl set-ntp true", "timedatectl set-ntp true"),
    )


def look_at_disk(folder: Path) -> Finding:
    """Room for blocks, and for the files that hold them."""
    free = shutil.disk_usage(folder).free
    room = os.statvfs(folder)
    shown = f"{free / (1 << 30):.1f} GiB"
    told = text(f"{shown} libres", f"{shown} free")
    hint = text(
        "agrandissez le disque ou videz-le ; 'democite node compact' rend de la place",
        "enlarge the disk or clear it; 'democite node compact' gives space back",
    )
    if room.f_files and room.f_favail < INODES_WARNED:
        few = text(f"{room.f_favail} fichiers libres", f"room for {room.f_favail} files only")
        return Finding("disk", WARNING, few, hint)
    if not os.access(folder, os.W_OK):
        denied = text("le dossier n'est pas modifiable", "the folder can't be written")
        return Finding("disk", BAD, denied, f"chown -R democite {folder}")
    if free < DISK_BAD_BYTES:
        return Finding("disk", BAD, told, hint)
    if free < DISK_WARNED_BYTES:
        return Finding("disk", WARNING, told, hint)
    return Finding("disk", GOOD, told)


def look_at_permissions(folder: DataFolder) -> Finding:
    """Keys and the registry are their owner's alone."""
    open_ones = [
        path
        for path in (folder.keys, folder.registry, *_files(folder.keys), *_files(folder.registry))
        if path.exists() and path.stat().st_mode & _GROUP_AND_OTHERS
    ]
    if open_ones:
        names = " ".join(str(path) for path in open_ones[:3])
        told = text(
            f"d'autres comptes de cette machine peuvent lire {names}",
            f"other accounts of this machine can read {names}",
        )
        hint = f"chmod -R go= {folder.root}"
        return Finding("permissions", BAD, told, hint)
    return Finding(
        "permissions",
        GOOD,
        text(
            "les clés et le registre ne sont lisibles que par le nœud",
            "keys and registry are the node's alone",
        ),
    )


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
