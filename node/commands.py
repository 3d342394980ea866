"""`democite node …`: the commands, their arguments and nothing more."""

from typing import TYPE_CHECKING

from node.backup_commands import app as backup
from node.command_options import (
    AgainOption,
    BehindProxyOption,
    CardOption,
    CheckpointOption,
    CurrencyOption,
    DaysOption,
    DemoSeedOption,
    EngineArgument,
    FullHistoryOption,
    GenesisFileOption,
    HttpListenOption,
    HttpOption,
    IssuerOption,
    JoinFromOption,
    NameOption,
    PeerListenOption,
    PeerOption,
    PredecessorOption,
    PrefixOption,
    RecoveryOption,
    StaffKeyOption,
    StoreFromOption,
    StoreOption,
    TwoSignersOption,
    WageCapOption,
)
from node.imports import without_collecting
from node.key_commands import app as keys
from node.peer_commands import app as peers
from terminal.application import application
from terminal.errors import EXIT_REFUSED, CommandError
from terminal.languages import text
from terminal.options import (
    DataOption,
    GenesisOption,
    JsonOption,
    LangOption,
    NodeOption,
    PassphraseFileOption,
    node_urls,
)
from terminal.results import Result

if TYPE_CHECKING:
    from node.founding import NodePlan

app = application(text("Le nœud d'un territoire.", "A territory's node."))
app.add_typer(backup, name="backup")
app.add_typer(peers, name="peers")
app.add_typer(keys, name="keys")

STORES = ("leveldb", "rocksdb")


