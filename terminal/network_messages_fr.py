"""What French speakers read about the life of the network: members, proposals, votes."""

NETWORK_MESSAGES: dict[str, tuple[str, str]] = {
    "change_unknown": (
        "ce changement du réseau n'existe pas",
        "voyez ce qui peut être proposé : democite network propose --help",
    ),
    "change_invalid": (
        "ce changement contredit les règles du réseau",
        "corrigez le champ nommé, puis proposez de nouveau",
    ),
    "change_without_effect": (
        "ce changement ne changerait rien",
        "regardez le réseau tel qu'il est : democite network status",
    ),
    "member_exists": (
        "ce territoire est déjà membre",
        "proposez un changement de ses clés, ou choisissez un autre nom court",
    ),
    "member_unknown": (
        "aucun membre du réseau n'a ce nom court",
        "vérifiez l'orthographe : democite network status donne la liste des membres",
    ),
    "member_key_used": (
        "cette clé a déjà été enregistrée dans le réseau",
        "faites-en une nouvelle : une clé remplacée ne revient jamais",
    ),
    "member_last": (
        "il ne resterait aucun membre pour voter les blocs",
        "ajoutez un autre membre, ou reprenez-en un, d'abord",
    ),
    "territory_differs": (
        "un autre territoire a porté ce nom court",
        "un territoire qui revient garde ses comptes, son nom et ses monnaies ; "
        "un autre prend un autre nom court",
    ),
    "currency_exists": (
        "un autre territoire a une monnaie de ce code",
        "choisissez un autre code",
    ),
    "not_a_member": (
        "ce territoire n'est plus membre du réseau",
        "demandez aux membres de l'ajouter de nouveau",
    ),
    "proposal_exists": (
        "il y a déjà une proposition de cet identifiant",
        "proposez de nouveau : un nouvel identifiant est tiré",
    ),
    "proposals_too_many": (
        "ce territoire a trop de propositions ouvertes",
        "attendez que l'une soit décidée ou terminée",
    ),
    "proposal_unknown": (
        "cette proposition n'existe pas",
        "vérifiez l'identifiant : democite network status donne la liste des propositions",
    ),
    "proposal_ended": (
        "cette proposition est décidée, ou son délai est passé",
        "proposez-la de nouveau si elle est encore voulue",
    ),
    "proposal_outdated": (
        "ce sur quoi porte cette proposition a changé depuis",
        "votez contre, et proposez de nouveau ce qui est encore voulu",
    ),
    "vote_already_cast": (
        "ce territoire a déjà voté sur cette proposition",
        "un vote compte une fois et reste",
    ),
}
