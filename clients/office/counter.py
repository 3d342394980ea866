"""A command at the town hall's counter: who signs, which node, and why."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from clients.office.operations import Operation, OperationSaid
from clients.office.signers import Signers, open_signers
from clients.office.town_hall import TownHall
from ledger import account_kinds
from primitives.errors import Refused
from terminal.errors import CommandError
from terminal.languages import text
from terminal.results import Result
from wallet.light.trust import TrustedNetwork
from wallet.node_urls import node_urls_of
from wallet.setup import require_network
from wallet.wording import amount_text, time_text, vouched_text


@dataclass(frozen=True)
class Asked:
    """What every command of the town hall is given."""

    genesis: Path | None
    urls: tuple[str, ...]
    keystores: list[Path]
    passphrase_files: list[Path] | None
    reason: str = ""

    @cached_property
    def _network(self) -> TrustedNetwork:
        return require_network(self.genesis)

    def network(self) -> TrustedNetwork:
        """The network that the genesis file describes, and what was learnt of it."""
        return self._network


@dataclass(frozen=True)
class Counter:
    """The registry, and the keys at hand."""

    hall: TownHall
    signers: Signers


@asynccontextmanager
async def at_counter(
    asked: Asked, *, needs_reason: bool = False, signers: Signers | None = None
) -> AsyncIterator[Counter]:
    """Unseal the staff's keys, unless they are at hand, and open their town hall's registry."""
    if needs_reason and not asked.reason.strip():
        raise CommandError(
            "option_missing",
            text("il manque --reason TEXT", "--reason TEXT is missing"),
            text(
                "dites pourquoi ces données sont lues : le journal d'audit le garde",
                "say why this data is read: the audit log keeps it",
            ),
        )
    network = asked.network()
    if signers is None:
        signers = await open_signers(
            network, asked.urls, asked.keystores, asked.passphrase_files, account_kinds.TERRITORY
        )
    # Only this territory's own node keeps its registry; it is named first.
    prefix = signers.account.prefix
    urls = asked.urls or node_urls_of(network, prefix)[:1]
    key, reason = signers.owner.signing_key, asked.reason.strip()
    hall = TownHall(network, urls, key, prefix=prefix, reason=reason)
    async with hall:
        yield Counter(hall, signers)


async def sign_through(
    counter: Counter, operations: Sequence[Operation], *, wait: bool, command: str
) -> Result:
    """Sign operations with every key at hand and see them through."""
    done: list[tuple[Operation, OperationSaid]] = []
    for operation in operations:
        said = counter.hall.said(operation)
        if operation.state == "waiting":
            operation = await counter.hall.sign(
                operation, counter.signers.all_keys, wait_ms=8_000 if wait else 0
            )
        done.append((operation, said))
    if wait:
        done = [
            (operation if operation.state == "waiting" else await _settled(counter, operation), one)
            for operation, one in done
        ]
    return await operations_result(counter, done, command=command)


async def operations_result(
    counter: Counter, done: Sequence[tuple[Operation, OperationSaid]], *, command: str
) -> Result:
    """How operations stand, for programs and for people.

    Raises `CommandError`: the code under which one was released, `outcome_unknown`.
    """
    values, lines = [], []
    for operation, said in done:
        found = await counter.hall.prove(operation) if operation.state == "final" else None
        value = operation_value(operation, said)
        lines.append(said_text(counter.hall, said))
        if found is not None:
            value |= {"vouched_by": found.final.vouched_by, "members": found.final.members}
            block = text(
                f"définitif au bloc {operation.height}", f"final in block {operation.height}"
            )
            lines.append(f"  {block}, {vouched_text(found.final.vouched_by, found.final.members)}")
        else:
            lines.append(f"  {standing_text(operation, command)}")
        values.append(value)
    data: dict[str, object] = {"operations": values}
    released = [operation for operation, _ in done if operation.state == "released"]
    if released:
        raise CommandError(
            "operation_released",
            text(
                f"{len(released)} opération(s) sans effet : {released[0].id}",
                f"{len(released)} operation(s) without effect: {released[0].id}",
            ),
            data=data,
        )
    return Result(data, "\n".join(lines) or text("Rien à faire.", "Nothing to do."))


def operation_value(operation: Operation, said: OperationSaid) -> dict[str, object]:
    """An operation as `--json` prints it; every figure is the one in the bytes."""
    return {
        "id": operation.id,
        "kind": said.kind,
        "amount_minor": said.amount_minor,
        "programme_account": said.programme,
        "lines": len(said.line_amounts),
        "state": operation.state,
        "staff_needed": operation.staff_needed,
        "staff_signed": list(operation.staff_signed),
        "transaction": operation.transaction,
        "height": operation.height,
        "valid_until_ms": operation.valid_until_ms,
    }


def said_text(hall: TownHall, said: OperationSaid) -> str:
    """What a signature would stand for, in words."""
    amount = amount_text(hall.network, said.currency or hall.currency, said.amount_minor)
    what = {
        "programme.open": text("ouvrir un programme, budget", "open a programme, budget"),
        "programme.fund": text("ajouter au budget", "add to the budget"),
        "programme.close": text("clore le programme, reste", "close the programme, rest"),
        "bulletin.credit": text("créditer des bulletins", "credit bulletins"),
    }.get(said.kind, said.kind)
    shown = f"{what} {amount}"
    if said.line_amounts:
        count = len(said.line_amounts)
        shown += text(f", lignes : {count}", f", lines: {count}")
    return f"{shown} ({said.programme})"


def standing_text(operation: Operation, command: str) -> str:
    """How far an operation came."""
    if operation.state == "waiting":
        missing = max(1, operation.staff_needed - len(operation.staff_signed))
        until = time_text(operation.valid_until_ms)
        return text(
            f"attend encore {missing} signature(s) jusqu'au {until} : "
            f"democite office {command} sign {operation.id} --keystore FILE",
            f"waits for {missing} more signature(s) until {until}: "
            f"democite office {command} sign {operation.id} --keystore FILE",
        )
    if operation.state == "signed":
        return text(
            f"signée, pas encore définitive : {operation.id}",
            f"signed, not final yet: {operation.id}",
        )
    if operation.state == "released":
        return text("sans effet, à refaire", "without effect, to be done again")
    return text(f"définitive au bloc {operation.height}", f"final in block {operation.height}")


async def _settled(counter: Counter, operation: Operation) -> Operation:
    try:
        return await counter.hall.settle(operation)
    except Refused as refusal:
        if refusal.code != "node_unreachable":
            raise
        return operation