@app.command(help=text("Préparer un nœud et sa carte.", "Prepare a node and its card."))
def init(
    data: DataOption,
    name: NameOption,
    prefix: PrefixOption,
    currency: CurrencyOption,
    peer: PeerOption,
    http: HttpOption,
    card: CardOption,
    recovery_out: RecoveryOption,
    store: StoreOption = None,
    issuer: IssuerOption = None,
    staff_key: StaffKeyOption = None,
    wage_cap_bps: WageCapOption = 1_000,
    two_signers_above: TwoSignersOption = "1000",
    passphrase_file: PassphraseFileOption = None,
    demo_seed: DemoSeedOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Make a node's keys and data, and the public card that others need."""
    from node.addresses import parse_host_port
    from node.cards import currency_of
    from node.founding import NodePlan, init_node, read_staff_keys
    from primitives.amounts import parse_amount
    from terminal.passphrases import read_passphrase

    for option, value in (("--peer", peer), ("--http", http)):
        parse_host_port(value, option)
    chosen = store or _default_store()
    if chosen not in STORES:
        raise CommandError("store_unknown", field="--store", exit_code=2)
    plan = NodePlan(
        data,
        name,
        prefix,
        currency,
        peer,
        http,
        card,
        recovery_out,
        chosen,
        issuer,
        demo_seed,
        read_staff_keys(staff_key or []),
        wage_cap_bps,
        parse_amount(two_signers_above, currency_of(currency).decimals),
    )
    init_node(plan, read_passphrase(passphrase_file, confirm=True))
    return _init_result(plan)


def _init_result(plan: "NodePlan") -> Result:
    """Where everything is, and what must leave this machine."""
    from node.founding import STAFF_ROLES

    answer: dict[str, object] = {
        "data": str(plan.data),
        "card": str(plan.card),
        "recovery": str(plan.recovery_out),
        "issuer": None if plan.issuer_card else str(plan.issuer_file),
        "staff": [str(file) for role, file in plan.key_files.items() if role in STAFF_ROLES],
        "store": plan.store,
    }
    told = text(
        f"Nœud prêt dans {plan.data}. Donnez la carte {plan.card} à qui réunit le réseau. Mettez "
        f"{plan.recovery_out}, les clés d'émetteur et celles du personnel hors de cette machine.",
        f"Node ready in {plan.data}. Give the card {plan.card} to whoever collects the network. "
        f"Move {plan.recovery_out}, the issuer's and the staff's keys off this machine.",
    )
    return Result(answer, told)


def _default_store() -> str:
    """LevelDB where it installs, else RocksDB."""
    from importlib.util import find_spec

    return "leveldb" if find_spec("plyvel") else "rocksdb"


@app.command(
    help=text("Faire tourner le nœud, au premier plan.", "Run the node, in the foreground.")
)
def start(
    data: DataOption,
    genesis: GenesisFileOption,
    behind_proxy: BehindProxyOption = False,
    peer_listen: PeerListenOption = None,
    http_listen: HttpListenOption = None,
    full_history: FullHistoryOption = False,
    checkpoint: CheckpointOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the node until SIGTERM. What it prints, it prints once it is ready."""
    with without_collecting():
        from node.server import plan_start, run
    from terminal.passphrases import read_passphrase

    plan = plan_start(
        data,
        genesis,
        behind_proxy=behind_proxy,
        peer_listen=peer_listen,
        http_listen=http_listen,
        full_history=full_history,
        checkpoint=checkpoint,
    )
    run(plan, read_passphrase(passphrase_file))


@app.command(
    help=text(
        "Rejoindre un réseau qui tourne déjà, au premier plan.",
        "Join a network that runs already, in the foreground.",
    )
)
def join(
    data: DataOption,
    genesis: GenesisFileOption,
    join_from: JoinFromOption,
    checkpoint: CheckpointOption = None,
    full_history: FullHistoryOption = False,
    behind_proxy: BehindProxyOption = False,
    peer_listen: PeerListenOption = None,
    http_listen: HttpListenOption = None,
    passphrase_file: PassphraseFileOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow the network as an observer; the node votes from its epoch on, if it is voted in."""
    with without_collecting():
        from node.server import plan_start, run
    from terminal.passphrases import read_passphrase

    plan = plan_start(
        data,
        genesis,
        behind_proxy=behind_proxy,
        peer_listen=peer_listen,
        http_listen=http_listen,
        join_from=join_from,
        full_history=full_history,
        checkpoint=checkpoint,
    )
    run(plan, read_passphrase(passphrase_file))


@app.command(help=text("Où en est un nœud.", "Where a node stands."))
def status(node: NodeOption = None, lang: LangOption = None, as_json: JsonOption = False) -> Result:
    """Ask a node how it is."""
    from node.remote import fetch_status, status_lines

    content = fetch_status(_urls(node))
    return Result(content, status_lines(content))


@app.command(
    help=text(
        "Dire si un moteur de consensus peut tourner ici.", "Say whether an engine can run here."
    )
)
def engine(name: EngineArgument, lang: LangOption = None, as_json: JsonOption = False) -> Result:
    """Which program an engine takes, found and of a version that was tried."""
    from node.genesis_file import COMETBFT, ENGINES

    if name not in ENGINES:
        raise CommandError("engine_unknown", field="ENGINE", exit_code=2)
    if name != COMETBFT:
        told = text("intégré, rien à installer", "built in, nothing to install")
        return Result({"engine": name}, f"{name} : {told}")
    from node.engines.cometbft.program import check_program, find_program

    program = find_program()
    version = check_program(program)
    data: dict[str, object] = {"engine": name, "version": version, "program": str(program)}
    return Result(data, f"{name} {version} : {program}")


@app.command(help=text("Tout vérifier dans les données.", "Check everything in the data."))
def verify(
    data: DataOption,
    genesis: GenesisOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Add up every balance, rebuild the tree, check hashes and, with the genesis, certificates."""
    from node.inspection import verify_data

    content = verify_data(data, genesis)
    told = text(
        f"Tout se tient à la hauteur {content['height']}.",
        f"Everything holds at height {content['height']}.",
    )
    if content["from_height"] != 1:
        told += text(
            f"\nSes blocs commencent à {content['from_height']} : il a commencé par un instantané, "
            "ou ne garde pas les plus anciens. Leurs reçus se prouvent.",
            f"\nIts blocks begin at {content['from_height']}: it began with a snapshot, or keeps "
            "none that are older. Their receipts can be proved.",
        )
    if genesis is None:
        told += text(
            "\nAvec --genesis, les certificats sont vérifiés aussi.",
            "\nWith --genesis, certificates are checked too.",
        )
    return Result(content, told)


@app.command(
    help=text(
        "Dire combien de jours de blocs garder, ou tous.",
        "Say how many days of blocks to keep, or all.",
    )
)
def keep(
    data: DataOption,
    days: DaysOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Show, or choose, how long blocks are kept; a running node takes it up by itself."""
    from node.data_folder import DataFolder
    from node.retention import RETENTION_FILE, Retention, kept_lines, read_days

    folder = DataFolder(data)
    folder.read()
    retention = Retention(folder.root / RETENTION_FILE)
    if days is not None:
        retention.keep(read_days(days))
    kept = retention.days()
    return Result({"days": kept}, kept_lines(kept))


@app.command(help=text("Rendre de la place.", "Give back disk space."))
def compact(data: DataOption, lang: LangOption = None, as_json: JsonOption = False) -> Result:
    """Compact the store of a node that does not run."""
    from node.inspection import compact_data

    content = compact_data(data)
    told = text(
        f"{content['bytes_before']} octets avant, {content['bytes_after']} après.",
        f"{content['bytes_before']} bytes before, {content['bytes_after']} after.",
    )
    return Result(content, told)


@app.command(
    help=text("Refaire les données chez les pairs.", "Make the store again from the peers.")
)
def rebuild(data: DataOption, lang: LangOption = None, as_json: JsonOption = False) -> Result:
    """Move a damaged store aside; the next start fetches everything from the other members."""
    from node.rebuilding import rebuild_store, rebuilt_lines

    done = rebuild_store(data)
    content: dict[str, object] = {"kept": str(done.kept), "observes": done.lost_reason is not None}
    return Result(content, rebuilt_lines(done))


@app.command(help=text("Passer au réseau qui succède.", "Go over to a successor network."))
def succeed(
    data: DataOption,
    genesis: GenesisFileOption,
    predecessor: PredecessorOption,
    store_from: StoreFromOption = None,
    again: AgainOption = False,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Turn a stopped node's data into that of the new network; the old data is kept beside it."""
    from node.succession.taking_over import TakingOver, take_over
    from node.succession.words import succession_data

    done = take_over(TakingOver(data, genesis, predecessor, store_from, again))
    told = text(
        f"Ce nœud est du nouveau réseau, à partir du bloc {done.genesis.height}. L'ancien est dans "
        f"{done.kept}. Démarrez-le avec la nouvelle genèse.",
        f"This node is of the new network, from block {done.genesis.height} on. The old one is in "
        f"{done.kept}. Start it with the new genesis.",
    )
    content = succession_data(done.genesis)
    return Result({**content, "kept": str(done.kept), "is_news": done.is_news}, told)


@app.command(help=text("Chercher ce qui ne va pas.", "Find what is wrong."))
def doctor(
    data: DataOption,
    genesis: GenesisFileOption,
    peer_listen: PeerListenOption = None,
    http_listen: HttpListenOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Look for the usual mistakes; exit 4 where something must be mended."""
    from node.doctor.examination import counted, examine, shown
    from node.doctor.finding import BAD, worst_of

    findings = examine(data, genesis, peer_listen, http_listen)
    is_sound = worst_of(findings) != BAD
    return Result(counted(findings), shown(findings), 0 if is_sound else EXIT_REFUSED)


def _urls(node: list[str] | None) -> tuple[str, ...]:
    urls = node_urls(node)
    if not urls:
        raise CommandError("option_missing", text("il manque --node URL", "--node URL is missing"))
    return urls
