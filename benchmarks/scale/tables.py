"""The tables of docs/scale.md, in French or English."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.scale import limits, sizes
from benchmarks.scale.costs import Costs
from benchmarks.scale.model import MS, Assumptions, Network
from benchmarks.targets.table import ENGLISH, FRENCH
from consensus.certificates import MEMBERS_MAX

MEMBERS = (10, 100, 1_000)
MEMBERS_ALONE = (4, 10, 40, 100, 300, 1_000)
RESIDENTS = (1_000, 100_000, 10_000_000)
MEGA, GIGA, KILO = 1e6, 1e9, 1e3
HUNDRED = 100
DIGITS = 2
LEAST = 0.001


def number(value: float, language: str) -> str:
    """Two digits that say something, and no more: these are no measures."""
    if 0 < value < LEAST:
        return f"< {_in(str(LEAST), language)}"
    if value < HUNDRED:
        places = next(places for places in range(4) if places == 3 or value * 10**places >= 10)
        shown = f"{value:.{places}f}"
        shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    else:
        step = 10 ** (len(str(int(value))) - DIGITS)
        shown = f"{round(value / step) * step:,}"
    return _in(shown, language)


def exact(value: float, language: str) -> str:
    """A figure as it was put in."""
    shown = f"{value:,.10f}".rstrip("0").rstrip(".")
    return _in(shown, language)


def _in(shown: str, language: str) -> str:
    if language == FRENCH:
        return shown.replace(",", "\u00a0").replace(".", ",")
    return shown


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: its words, and its figure of a network."""

    french: str
    english: str
    figure: Callable[[Network], float]
    is_exact: bool = False

    def cells(self, networks: Iterable[Network], language: str) -> str:
        """The line in Markdown."""
        show = exact if self.is_exact else number
        words = self.french if language == FRENCH else self.english
        return _row([words, *(show(self.figure(one), language) for one in networks)])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(head: list[str], rows: Iterable[str]) -> str:
    return "\n".join([_row(head), "|" + "---|" * len(head), *rows])


PEOPLE = (
    Line("paiements par jour", "payments a day", lambda n: n.payments_a_day, is_exact=True),
    Line("paiements/s à l'heure de pointe", "payments/s in the peak hour",
         lambda n: n.payments_per_second_at_peak),
    Line("lignes de paie et de bulletins par mois", "lines of wages and bulletins a month",
         lambda n: n.lines_a_month, is_exact=True),
    Line("processeurs par nœud à cette heure, paiements seuls",
         "processors per node in that hour, for payments alone",
         lambda n: n.payment_processors_at_peak),
    Line("processeur pour paies et bulletins (s par mois et nœud)",
         "processor for wages and bulletins (s a month and node)",
         lambda n: n.batch_seconds_a_month),
    Line("mémoire par nœud (Go)", "memory per node (GB)", lambda n: n.memory_bytes / GIGA),
    Line("disque pour les comptes (Go par nœud)", "disk for the accounts (GB per node)",
         lambda n: n.accounts_disk_bytes / GIGA),
)  # fmt: skip

VOTERS = (
    Line("votes qui font foi (q)", "votes that decide (q)",
         lambda n: sizes.quorum(n.members), is_exact=True),
    Line("certificat (octets)", "certificate (bytes)",
         lambda n: sizes.certificate_bytes(n.members), is_exact=True),
    Line("votes reçus par bloc et nœud", "votes received per block and node",
         lambda n: n.votes_received, is_exact=True),
    Line("les mêmes, tous nœuds ensemble", "the same, all nodes together",
         lambda n: n.votes_received * n.members, is_exact=True),
    Line("envoyé par bloc et nœud (Ko)", "sent per block and node (kB)",
         lambda n: n.block_bytes_sent / KILO),
    Line("processeur par bloc et nœud (ms)", "processor per block and node (ms)",
         lambda n: n.block_ms),
    Line("dont vérifier les votes (ms)", "of it checking votes (ms)", lambda n: n.votes_ms),
    Line("blocs/s au plus", "blocks/s at most", lambda n: MS / n.block_interval_ms(0)),
    Line("alors, envoyé par nœud (Mbit/s)", "sent per node then (Mbit/s)",
         lambda n: n.block_bytes_sent * 8 / n.block_interval_ms(0) * MS / MEGA),
    Line("paiements/s au plus, blocs pleins", "payments/s at most, full blocks",
         lambda n: n.payments_per_second_max),
    Line("au repos, envoyé par nœud (Go par jour)", "idle, sent per node (GB a day)",
         lambda n: n.block_bytes_sent * 86_400 * MS / n.parameters.heartbeat_ms / GIGA),
    Line("portefeuille : vérifier un certificat (ms, ici)",
         "wallet: checking one certificate (ms, here)", lambda n: n.wallet_check_ms),
    Line("portefeuille : un an d'absence (Ko)", "wallet: a year away (kB)",
         lambda n: n.wallet_year_bytes / KILO),
)  # fmt: skip

