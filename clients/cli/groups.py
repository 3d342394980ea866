"""The groups of `democite`, whether installed or not, each with one line in both languages."""

GROUPS: dict[str, tuple[str, str]] = {
    "demo": (
        "un réseau de quatre territoires sur cette machine",
        "a network of four territories on this machine",
    ),
    "node": ("le nœud d'un territoire", "a territory's node"),
    "network": (
        "créer un réseau, proposer et voter, les clés d'un émetteur",
        "create a network, propose and vote, an issuer's keys",
    ),
    "wallet": ("payer, recevoir, vérifier", "pay, receive, verify"),
    "payroll": ("la part locale des salaires", "the local share of wages"),
    "office": (
        "la mairie : ouvrir des comptes, émettre et reprendre la monnaie",
        "the town hall: open accounts, issue and redeem money",
    ),
    "till": ("la caisse d'un commerce", "a shop's till"),
    "simulate": ("le consensus, simulé à partir d'une graine", "the consensus, simulated by seed"),
    "verify": (
        "vérifier un reçu sans faire confiance à personne",
        "verify a receipt and trust nobody",
    ),
}

_PACKAGES = ("primitives", "terminal", "ledger", "consensus", "node", "wallet", "clients")


def is_ours(module: str) -> bool:
    """Whether a module of this name belongs to the house."""
    return module.split(".", 1)[0] in _PACKAGES
