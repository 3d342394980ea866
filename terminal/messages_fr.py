"""Messages and hints in French: code → (what went wrong, what to do)."""

from terminal.cometbft_messages_fr import COMETBFT_MESSAGES
from terminal.engine_messages_fr import ENGINE_MESSAGES
from terminal.life_messages_fr import LIFE_MESSAGES
from terminal.month_messages_fr import MONTH_MESSAGES
from terminal.network_messages_fr import NETWORK_MESSAGES
from terminal.power_messages_fr import POWER_MESSAGES
from terminal.succession_messages_fr import SUCCESSION_MESSAGES

WORDS: dict[str, str] = {"line": "ligne", "refused": "refusé"}

MESSAGES: dict[str, tuple[str, str]] = {
    "internal_error": (
        "erreur interne",
        "signalez-la avec la commande tapée ; DEMOCITE_TRACEBACK=1 en montre le détail",
    ),
    "invariant_broken": (
        "une règle que rien ne devrait pouvoir rompre est rompue",
        "arrêtez-vous là et signalez-le ; ne relancez rien avant d'avoir compris",
    ),
    "state_root_differs": (
        "l'état calculé ici n'est pas celui que le réseau a certifié",
        "lancez « democite node rebuild », puis redémarrez ; si cela revient, c'est un défaut à "
        "signaler",
    ),
    "interrupted": ("interrompu", "relancez la même commande : rien n'est fait deux fois"),
    "usage": ("commande mal formée", "ajoutez --help pour voir ce qu'elle attend"),
    "part_not_installed": (
        "cette partie de Démocité n'est pas installée",
        "elle vient dans une autre installation, ou dans une version à venir (CHANGELOG.md)",
    ),
    "option_missing": ("il manque une option", "ajoutez --help pour la liste"),
    "file_missing": ("ce fichier n'existe pas", "vérifiez le chemin"),
    "file_exists": (
        "ce fichier existe déjà et ne sera pas écrasé",
        "choisissez un autre nom, ou déplacez l'ancien",
    ),
    "file_unreadable": (
        "ce fichier ne peut pas être lu",
        "vérifiez ses droits et que ce n'est pas un dossier",
    ),
    "file_unwritable": ("ce fichier ne peut pas être écrit", "vérifiez les droits du dossier"),
    "file_column_missing": (
        "il manque une colonne au fichier",
        "comparez la première ligne au modèle",
    ),
    "file_encoding_unknown": ("le fichier n'est pas en UTF-8", "enregistrez-le en « UTF-8 »"),
    "disk_full": ("le disque est plein", "libérez de la place, puis relancez la même commande"),
    "port_in_use": (
        "ce port est déjà pris",
        "choisissez un autre port, ou arrêtez le programme qui l'occupe",
    ),
    "data_of_other_network": (
        "ce dossier appartient à un autre réseau",
        "vérifiez --data et --genesis",
    ),
    "data_of_newer_version": (
        "ces données viennent d'une version plus récente de Démocité",
        "mettez le programme à jour",
    ),
    "data_in_use": ("un autre processus utilise ce dossier", "arrêtez-le d'abord"),
    "journal_corrupt": (
        "le journal des votes est abîmé",
        "gardez-le et ne remettez jamais une ancienne copie : déplacez le dossier « journal » et "
        "redémarrez ; le nœud suit alors sans voter (voyez le guide de l'opérateur)",
    ),
    "journal_lost": (
        "le journal des votes manque : ce nœud observe et ne vote pas",
        "voyez le guide de l'opérateur avant de le faire voter",
    ),
    "card_malformed": (
        "cette fiche n'est pas lisible ou sa signature est fausse",
        "demandez-la de nouveau au territoire",
    ),
    "genesis_malformed": (
        "ce fichier de genèse n'est pas lisible",
        "demandez-le de nouveau à votre territoire",
    ),
    "genesis_invalid": (
        "cette genèse contredit les règles",
        "comparez les fiches : noms courts, clés et monnaies doivent être uniques",
    ),
    "keystore_malformed": ("ce fichier de clés n'est pas lisible", "reprenez-le d'une sauvegarde"),
    "passphrase_missing": (
        "il faut une phrase secrète",
        "donnez --passphrase-file FILE, ou tapez la commande dans un terminal",
    ),
    "passphrase_empty": (
        "la phrase secrète est vide",
        "choisissez-en une ; quatre mots au hasard suffisent",
    ),
    "passphrase_differs": ("les deux phrases secrètes diffèrent", "recommencez"),
    "passphrase_wrong": (
        "la phrase secrète est fausse",
        "vérifiez la casse et la disposition du clavier",
    ),
    "encoding_not_canonical": (
        "ces octets ne sont pas une valeur écrite dans sa forme unique",
        "le fichier a été tronqué ou modifié ; reprenez l'original",
    ),
    "transaction_too_large": ("la transaction est trop grande", "faites-en plusieurs"),
    "kind_unknown": (
        "ce genre de transaction n'est pas connu du réseau",
        "mettez le programme à jour",
    ),
    "version_unknown": ("cette version de format n'est pas connue", "mettez le programme à jour"),
    "network_mismatch": ("cette transaction est faite pour un autre réseau", "vérifiez --genesis"),
    "signature_invalid": (
        "une signature est fausse",
        "le fichier a été modifié, ou la clé n'est pas la bonne",
    ),
    "key_invalid": ("cette clé ne peut pas être inscrite", "faites une nouvelle clé"),
    "key_unknown": (
        "cette clé n'est pas inscrite sur ce compte",
        "utilisez un appareil inscrit, ou allez à la mairie",
    ),
    "role_missing": (
        "cette clé n'a pas le droit de faire cela",
        "faites signer une clé qui a ce rôle",
    ),
    "roles_invalid": (
        "ces rôles ne vont pas ensemble ou n'existent pas",
        "voyez le protocole, section 2",
    ),
    "signatures_insufficient": (
        "il manque des signatures",
        "faites signer d'autres clés du compte",
    ),
    "number_used": (
        "ce numéro a servi : la transaction est passée, ou un autre processus a la même clé",
        "consultez l'historique avant de recommencer",
    ),
    "number_out_of_window": (
        "ce numéro est trop loin du dernier utilisé",
        "relancez la commande : elle reprendra le bon numéro",
    ),
    "validity_expired": (
        "la transaction n'est plus, ou pas encore, valable",
        "vérifiez l'horloge de l'appareil et refaites-la",
    ),
    "validity_too_long": (
        "la transaction serait valable trop longtemps",
        "refaites-la avec une durée plus courte",
    ),
    "amount_out_of_range": (
        "ce montant est hors des bornes",
        "un montant va de la plus petite unité à 2^53 − 1",
    ),
    "amount_malformed": (
        "ce montant n'est pas écrit comme il faut",
        "écrivez par exemple 12, 12,5 ou 12.50, sans espace ni séparateur de milliers",
    ),
    "address_malformed": (
        "cette adresse est mal écrite",
        "recopiez-la en entier ou scannez son code",
    ),
    "address_of_other_network": (
        "aucun territoire de ce réseau n'a ce nom court",
        "vérifiez l'adresse et --genesis",
    ),
    "account_unknown": (
        "ce compte n'est pas ouvert",
        "il s'ouvre à la mairie : democite office account open",
    ),
    "account_exists": ("ce compte est déjà ouvert", "il n'y a rien à faire"),
    "account_kind_invalid": (
        "ce genre de compte ne peut pas faire cela",
        "voyez le protocole, section 2",
    ),
    "payee_is_payer": ("on ne se paie pas soi-même", "vérifiez l'adresse"),
    "currency_unknown": ("cette monnaie n'existe pas sur ce réseau", "vérifiez son code"),
    "currency_mismatch": (
        "les deux comptes n'ont pas la même monnaie",
        "demandez une adresse de la même monnaie",
    ),
    "balance_insufficient": (
        "le solde ne suffit pas",
        "voyez ce que le compte contient ; le budget d'un programme vient des communs",
    ),
    "limit_exceeded": (
        "ce montant dépasse la limite de cette clé",
        "payez moins, ou avec une clé dont la limite est plus haute",
    ),
    "quota_exceeded": ("le nombre permis par jour est atteint", "recommencez demain"),
    "reserve_insufficient": (
        "la réserve ne suffit pas",
        "adressez-vous à l'émetteur de la monnaie",
    ),
    "refund_above_original": (
        "on ne rembourse pas plus que ce qui a été payé",
        "voyez ce qui a déjà été remboursé",
    ),
    "receipt_unknown": (
        "ce reçu ne correspond à aucun paiement du journal",
        "vérifiez le numéro et l'original",
    ),
    "receipt_malformed": ("ce fichier n'est pas un reçu", "demandez-le de nouveau au payeur"),
    "receipt_invalid": (
        "ce reçu ne prouve rien",
        "n'acceptez pas ce paiement avant d'avoir lu votre propre solde",
    ),
    "request_malformed": (
        "cette demande n'est pas lisible",
        "demandez-la de nouveau à qui l'a faite",
    ),
    "outbox_malformed": (
        "le fichier des paiements en cours est abîmé",
        "ne l'effacez pas : reprenez-le d'une sauvegarde",
    ),
    "payment_unknown": (
        "ce portefeuille et le réseau ne connaissent pas cette transaction",
        "vérifiez l'identifiant avec « democite wallet history »",
    ),
    "idempotency_key_reused": (
        "cette clé d'idempotence a déjà servi pour un autre paiement",
        "prenez-en une autre",
    ),
    "wallet_in_use": ("un autre processus se sert de ce portefeuille", "attendez qu'il ait fini"),
    "wallet_of_other_network": (
        "ce portefeuille appartient à un autre réseau",
        "vérifiez --genesis et --wallet",
    ),
    "programme_budget_exceeded": ("le budget du programme est dépassé", "voyez ce qui en reste"),
    "activity_unconfirmed": ("cette activité n'est pas confirmée", "faites-la confirmer"),
    "activity_duplicate": ("cette activité est déjà comptée", "retirez la ligne en double"),
    "wage_share_above_cap": ("la part du salaire dépasse le plafond", "baissez la part locale"),
    "wage_consent_missing": ("l'accord de la personne manque", "demandez-le avant de verser"),
    "employee_unknown": ("cette personne n'est pas inscrite", "vérifiez le registre du territoire"),
    "payroll_already_submitted": (
        "cette paie a déjà été transmise",
        "voyez ce qui est payé : democite payroll status",
    ),
    "line_duplicate": ("une ligne est en double", "retirez-la"),
    "date_out_of_range": ("cette date est hors de la période permise", "vérifiez la date"),
    "mempool_full": (
        "le nœud a trop de transactions en attente",
        "recommencez dans un instant : rien n'est payé deux fois",
    ),
    "node_busy": ("le nœud est occupé", "recommencez dans un instant : rien n'est payé deux fois"),
    "node_unreachable": (
        "aucun nœud ne répond",
        "vérifiez --node et le réseau, ou essayez le nœud d'un autre territoire",
    ),
    "node_answer_malformed": (
        "le nœud a répondu autre chose que ce que dit le protocole",
        "essayez le nœud d'un autre territoire",
    ),
    "node_of_other_network": (
        "ce nœud appartient à un autre réseau",
        "vérifiez --node et --genesis",
    ),
    "node_behind": (
        "ce nœud en sait moins que ce portefeuille n'a déjà vérifié",
        "recommencez dans un instant, ou essayez le nœud d'un autre territoire",
    ),
    "note_malformed": ("la note a plus de 140 caractères ou plusieurs lignes", "raccourcissez-la"),
    "not_final_yet": ("ce n'est pas encore définitif", "recommencez dans un instant"),
    "outcome_unknown": (
        "on ne sait pas encore si la transaction est passée",
        "ne payez pas autrement : relancez la même commande, elle reprend la même transaction",
    ),
    "certificate_invalid": (
        "le certificat ne porte pas assez de signatures des territoires",
        "n'en croyez rien ; essayez le nœud d'un autre territoire",
    ),
    "epoch_unknown": (
        "le réseau est dans une époque jusqu'où ce programme ne l'a pas suivi",
        "nommez le nœud d'un territoire : --node URL",
    ),
    "trust_expired": (
        "ce portefeuille est resté absent si longtemps que la parole des anciennes clés ne suffit "
        "plus",
        "laissez-le joindre les nœuds de plusieurs territoires, ou donnez-lui le point de contrôle "
        "de votre mairie : 'democite wallet trust EPOQUE:EMPREINTE' ; cette machine est-elle à "
        "l'heure ?",
    ),
    "checkpoint_differs": (
        "l'histoire du réseau n'est pas celle du point de contrôle",
        "ne payez rien ; redemandez le point de contrôle à votre mairie et signalez-lui ce nœud",
    ),
    "checkpoint_malformed": (
        "un point de contrôle s'écrit EPOQUE:EMPREINTE, sous CometBFT HAUTEUR:EMPREINTE, comme le "
        "montre 'democite network status'",
        "recopiez-le auprès de votre mairie",
    ),
    "proof_invalid": (
        "la preuve ne mène pas à ce que les territoires ont signé",
        "n'en croyez rien ; essayez le nœud d'un autre territoire",
    ),
    "header_conflict": (
        "ALERTE : deux blocs définitifs différents à la même hauteur",
        "ne payez plus rien et remettez la pièce gardée à votre territoire",
    ),
    "request_stale": (
        "la requête signée a plus d'une minute d'écart avec le nœud",
        "mettez l'appareil à l'heure",
    ),
    "request_replayed": ("cette requête signée a déjà servi", "recommencez"),
    "request_unauthorized": (
        "le nœud n'accepte pas cette signature",
        "vérifiez le portefeuille et --genesis",
    ),
    "not_found": (
        "il n'y a rien là, ou rien que cette clé puisse lire",
        "vérifiez ce que vous demandez",
    ),
    "not_entitled": ("cette clé n'a pas le droit de lire cela", "utilisez une clé du compte"),
    "address_unusable": (
        "cette adresse n'existe pas sur cette machine",
        "vérifiez l'adresse de la carte",
    ),
    "block_too_large": ("ce bloc dépasse les bornes du réseau", "c'est un défaut à signaler"),
    "data_malformed": ("ce dossier de nœud n'est pas lisible", "reprenez-le d'une sauvegarde"),
    "data_missing": ("il n'y a pas de nœud dans ce dossier", "préparez-le : democite node init"),
    "demo_card": (
        "cette carte vient d'une démonstration",
        "demandez au territoire une vraie carte",
    ),
    "engine_keys_missing": ("cette carte n'a pas de clé pour ce moteur", "prenez un nœud neuf"),
    "genesis_without_us": (
        "ce nœud ne fait pas partie de cette genèse",
        "vérifiez --data et --genesis ; pour rejoindre un réseau qui tourne : democite node join",
    ),
    "host_port_malformed": (
        "une adresse de nœud s'écrit HÔTE:PORT",
        "écrivez par exemple 127.0.0.1:8080",
    ),
    "http_without_tls": (
        "HTTP sans TLS n'est servi que sur cette machine",
        "mettez un mandataire TLS devant et ajoutez --behind-proxy",
    ),
    "media_type_unknown": ("ce type de contenu n'est pas accepté", "envoyez application/msgpack"),
    "members_malformed": ("cette liste de membres contredit les règles", "comparez les fiches"),
    "node_not_ready": ("le nœud n'est pas encore prêt", "recommencez dans un instant"),
    "parameter_unknown": (
        "ce paramètre n'existe pas ou n'est pas un nombre",
        "voyez le protocole, section 10",
    ),
    "peer_malformed": (
        "un pair envoie ce que le protocole ne dit pas",
        "la liaison est coupée ; rien à faire",
    ),
    "peer_of_other_network": ("ce pair appartient à un autre réseau", "comparez les genèses"),
    "peer_of_other_version": (
        "ce pair parle une autre version",
        "mettez à jour le plus ancien des deux",
    ),
    "peer_unknown": ("ce pair n'est pas membre du réseau", "vérifiez sa carte"),
    "peer_unreachable": ("ce pair ne répond pas", "vérifiez le réseau et son adresse"),
    "simulation_violation": (
        "la simulation a rompu une règle",
        "relancez la ligne affichée pour la rejouer",
    ),
    "store_corrupt": (
        "la base du nœud est abîmée",
        "lancez « democite node rebuild », puis redémarrez : la chaîne revient des pairs",
    ),
    "store_of_other_kind": (
        "ce dossier tient une autre sorte de base",
        "ouvrez-le avec le magasin qui l'a fait",
    ),
    "store_unknown": ("cette sorte de base n'existe pas", "choisissez leveldb ou rocksdb"),
    "store_unreadable": (
        "la base du nœud ne peut pas être ouverte",
        "vérifiez les droits et la place sur le disque ; si tout va bien, 'democite node rebuild'",
    ),
    "version_not_kept": (
        "le nœud n'a plus, ou pas encore, de preuve à cette hauteur",
        "demandez une hauteur plus récente",
    ),
    "demo_not_on_loopback": (
        "un réseau de démonstration ne sert que cette machine",
        "utilisez 127.0.0.1, ou créez un vrai réseau",
    ),
    "engine_mismatch": ("ce réseau tourne avec un autre moteur", "voyez le fichier GENESIS.engine"),
    "demo_figure_false": (
        "un chiffre de la démonstration ne se vérifie pas",
        "gardez le dossier --data et signalez-le",
    ),
    "evidence_malformed": (
        "ce fichier n'est pas une preuve de double vote",
        "redemandez-le à qui l'a fait, ou « democite network evidence --out »",
    ),
    "evidence_invalid": (
        "ce fichier ne prouve rien",
        "n'accusez personne ; comparez la genèse et d'où vient ce fichier",
    ),
    **MONTH_MESSAGES,
    **ENGINE_MESSAGES,
    **COMETBFT_MESSAGES,
    **LIFE_MESSAGES,
    **NETWORK_MESSAGES,
    **POWER_MESSAGES,
    **SUCCESSION_MESSAGES,
}
