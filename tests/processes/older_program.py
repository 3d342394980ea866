"""`democite …` as it was before the newest rules: it knows every rule version but the last.

python -m tests.processes.older_program node start …
"""

import sys
from importlib import import_module

import ledger.rules


def main() -> int:
    """Run one command. The number is changed before anything reads it."""
    ledger.rules.RULE_VERSION -= 1
    code = import_module("clients.cli.main").run()
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
