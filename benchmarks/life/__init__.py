"""The life of a network: catching up, snapshots, restarts, idleness. README.md says what is what.

The folder above is made importable, since the measures beside this package are scripts.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