BOTH = (
    Line("blocs/s", "blocks/s", lambda n: n.blocks_per_second(n.payments_per_second_at_peak)),
    Line("processeurs", "processors", lambda n: n.processors_at_peak),
    Line("Mbit/s", "Mbit/s", lambda n: n.bits_per_second_at_peak / MEGA),
    Line("Go par jour", "GB a day", lambda n: n.bytes_sent_a_day / GIGA),
    Line("disque, tout gardé (Go par an)", "disk, all kept (GB a year)",
         lambda n: n.disk_bytes_a_year / GIGA),
    Line("dont blocs et certificats", "of it blocks and certificates",
         lambda n: n.blocks_disk_bytes_a_year / GIGA),
    Line("disque, 90 jours gardés (Go après un an)", "disk, 90 days kept (GB after a year)",
         lambda n: n.pruned_disk_bytes / GIGA),
    Line("définitif (s)", "final (s)", lambda n: sum(n.finality_parts_ms().values()) / MS),
)  # fmt: skip

PARTS = {
    "turn": ("la fin du bloc en cours", "the end of the block under way"),
    "hops": ("quatre trajets", "four hops"),
    "proposal": ("le chef nomme les paiements à tous", "the leader names the payments to all"),
    "payments": ("vérifier, exécuter", "checking, executing"),
    "votes": ("vérifier les votes", "checking votes"),
    "line": ("votes et certificats sur la ligne", "votes and certificates on the line"),
    "certificates": ("écrire et lire les certificats", "writing and reading certificates"),
    "rest": ("le reste du bloc, cinq écritures sur disque", "the rest of the block, five syncs"),
}


LIMITS: tuple[tuple[str, str, Callable[[Costs], int]], ...] = (
    ("habitants : un processeur par nœud pour paiements et blocs, à l'heure de pointe",
     "residents: one processor per node for payments and blocks, in the peak hour",
     limits.residents_by_payments),
    ("habitants : 16 Go de mémoire par nœud, chaque nœud a tous les comptes",
     "residents: 16 GB of memory per node, each node has all accounts",
     limits.residents_by_memory),
    ("habitants : 2 To de disque par an, tout gardé",
     "residents: 2 TB of disk a year, all kept", limits.residents_by_disk),
    ("membres : 100 Mbit/s pour votes et certificats, blocs au plus vite",
     "members: 100 Mbit/s for votes and certificates, blocks at their fastest",
     limits.members_by_line),
    ("membres : définitif en une seconde, 10 millions d'habitants",
     "members: final within a second, 10 million residents", limits.members_by_finality),
    ("membres : 1 Mo pour un portefeuille après un an",
     "members: 1 MB for a wallet after a year", limits.members_by_wallet),
    ("membres : le protocole", "members: the protocol", lambda _: MEMBERS_MAX),
)  # fmt: skip


def ends(costs: Costs, language: str) -> str:
    """The size at which each cost meets its bound."""
    head = {FRENCH: ["ce qui borne", "jusqu'à"], ENGLISH: ["what binds", "up to"]}[language]
    rows = [
        _row([french if language == FRENCH else english, _bound(limit(costs), language)])
        for french, english, limit in LIMITS
    ]
    return _table(head, rows)


def _bound(value: int, language: str) -> str:
    """What is no estimate is told as it is."""
    return exact(value, language) if value == MEMBERS_MAX else number(value, language)


