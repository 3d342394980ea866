"""The published table follows from the published figures."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT, FIGURES = ROOT / "docs/performance.md", ROOT / "docs/performance.json"


def test_the_table_of_the_targets_is_that_of_the_figures(tmp_path: Path) -> None:
    copy = tmp_path / "performance.md"
    shutil.copy(DOCUMENT, copy)
    words = ["-m", "benchmarks.targets", str(FIGURES), "--write", str(copy)]
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True)
    assert copy.read_text("utf-8") == DOCUMENT.read_text("utf-8")
