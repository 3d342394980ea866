"""A checkpoint: an epoch and the digest of the boundary that began it, told by somebody trusted."""

import json
from pathlib import Path

from primitives.checkpoints import parse_checkpoint
from primitives.errors import Refused
from primitives.versions import check_version
from wallet.atomic_files import write_file

FILE_BYTES_MAX = 4_096


def write_checkpoint(file: Path, epoch: int, digest: bytes) -> None:
    """Keep it, in the place of an earlier one."""
    content = {"kind": "checkpoint", "version": 1, "epoch": epoch, "digest": digest.hex()}
    write_file(file, json.dumps(content).encode() + b"\n")


def read_checkpoint(file: Path) -> tuple[int, bytes] | None:
    """The checkpoint that is kept, or None. Raises `Refused`: `checkpoint_malformed`,
    `version_unknown`: one that the owner noted must not be passed over."""
    try:
        with file.open("rb") as stream:
            content = json.loads(stream.read(FILE_BYTES_MAX))
        check_version(content["version"], 1)
        return parse_checkpoint(f"{content['epoch']}:{content['digest']}")
    except FileNotFoundError:
        return None
    except Refused as refusal:
        refusal.file = refusal.file or str(file)
        raise
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refused("checkpoint_malformed", file=str(file)) from None
