"""Messages and hints in English: code → (what went wrong, what to do)."""

from terminal.cometbft_messages_en import COMETBFT_MESSAGES
from terminal.engine_messages_en import ENGINE_MESSAGES
from terminal.life_messages_en import LIFE_MESSAGES
from terminal.month_messages_en import MONTH_MESSAGES
from terminal.network_messages_en import NETWORK_MESSAGES
from terminal.power_messages_en import POWER_MESSAGES
from terminal.succession_messages_en import SUCCESSION_MESSAGES

WORDS: dict[str, str] = {"line": "line", "refused": "refused"}

MESSAGES: dict[str, tuple[str, str]] = {
    "internal_error": (
        "internal error",
        "report it with the command you typed; DEMOCITE_TRACEBACK=1 shows the details",
    ),
    "invariant_broken": (
        "a rule that nothing should be able to break is broken",
        "stop here and report it; start nothing again before it is understood",
    ),
    "state_root_differs": (
        "the state computed here is not the one the network certified",
        "run 'democite node rebuild', then start again; if it comes back, this is a bug to report",
    ),
    "interrupted": ("interrupted", "run the same command again: nothing is done twice"),
    "usage": ("malformed command", "add --help to see what it expects"),
    "part_not_installed": (
        "this part of Démocité is not installed",
        "it comes with another installation, or with a version to come (CHANGELOG.md)",
    ),
    "option_missing": ("an option is missing", "add --help for the list"),
    "file_missing": ("this file does not exist", "check the path"),
    "file_exists": (
        "this file exists already and will not be overwritten",
        "choose another name, or move the old one away",
    ),
    "file_unreadable": (
        "this file cannot be read",
        "check its permissions and that it is not a folder",
    ),
    "file_unwritable": ("this file cannot be written", "check the folder's permissions"),
    "file_column_missing": ("the file lacks a column", "compare its first line with the template"),
    "file_encoding_unknown": ("the file is not UTF-8", "save it as 'UTF-8'"),
    "disk_full": ("the disk is full", "free some space, then run the same command again"),
    "port_in_use": (
        "this port is in use",
        "choose another port, or stop the program that holds it",
    ),
    "data_of_other_network": (
        "this data folder belongs to another network",
        "check --data and --genesis",
    ),
    "data_of_newer_version": (
        "this data was written by a newer version of Démocité",
        "update the program",
    ),
    "data_in_use": ("another process uses this data folder", "stop it first"),
    "journal_corrupt": (
        "the voting journal is damaged",
        "keep it and never put back an old copy: move the folder 'journal' aside and start again; "
        "the node then follows without voting (see the operator's guide)",
    ),
    "journal_lost": (
        "the voting journal is missing: this node observes and does not vote",
        "see the operator's guide before it votes again",
    ),
    "card_malformed": (
        "this card cannot be read or its signature is wrong",
        "ask the territory for it again",
    ),
    "genesis_malformed": ("this genesis file cannot be read", "ask your territory for it again"),
    "genesis_invalid": (
        "this genesis contradicts the rules",
        "compare the cards: short names, keys and currencies must be unique",
    ),
    "keystore_malformed": ("this key file cannot be read", "restore it from a backup"),
    "passphrase_missing": (
        "a passphrase is needed",
        "give --passphrase-file FILE, or run the command in a terminal",
    ),
    "passphrase_empty": ("the passphrase is empty", "choose one; four random words are enough"),
    "passphrase_differs": ("the two passphrases differ", "try again"),
    "passphrase_wrong": (
        "the passphrase is wrong",
        "check capital letters and the keyboard layout",
    ),
    "encoding_not_canonical": (
        "these bytes are not a value in its one canonical form",
        "the file was cut or changed; take the original",
    ),
    "transaction_too_large": ("the transaction is too large", "make several of it"),
    "kind_unknown": ("the network does not know this kind of transaction", "update the program"),
    "version_unknown": ("this version of the format is not known", "update the program"),
    "network_mismatch": ("this transaction was made for another network", "check --genesis"),
    "signature_invalid": ("a signature is wrong", "the file was changed, or it is the wrong key"),
    "key_invalid": ("this key cannot be registered", "make a new key"),
    "key_unknown": (
        "this key is not on the account",
        "use an enrolled device, or go to the town hall",
    ),
    "role_missing": ("this key may not do that", "let a key with that role sign"),
    "roles_invalid": (
        "these roles do not exist or do not go together",
        "see the protocol, section 2",
    ),
    "signatures_insufficient": ("more signatures are needed", "let more keys of the account sign"),
    "number_used": (
        "this number was used: the transaction went through, or another process has the key",
        "look at the history before you try again",
    ),
    "number_out_of_window": (
        "this number is too far from the last one used",
        "run the command again: it will take the right number",
    ),
    "validity_expired": (
        "the transaction is no longer, or not yet, valid",
        "check the device's clock and make it again",
    ),
    "validity_too_long": (
        "the transaction would be valid for too long",
        "make it again with a shorter life",
    ),
    "amount_out_of_range": (
        "this amount is out of range",
        "an amount is at least one minor unit and at most 2^53 − 1",
    ),
    "amount_malformed": (
        "this amount is not written as it should be",
        "write for example 12, 12,5 or 12.50, without spaces or thousands separators",
    ),
    "address_malformed": ("this address is not well written", "copy it whole or scan its code"),
    "address_of_other_network": (
        "no territory of this network has this short name",
        "check the address and --genesis",
    ),
    "account_unknown": (
        "this account is not open",
        "the town hall opens it: democite office account open",
    ),
    "account_exists": ("this account is open already", "nothing needs to be done"),
    "account_kind_invalid": ("this kind of account cannot do that", "see the protocol, section 2"),
    "payee_is_payer": ("one does not pay oneself", "check the address"),
    "currency_unknown": ("this currency does not exist on this network", "check its code"),
    "currency_mismatch": (
        "the two accounts do not hold the same currency",
        "ask for an address of the same currency",
    ),
    "balance_insufficient": (
        "the balance is not sufficient",
        "see what the account holds; a programme's budget comes from the commons",
    ),
    "limit_exceeded": (
        "this amount is above the key's limit",
        "pay less, or with a key that has a higher limit",
    ),
    "quota_exceeded": ("the number allowed per day is reached", "try again tomorrow"),
    "reserve_insufficient": ("the reserve is not sufficient", "ask the currency's issuer"),
    "refund_above_original": (
        "one does not refund more than was paid",
        "see what was refunded already",
    ),
    "receipt_unknown": (
        "this receipt is no payment in the log",
        "check the number and the original",
    ),
    "receipt_malformed": ("this file is no receipt", "ask the payer for it again"),
    "receipt_invalid": (
        "this receipt proves nothing",
        "do not accept this payment before reading your own balance",
    ),
    "request_malformed": ("this request cannot be read", "ask for it again where it was made"),
    "outbox_malformed": (
        "the file of payments under way is damaged",
        "do not delete it: restore it from a backup",
    ),
    "payment_unknown": (
        "this wallet and the network do not know this transaction",
        "check its id with 'democite wallet history'",
    ),
    "idempotency_key_reused": (
        "this idempotency key was used for a different payment",
        "choose another one",
    ),
    "wallet_in_use": ("another process uses this wallet", "wait until it is done"),
    "wallet_of_other_network": (
        "this wallet belongs to another network",
        "check --genesis and --wallet",
    ),
    "programme_budget_exceeded": ("the programme's budget is exceeded", "see what is left of it"),
    "activity_unconfirmed": ("this activity is not confirmed", "have it confirmed"),
    "activity_duplicate": ("this activity was counted already", "remove the duplicate line"),
    "wage_share_above_cap": ("the share of the wage is above the cap", "lower the local share"),
    "wage_consent_missing": ("the employee's consent is missing", "ask for it before paying"),
    "employee_unknown": ("this employee is not registered", "check the territory's registry"),
    "payroll_already_submitted": (
        "this payroll was submitted already",
        "see what was paid: democite payroll status",
    ),
    "line_duplicate": ("a line stands twice", "remove it"),
    "date_out_of_range": ("this date is outside the period allowed", "check the date"),
    "mempool_full": (
        "the node has too many transactions waiting",
        "try again in a moment: nothing is paid twice",
    ),
    "node_busy": ("the node is busy", "try again in a moment: nothing is paid twice"),
    "node_unreachable": (
        "no node answers",
        "check --node and the network, or try another territory's node",
    ),
    "node_answer_malformed": (
        "the node's answer is not what the protocol says",
        "try another territory's node",
    ),
    "node_of_other_network": ("this node belongs to another network", "check --node and --genesis"),
    "node_behind": (
        "this node knows less than this wallet has verified already",
        "try again in a moment, or try another territory's node",
    ),
    "note_malformed": ("the note has more than 140 characters or several lines", "make it shorter"),
    "not_final_yet": ("this is not final yet", "try again in a moment"),
    "outcome_unknown": (
        "it is not known yet whether the transaction went through",
        "do not pay another way: run the same command again, it takes up the same transaction",
    ),
    "certificate_invalid": (
        "the certificate does not carry enough of the territories' signatures",
        "do not believe it; try another territory's node",
    ),
    "epoch_unknown": (
        "the network is in an epoch that this program has not followed it to",
        "name a node of any territory: --node URL",
    ),
    "trust_expired": (
        "this wallet was away for so long that the word of old keys is not enough",
        "let it reach several territories' nodes, or give it your town hall's checkpoint: "
        "'democite wallet trust EPOCH:DIGEST'; is this machine's clock right?",
    ),
    "checkpoint_differs": (
        "the network's history is not the one of the checkpoint",
        "pay nothing; ask your town hall for the checkpoint again, and tell it of this node",
    ),
    "checkpoint_malformed": (
        "a checkpoint is EPOCH:DIGEST, under CometBFT HEIGHT:DIGEST, as 'democite network status' "
        "shows it",
        "copy it again from your town hall",
    ),
    "proof_invalid": (
        "the proof does not lead to what the territories signed",
        "do not believe it; try another territory's node",
    ),
    "header_conflict": (
        "ALARM: two different final blocks at one height",
        "pay nothing more and hand the evidence that was kept to your territory",
    ),
    "request_stale": (
        "the signed request is more than a minute off the node's clock",
        "set the device's clock",
    ),
    "request_replayed": ("this signed request was used before", "try again"),
    "request_unauthorized": (
        "the node does not accept this signature",
        "check the wallet and --genesis",
    ),
    "not_found": (
        "there is nothing there, or nothing that this key may read",
        "check what you ask for",
    ),
    "not_entitled": ("this key may not read that", "use a key of the account"),
    "address_unusable": (
        "this address does not exist on this machine",
        "check the address in the card",
    ),
    "block_too_large": ("this block is beyond the network's bounds", "this is a bug to report"),
    "data_malformed": ("this node's folder cannot be read", "restore it from a backup"),
    "data_missing": ("there is no node in this folder", "prepare it: democite node init"),
    "demo_card": ("this card comes from a demonstration", "ask the territory for a real card"),
    "engine_keys_missing": ("this card has no key for this engine", "make a new node for it"),
    "genesis_without_us": (
        "this node is not part of this genesis",
        "check --data and --genesis; to join a running network: democite node join",
    ),
    "host_port_malformed": (
        "a node's address is written HOST:PORT",
        "write for example 127.0.0.1:8080",
    ),
    "http_without_tls": (
        "HTTP without TLS is served on this machine only",
        "put a TLS proxy in front and add --behind-proxy",
    ),
    "media_type_unknown": ("this content type is not accepted", "send application/msgpack"),
    "members_malformed": ("this list of members contradicts the rules", "compare the cards"),
    "node_not_ready": ("the node is not ready yet", "try again in a moment"),
    "parameter_unknown": (
        "this parameter does not exist or is no number",
        "see the protocol, section 10",
    ),
    "peer_malformed": (
        "a peer sends what the protocol does not say",
        "the connection was cut; nothing to do",
    ),
    "peer_of_other_network": ("this peer belongs to another network", "compare the genesis files"),
    "peer_of_other_version": ("this peer speaks another version", "update the older of the two"),
    "peer_unknown": ("this peer is no member of the network", "check its card"),
    "peer_unreachable": ("this peer does not answer", "check the network and its address"),
    "simulation_violation": ("the simulation broke a rule", "run the line shown to replay it"),
    "store_corrupt": (
        "the node's store is damaged",
        "run 'democite node rebuild', then start again: the peers give the chain back",
    ),
    "store_of_other_kind": (
        "this folder holds another kind of store",
        "open it with the store that made it",
    ),
    "store_unknown": ("this kind of store does not exist", "choose leveldb or rocksdb"),
    "store_unreadable": (
        "the node's store cannot be opened",
        "check permissions and free space; if both are fine, run 'democite node rebuild'",
    ),
    "version_not_kept": (
        "the node has no proof at that height any more, or not yet",
        "ask for a newer height",
    ),
    "demo_not_on_loopback": (
        "a demonstration network serves this machine only",
        "use 127.0.0.1, or create a real network",
    ),
    "engine_mismatch": ("this network runs another engine", "see the file GENESIS.engine"),
    "demo_figure_false": (
        "a figure of the demonstration does not hold",
        "keep the --data folder and report it",
    ),
    "evidence_malformed": (
        "this file is no evidence of a double vote",
        "ask for it again, or run 'democite network evidence --out'",
    ),
    "evidence_invalid": (
        "this file proves nothing",
        "accuse nobody; compare the genesis and where this file comes from",
    ),
    **MONTH_MESSAGES,
    **ENGINE_MESSAGES,
    **COMETBFT_MESSAGES,
    **LIFE_MESSAGES,
    **NETWORK_MESSAGES,
    **POWER_MESSAGES,
    **SUCCESSION_MESSAGES,
}
