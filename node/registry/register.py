"""A territory's registry, opened: one object for each noun.

registry = Registry.open(folder.registry / REGISTRY_FILE, "arden")
registry.people.import_residents(act, rows)
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from node.registry.activities import Activities
from node.registry.audit import Audit
from node.registry.bulletins import Bulletins
from node.registry.consents import Consents
from node.registry.database import Database
from node.registry.levels import Levels
from node.registry.operations import Operations
from node.registry.payrolls import Payrolls
from node.registry.people import People
from node.registry.programmes import Programmes
from node.registry.schema import STEPS, Step

REGISTRY_FILE = "registry.sqlite"


class Registry:
    """See the module's docstring. One thread at a time."""

    def __init__(self, database: Database, prefix: str) -> None:
        self._database = database
        self.audit = Audit(database)
        self.people = People(database, self.audit)
        self.programmes = Programmes(database, self.audit, prefix)
        self.levels = Levels(database, self.audit)
        self.activities = Activities(database, self.audit)
        self.consents = Consents(database, self.audit)
        self.bulletins = Bulletins(database, self.audit)
        self.payrolls = Payrolls(database, self.audit, self.people, self.consents, prefix)
        self.operations = Operations(database, self.audit, self.bulletins, self.programmes)

    @classmethod
    def open(cls, path: Path, prefix: str, steps: Sequence[Step] = STEPS) -> Self:
        """Open a territory's registry, bring it to the newest version, or make it.

        Raises `Refused`: `data_of_newer_version`, `registry_unreadable`,
        `registry_of_other_territory`.
        """
        return cls(Database(path, prefix, steps), prefix)

    def transaction(self) -> AbstractContextManager[None]:
        """Several calls, all or none of them."""
        return self._database.transaction()

    def image(self) -> bytes:
        """Everything at one moment, for a backup."""
        return self._database.image()

    def close(self) -> None:
        """Let the file go."""
        self._database.close()
