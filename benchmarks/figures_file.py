"""Files of figures: JSON objects, read whole or refused, and written whole or left as they were."""

import json
import os
from pathlib import Path
from typing import Any

Figures = dict[str, Any]


def read(file: Path) -> Figures:
    """What an earlier command wrote. Raises OSError, ValueError that names the file."""
    try:
        content = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} holds no figures")
    return content


def write(file: Path, content: object) -> None:
    """Figures into a file. One who interrupts a long command loses nothing that stood there."""
    words = json.dumps(content, indent=1) + "\n"
    file = file.resolve()
    if file.exists() and not file.is_file():
        file.write_text(words, "utf-8")  # a pipe, or a terminal
        return
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_text(words, "utf-8")
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
