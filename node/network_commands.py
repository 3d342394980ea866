"""`democite network …`: an issuer's keys, and a genesis out of cards."""

from node.command_options import (
    CardOption,
    CardsArgument,
    CurrencyOption,
    DemoOption,
    DemoSeedOption,
    EngineOption,
    EvidenceDataOption,
    EvidenceOutOption,
    GenesisOutOption,
    KeysFolderOption,
    KeysOption,
    ParameterOption,
    ThresholdOption,
)
from node.succession.commands import app as succeed
from terminal.application import application
from terminal.languages import text
from terminal.options import (
    GenesisOption,
    JsonOption,
    LangOption,
    NodeOption,
    PassphraseFileOption,
    node_urls,
)
from terminal.results import Result

app = application(
    text(
        "Créer un réseau, le changer par vote ; les clés d'un émetteur ; les doubles votes.",
        "Create a network, change it by vote; an issuer's keys; evidence of double votes.",
    )
)
app.add_typer(succeed, name="succeed")


@app.callback()
def group() -> None:
    """Keep `create` and `issuer` as commands of a group."""


@app.command(help=text("Faire les clés d'un émetteur.", "Make an issuer's keys."))
def issuer(
    currency: CurrencyOption,
    out: KeysFolderOption,
    card: CardOption,
    threshold: ThresholdOption = 1,
    keys: KeysOption = 1,
    passphrase_file: PassphraseFileOption = None,
    demo_seed: DemoSeedOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Make an issuer's keys, one file for each holder."""
    from node.founding import make_issuer
    from terminal.passphrases import read_passphrase

    passphrase = read_passphrase(passphrase_file, confirm=True)
    made = make_issuer(currency, threshold, keys, out, card, passphrase, demo_seed)
    data: dict[str, object] = {
        "currency": made.currency,
        "threshold": made.threshold,
        "keys": [key.hex() for key in made.keys],
        "card": str(card),
    }
    told = text(
        f"{keys} clés dans {out}, {threshold} signent ensemble. Remettez chacune à une personne "
        f"différente, et la carte {card} à la mairie.",
        f"{keys} keys in {out}, {threshold} sign together. Hand each to a different person, and "
        f"the card {card} to the town hall.",
    )
    return Result(data, told)


@app.command(help=text("Réunir les cartes en une genèse.", "Collect cards into a genesis."))
def create(
    out: GenesisOutOption,
    cards: CardsArgument,
    engine: EngineOption = "simplex",
    demo: DemoOption = False,
    parameter: ParameterOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Collect the cards of all territories and make the genesis."""
    from node.founding import create_network
    from node.genesis_file import ENGINES
    from terminal.errors import CommandError

    if engine not in ENGINES:
        raise CommandError("engine_unknown", field="--engine", exit_code=2)
    genesis = create_network(out, engine, cards, demo, parameter or [])
    members = len(genesis.territories)
    faults = (members - 1) // 3
    data: dict[str, object] = {
        "network_id": genesis.network_id.hex(),
        "members": members,
        "faults_tolerated": faults,
        "engine": engine,
        "genesis": str(out),
    }
    if faults == 0:
        borne = text(
            f"Attention : {members} territoire(s) ne supportent aucune panne ; il en faut quatre.",
            f"Beware: {members} member(s) bear no failure at all; four are needed for one.",
        )
    else:
        borne = text(
            f"{members} territoires ; le réseau supporte que {faults} d'entre eux tombent ou "
            "mentent.",
            f"{members} territories; the network bears {faults} of them failing or lying.",
        )
    ask = text(
        "Comparez cet identifiant de vive voix avec chaque territoire.",
        "Compare this id by voice with every territory.",
    )
    return Result(data, f"{genesis.network_id.hex()}\n{borne}\n{ask}")


@app.command(help=text("Les doubles votes qu'un nœud a vus.", "Double votes that a node has seen."))
def evidence(
    node: NodeOption = None,
    data: EvidenceDataOption = None,
    genesis: GenesisOption = None,
    out: EvidenceOutOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Show evidence of double votes, check it with the genesis, write it out to be handed on."""
    from node.evidence_commands import check_all, collect, evidence_lines, lead, write_out
    from node.genesis_file import read_genesis
    from terminal.errors import CommandError

    urls = node_urls(node)
    if data is None and not urls:
        missing = text("il manque --node URL ou --data DIR", "--node URL or --data DIR is missing")
        raise CommandError("option_missing", missing)
    found = collect(data, urls)
    names: dict[bytes, str] = {}
    if genesis is not None:
        founded = read_genesis(genesis)[0]
        found = lead(found, founded, data, urls)
        names = check_all(found, founded)
    if out is not None:
        write_out(found, out)
    content: dict[str, object] = {
        "checked": genesis is not None,
        "evidence": [each.to_json() for each in found],
    }
    return Result(content, evidence_lines(found, names))
