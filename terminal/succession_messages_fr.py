"""Messages et conseils sur un réseau qui prend la place d'un autre, en français."""

SUCCESSION_MESSAGES: dict[str, tuple[str, str]] = {
    "endorsement_invalid": (
        "un accord sous la nouvelle genèse ne tient pas",
        "demandez à son auteur d'approuver ce projet même : democite network succeed endorse DRAFT",
    ),
    "endorsement_malformed": (
        "ceci n'est pas un accord",
        "c'est le fichier qu'a écrit « democite network succeed endorse »",
    ),
    "endorsements_insufficient": (
        "trop peu de clés de récupération sont sous la nouvelle genèse",
        "plus de la moitié des derniers membres doivent l'approuver",
    ),
    "recovery_key_unknown": (
        "ce n'est la clé de récupération d'aucun des derniers membres",
        "prenez le fichier que « node init » a écrit vers --recovery-out, ou celui voté depuis",
    ),
    "succession_behind": (
        "un bloc plus récent que celui d'où repart le nouveau réseau est définitif",
        "ne le suivez pas : ce qui a été payé depuis serait perdu. Faites refaire le projet depuis "
        "le nœud qui a le bloc le plus haut",
    ),
    "succession_conflict": (
        "un autre bloc est définitif à cette hauteur",
        "arrêtez : deux chaînes ont été rendues définitives. Gardez les données et appelez les "
        "autres territoires",
    ),
    "succession_differs": (
        "la nouvelle genèse dit autre chose du réseau que son dernier état",
        "refaites le projet avec cette version : seuls les membres peuvent changer",
    ),
    "succession_lacks_blocks": (
        "ce nœud n'a pas vu le dernier bloc de l'ancien réseau",
        "donnez une copie du magasin d'un nœud qui l'a : --from STORE",
    ),
    "succession_block_missing": (
        "ce dossier n'a aucun bloc définitif d'où repartir",
        "faites le projet au nœud le plus haut : « democite node verify » dit la hauteur de chacun",
    ),
    "succession_block_waiting": (
        "les fichiers de CometBFT ont ici un bloc définitif que le nœud n'a pas encore exécuté",
        "démarrez le nœud encore une fois (« node start »), arrêtez-le, refaites le projet",
    ),
    "succession_commit_missing": (
        "les fichiers de CometBFT de ce dossier ne prouvent pas le dernier bloc du nœud",
        "faites le projet à un autre nœud de cette hauteur ; une copie veut aussi « cometbft »",
    ),
    "cometbft_data_unreadable": (
        "les fichiers de CometBFT de ce dossier ne se lisent pas",
        "arrêtez ce qui s'en sert, libérez le disque ; sinon prenez le dossier d'un autre nœud",
    ),
    "succession_none": (
        "cette genèse ne prend la place d'aucun réseau",
        "demandez à votre mairie celle qui le fait",
    ),
    "succession_unfinished": (
        "ce nœud a été interrompu pendant son passage au nouveau réseau",
        "relancez : democite node succeed",
    ),
    "succession_unproved": (
        "la nouvelle genèse ne prouve pas le dernier bloc de l'ancien réseau",
        "redemandez le fichier ; si cela persiste, ne le suivez pas",
    ),
    "succession_without_state": (
        "ce réseau repart de l'état d'un autre, qui n'est pas ici",
        "démarrez sans --full-history, là où d'autres membres tournent : ils donnent un instantané "
        "; ou reprenez-le : democite node succeed --data DIR --genesis NEW --predecessor OLD",
    ),
    "network_succeeded": (
        "un autre réseau a pris la place de celui-ci",
        "prenez la nouvelle genèse, de votre mairie ; avec un portefeuille : "
        "democite wallet succeed --genesis NEW",
    ),
    "payment_of_predecessor": (
        "elle n'était pas définitive à la fin de l'ancien réseau, et ne peut pas l'être dans le "
        "nouveau",
        "refaites-la si elle est toujours voulue",
    ),
    "receipt_of_predecessor": (
        "ceci est du réseau dont celui-ci a pris la place",
        "vérifiez-le avec l'ancienne genèse : democite verify FILE --genesis OLD (un portefeuille "
        "la garde dans son dossier, sous predecessor-…)",
    ),
}