def assumptions(language: str) -> str:
    """What is assumed, as a list."""
    one = Assumptions()
    say = {
        FRENCH: (
            "{} paiement par habitant et par jour, à {} heures ouvertes par jour",
            "{} % d'entre eux dans l'heure de pointe, le reste également dans les autres",
            "{} ligne de paie ou de bulletins par habitant et par mois",
            "{} ms d'un nœud à un autre, {} ms pour écrire sur le disque",
            "une ligne de {} Mbit/s à chaque nœud, dans chaque sens",
            "une clé de vote sur 40 change toutes les dix semaines",
        ),
        ENGLISH: (
            "{} payment per resident and day, in {} open hours a day",
            "{} % of them in the peak hour, the others evenly in the other hours",
            "{} line of wages or bulletins per resident and month",
            "{} ms from one node to another, {} ms to write to disk",
            "a line of {} Mbit/s at every node, each way",
            "one voting key of 40 changes every ten weeks",
        ),
    }[language]
    figures: tuple[tuple[float, ...], ...] = (
        (one.payments_per_day, one.open_hours),
        (one.peak_hour_share * HUNDRED,),
        (one.lines_per_month,),
        (one.hop_ms, one.sync_ms),
        (one.line_bits_per_second / MEGA,),
        (),
    )
    return "\n".join(
        f"- {words.format(*(exact(each, language) for each in each_line))}"
        for words, each_line in zip(say, figures, strict=True)
    )


def measured(costs: Costs, language: str) -> str:
    """The costs, each with where it was measured."""
    head = {
        FRENCH: ["mesuré", "combien", "où"],
        ENGLISH: ["measured", "how much", "where"],
    }[language]
    rows = [
        _row([
            cost.french if language == FRENCH else cost.english,
            exact(cost.value, language),
            f"`{cost.where}`",
        ])
        for cost in costs.values()
    ]  # fmt: skip
    return _table(head, rows)


def table(head: list[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    return _table(head, [_row(cells) for cells in rows])


def people(costs: Costs, language: str) -> str:
    """What follows from residents alone, whatever the number of members."""
    networks = [Network(MEMBERS[0], residents, costs) for residents in RESIDENTS]
    head = {FRENCH: "habitants", ENGLISH: "residents"}[language]
    heads = [head, *(exact(each, language) for each in RESIDENTS)]
    return _table(heads, [line.cells(networks, language) for line in PEOPLE])


def voters(costs: Costs, language: str) -> str:
    """What follows from members alone."""
    networks = [Network(members, RESIDENTS[0], costs) for members in MEMBERS_ALONE]
    head = {FRENCH: "membres qui votent", ENGLISH: "members that vote"}[language]
    heads = [head, *(exact(each, language) for each in MEMBERS_ALONE)]
    return _table(heads, [line.cells(networks, language) for line in VOTERS])


def both(costs: Costs, language: str) -> str:
    """Each network: a node of it, in the peak hour and in a year."""
    head = {
        FRENCH: ["territoires", "habitants", *(line.french for line in BOTH)],
        ENGLISH: ["territories", "residents", *(line.english for line in BOTH)],
    }[language]
    rows = []
    for members in MEMBERS:
        for residents in RESIDENTS:
            one = Network(members, residents, costs)
            cells = [number(line.figure(one), language) for line in BOTH]
            rows.append(_row([exact(members, language), exact(residents, language), *cells]))
    return _table(head, rows)


def finality(costs: Costs, language: str) -> str:
    """What a payment waits for, in the peak hour of the most residents."""
    residents = RESIDENTS[-1]
    networks = [Network(members, residents, costs) for members in MEMBERS]
    head = {FRENCH: "{} habitants (ms)", ENGLISH: "{} residents (ms)"}[language]
    lines = [
        Line(*words, lambda n, part=part: n.finality_parts_ms()[part])  # type: ignore[misc]
        for part, words in PARTS.items()
    ]
    lines.append(Line("ensemble", "together", lambda n: sum(n.finality_parts_ms().values())))
    heads = [head.format(exact(residents, language))]
    heads += [exact(each, language) for each in MEMBERS]
    return _table(heads, [line.cells(networks, language) for line in lines])
