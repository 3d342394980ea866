"""The figures of a demonstration: one object for programs, one table for people."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from clients.demo.audit import Audit
from clients.demo.folder import Progress
from clients.demo.places import DECIMALS, PLACES
from primitives.amounts import format_amount
from terminal.languages import current_language, text

COLUMN = 16


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed; 0 of none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True)
class Summary:
    """What a demonstration found. `problems` is what does not hold."""

    progress: Progress
    audit: Audit
    network_id: bytes
    engine: str
    certificates_verified: int
    restarts: int
    seconds: float
    resumed: bool
    problems: tuple[str, ...]

    def value(self) -> dict[str, object]:
        """The object that `--json` gives."""
        header = self.audit.header
        return {
            "territories": [place.name for place in PLACES],
            "height": header.height,
            "payments": self.progress.payments,
            "refunds": self.progress.refunds,
            "wages": self.progress.wages,
            "bulletins": self.progress.bulletins,
            "refusals": self.progress.refusals,
            "currencies": {
                code: {
                    "reserve_minor": totals.currency.reserve_minor,
                    "supply_minor": totals.currency.supply_minor,
                    "balances_minor": totals.balances_minor,
                }
                for code, totals in self.audit.totals.items()
            },
            "accounts": sum(totals.accounts for totals in self.audit.totals.values()),
            "light_client": {
                "certificates_verified": self.certificates_verified,
                "proofs_verified": self.audit.proofs_verified,
            },
            "state_root": header.header.state_root.hex(),
            "finality_ms": self.progress.finality_ms,
            "restarts": self.restarts,
            "members": header.members,
            "seed": self.progress.seed,
            "network_id": self.network_id.hex(),
            "engine": self.engine,
            "seconds": round(self.seconds, 1),
            "resumed": self.resumed,
            "problems": list(self.problems),
        }

    def table(self) -> str:
        """The same for people."""
        finality = self.progress.finality_ms
        header = self.audit.header
        lines = [
            "",
            *self._earned(),
            text("Achats payés", "Purchases paid").ljust(24) + f"{self.progress.payments:>10}",
            text("Remboursements", "Refunds").ljust(24) + f"{self.progress.refunds:>10}",
            text("Définitif en", "Final after").ljust(24)
            + f"{finality.get('p50', 0):>10.0f} ms (p99 {finality.get('p99', 0):.0f} ms)",
            text("Nœuds relancés", "Nodes started again").ljust(24) + f"{self.restarts:>10}",
            "",
            text("Refusés, comme il se doit", "Refused, as they must be"),
            *(f"  {code:<26}{count:>6}" for code, count in self.progress.refusals.items()),
            "",
            self._heading(),
            *(self._row(code) for code in self.audit.totals),
            "",
            text(
                f"Bloc {header.height}, certifié par {header.vouched_by} territoires sur "
                f"{header.members} ; {self.audit.proofs_verified} preuves et "
                f"{self.certificates_verified} certificats vérifiés.",
                f"Block {header.height}, vouched for by {header.vouched_by} of {header.members} "
                f"territories; {self.audit.proofs_verified} proofs and "
                f"{self.certificates_verified} certificates verified.",
            ),
            text("Racine d'état ", "State root ") + header.header.state_root.hex(),
            text(
                f"En {self.seconds:.0f} s, graine {self.progress.seed}.",
                f"In {self.seconds:.0f} s, seed {self.progress.seed}.",
            ),
        ]
        if self.problems:
            lines += ["", text("CE QUI NE TIENT PAS :", "WHAT DOES NOT HOLD:")]
            lines += [f"  {problem}" for problem in self.problems]
        return "\n".join(lines)

    def _earned(self) -> list[str]:
        bulletins, wages = self.progress.bulletins, self.progress.wages
        hours, minutes = divmod(bulletins.get("minutes", 0), 60)
        residents, runs = bulletins.get("residents", 0), wages.get("runs", 0)
        lines, refused = wages.get("lines", 0), wages.get("refused_lines", 0)
        return [
            text("Bulletins d'activité", "Activity bulletins").ljust(24)
            + f"{residents:>10} "
            + text(f"personnes, {hours} h {minutes:02d}", f"people, {hours} h {minutes:02d}"),
            text("Paies versées", "Payrolls paid").ljust(24)
            + f"{runs:>10} "
            + text(
                f"({lines} lignes ; {refused} lignes refusées d'abord)",
                f"({lines} lines; {refused} lines refused at first)",
            ),
        ]

    def _heading(self) -> str:
        words = (
            text("Réserve", "Reserve"),
            text("Masse émise", "Supply"),
            text("Somme des soldes", "Sum of balances"),
            text("Comptes", "Accounts"),
        )
        return "     " + "".join(f"{word:>{COLUMN + 2}}" for word in words)

    def _row(self, code: str) -> str:
        totals = self.audit.totals[code]
        mark = "," if current_language() == "fr" else "."
        amounts_minor = (
            totals.currency.reserve_minor,
            totals.currency.supply_minor,
            totals.balances_minor,
        )
        shown = [format_amount(amount, DECIMALS, mark) for amount in amounts_minor]
        cells = "".join(f"{word:>{COLUMN + 2}}" for word in (*shown, str(totals.accounts)))
        return f"{code:<5}{cells}"
