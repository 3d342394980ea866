"""Messages et conseils sur la marche de CometBFT, en français."""

COMETBFT_MESSAGES: dict[str, tuple[str, str]] = {
    "network_none": (
        "ce nœud ne sert encore aucun réseau",
        "lancez-le une fois avec la genèse de son réseau (node start), puis recommencez",
    ),
    "cometbft_missing": (
        "ce réseau tourne sous CometBFT, et le programme « cometbft » n'est pas là",
        "construisez-le avec scripts/install-cometbft, ou nommez-le par DEMOCITE_COMETBFT",
    ),
    "cometbft_version_differs": (
        "ce n'est pas la version de CometBFT avec laquelle Démocité a été éprouvée",
        "construisez la bonne avec scripts/install-cometbft",
    ),
    "folder_not_private": (
        "d'autres que son propriétaire peuvent lire ce dossier",
        "il sert aux prises du nœud : chmod 700, ou supprimez-le et redémarrez",
    ),
    "signer_state_malformed": (
        "ce que ce nœud a signé en dernier sous CometBFT est illisible",
        "ne remettez aucune ancienne copie : le nœud pourrait signer deux blocs à une même "
        "hauteur. Déplacez le fichier et prenez une nouvelle clé de vote : democite node keys "
        "renew cometbft",
    ),
    "epoch_unproved": (
        "ce qu'un membre dit d'une époque n'est pas ce que plus de deux tiers ont signé",
        "rien à faire : d'autres membres sont interrogés ; si aucun ne la prouve, tous les blocs "
        "sont repris",
    ),
    "signer_state_missing": (
        "ce que ce nœud a signé en dernier sous CometBFT a disparu",
        "ne remettez aucune ancienne copie : le nœud pourrait signer deux blocs à une même "
        "hauteur. Prenez une nouvelle clé de vote : democite node keys renew cometbft",
    ),
    "signer_state_of_other_key": (
        "ce qui a été signé en dernier est d'une autre clé ou d'un autre réseau",
        "chaque clé de vote a son propre fichier ; remettez chacun à sa place",
    ),
    "socket_path_too_long": (
        "le chemin de la prise du nœud est trop long pour le système",
        "mettez le dossier de données à un endroit au chemin plus court",
    ),
}
