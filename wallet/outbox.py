"""The transactions that this wallet signed: on disk, synced, before any is sent.

Two folders, one file per transaction. `pending/` holds those whose outcome is not yet known *and*
told to the user; `done/` the rest. A file's name carries lane number and idempotency key, so a
listing finds both and nothing has to be kept in step.

A lane number is chosen and its entry written under one lock, so two processes never take the same
one. Each entry under way is locked by the process that works on it; an entry that nobody holds was
left by a process that died, and is taken up by the next command that asks for the same thing.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

from primitives.errors import Refused
from wallet.atomic_files import FileLock, locked, make_private_folder, sync_folder, write_file
from wallet.outbox_entry import Entry, entry_from_json

ENTRY_BYTES_MAX = 2 * 1024 * 1024
# The lane's window (docs/protocol.md, section 2): how far a number may be from the highest used.
LANE_WINDOW = 64


class Outbox:
    """The outbox of one signing key, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pending = folder / "pending"
        self._done = folder / "done"
        self._locks: dict[str, FileLock] = {}
        make_private_folder(folder)
        make_private_folder(self._pending)
        make_private_folder(self._done)

    def prepare(
        self,
        *,
        idempotency: str,
        intent: str,
        lane_high: int,
        is_used: Callable[[int], bool],
        build: Callable[[int], Entry],
        unanswered_since_ms: int = 0,
    ) -> tuple[Entry, bool]:
        """Take up an earlier transaction or write a new one; the flag says that it is new.

        `lane_high` and `is_used` are the lane as the network has it; `build` signs with the
        number it is given. A new entry is locked by this process; an earlier one may be in the
        hands of another that sends the very same bytes, which is harmless. Raises `Refused`:
        `idempotency_key_reused`, `number_out_of_window`, `wallet_in_use`.
        """
        with locked(self._folder / "lock"):
            earlier = (
                self.by_idempotency(idempotency)
                if idempotency
                else self._orphan(intent, unanswered_since_ms)
            )
            if earlier is not None:
                if earlier.intent != intent:
                    raise Refused("idempotency_key_reused")
                return earlier, False
            number = self._next_number(lane_high, is_used)
            entry = build(number)
            if entry.number != number:
                raise Refused("outbox_malformed", "number")
            if not self.hold(entry):
                raise Refused("wallet_in_use", entry.name)
            write_file(self._pending / entry.name, entry.to_json(), replace=False)
            return entry, True

    def hold(self, entry: Entry) -> bool:
        """Lock an entry for this process; False if another one works on it."""
        if entry.name in self._locks:
            return True
        lock = FileLock(self._lock_path(entry.name))
        if not lock.try_acquire():
            return False
        self._locks[entry.name] = lock
        return True

    def save(self, entry: Entry) -> Entry:
        """Write what is newly known of an entry; it moves to `done/` once it is settled."""
        if not entry.is_settled:
            write_file(self._pending / entry.name, entry.to_json())
            return entry
        write_file(self._done / entry.name, entry.to_json())
        with contextlib.suppress(FileNotFoundError):
            (self._pending / entry.name).unlink()
            sync_folder(self._pending)
        self.let_go(entry)
        with contextlib.suppress(FileNotFoundError):
            self._lock_path(entry.name).unlink()
        return entry

    def let_go(self, entry: Entry) -> None:
        """Unlock an entry, so that another process may take it up."""
        lock = self._locks.pop(entry.name, None)
        if lock is not None:
            lock.release()

    def pending(self) -> list[Entry]:
        """Entries whose outcome is unknown or untold, by lane number."""
        return [
            self._read(path) for path in self._listing(self._pending) if not self._is_done(path)
        ]

    def orphans(self) -> list[Entry]:
        """Pending entries that no living process works on.

        They are not locked when this returns: to look what became of one needs no lock, and a
        command that wants to take it up meanwhile must not take the one who looks for its owner.
        """
        found: list[Entry] = []
        with locked(self._folder / "lock"):
            for listed in self.pending():
                was_held = listed.name in self._locks
                if not self.hold(listed):
                    continue
                entry = self._read_again(listed)
                if not was_held:
                    self.let_go(listed)
                if entry is not None:
                    found.append(entry)
        return found

    def by_idempotency(self, idempotency: str) -> Entry | None:
        """The entry that was made under an idempotency key (its hash)."""
        for folder in (self._done, self._pending):
            for path in self._listing(folder):
                if path.name.split("-")[1] == idempotency:
                    return self._read(path)
        return None

    def refused_but_used(self, is_used: Callable[[int], bool]) -> list[Entry]:
        """Transactions that a node said were refused although their number is used by now.

        Unless another transaction of this outbox took the number, the node may have lied.
        """
        entries = self.all()
        final = {entry.number for entry in entries if entry.state == "final"}
        return [
            entry
            for entry in entries
            if entry.releases_number and entry.number not in final and is_used(entry.number)
        ]

    def reopen(self, entry: Entry) -> Entry:
        """Treat a refused transaction as one of unknown outcome again."""
        reopened = entry.changed(state="pending", code="", reported="unknown")
        write_file(self._pending / entry.name, reopened.to_json())
        with contextlib.suppress(FileNotFoundError):
            (self._done / entry.name).unlink()
            sync_folder(self._done)
        return reopened

    def all(self) -> list[Entry]:
        """Every entry, by lane number."""
        found = {entry.name: entry for entry in self.pending()}
        found.update({path.name: self._read(path) for path in self._listing(self._done)})
        return [found[name] for name in sorted(found)]

    def by_id(self, transaction_id: bytes) -> Entry | None:
        """The entry of a transaction."""
        return next((entry for entry in self.all() if entry.id == transaction_id), None)

    def _orphan(self, intent: str, unanswered_since_ms: int) -> Entry | None:
        """An unanswered entry for the same thing, left by a process that is gone.

        One that the user was told is pending (`--no-wait`) was answered: asking again then means
        paying again. So does asking long after it could last have been accepted.
        """
        for listed in self.pending():
            if listed.intent != intent or listed.idempotency or not self.hold(listed):
                continue
            entry = self._read_again(listed)
            if (
                entry is not None
                and entry.reported in ("", "unknown")
                and entry.state in ("pending", "final")
                and (entry.state == "pending" or entry.valid_until_ms >= unanswered_since_ms)
            ):
                return entry
            self.let_go(listed)
        return None

    def _next_number(self, lane_high: int, is_used: Callable[[int], bool]) -> int:
        released: set[int] = set()
        taken: set[int] = set()
        for folder in (self._pending, self._done):
            for path in self._listing(folder):
                number = int(path.name.split("-")[0])
                if number + LANE_WINDOW < lane_high:
                    continue
                entry = self._read(path)
                (released if entry.releases_number else taken).add(number)
        for number in sorted(released - taken):
            if abs(number - lane_high) <= LANE_WINDOW and not is_used(number):
                return number
        number = max([lane_high, *taken], default=0) + 1
        if number > lane_high + LANE_WINDOW:
            raise Refused("number_out_of_window")
        return number

    def _read_again(self, listed: Entry) -> Entry | None:
        """An entry as it is now that this process holds it; None if it was settled meanwhile."""
        path = self._pending / listed.name
        if self._is_done(path):
            return None
        try:
            return self._read(path)
        except FileNotFoundError:
            return None

    def _lock_path(self, name: str) -> Path:
        return self._folder / f"{name}.lock"

    def _is_done(self, path: Path) -> bool:
        """Whether a pending file is the rest of a move that was cut short."""
        return (self._done / path.name).exists()

    def _listing(self, folder: Path) -> list[Path]:
        return sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))

    def _read(self, path: Path) -> Entry:
        with path.open("rb") as stream:
            raw = stream.read(ENTRY_BYTES_MAX + 1)
        entry = entry_from_json(raw, str(path))
        if entry.name != path.name:
            raise Refused("outbox_malformed", file=str(path))
        return entry
