"""Messages and hints about the life of a network, in English."""

LIFE_MESSAGES: dict[str, tuple[str, str]] = {
    "observers_max": (
        "this node admits no more observers",
        "dismiss one: democite node peers remove PREFIX --data DIR",
    ),
    "keystore_twice": (
        "one key is named twice",
        "each signature is another person's: name the other's file",
    ),
    "key_pending": (
        "a new key is prepared already, and waits",
        "have it voted or put on the account; --again throws it away and makes another",
    ),
    "node_key_unknown": (
        "the territory's account does not name this node's key",
        "prepare one: democite node keys renew signing, then office keys replace",
    ),
    "observer_unknown": (
        "no observer of this name is admitted",
        "'democite node peers list --data DIR' shows them",
    ),
    "data_of_older_version": (
        "this data was written by an older version of Démocité",
        "start the node: it keeps a copy and brings the data up to date",
    ),
    "snapshot_wrong": (
        "what a peer sent is not the snapshot that the network agreed on",
        "nothing to do: other members are asked",
    ),
    "rule_version_unknown": (
        "this version of Démocité does not know these rules of the network",
        "update the program, then try again: nothing is lost meanwhile",
    ),
    "history_differs": (
        "the history that the members tell is not the one of --checkpoint",
        "start nothing; call several town halls: a network is being imitated, or the checkpoint "
        "was copied wrongly",
    ),
    "history_unconfirmed": (
        "what this node knows is so old that the word of its keys is not enough",
        "it waits for more founders to answer; or start it with --checkpoint EPOCH:DIGEST, as "
        "'democite network status' shows it at a member's; is this machine's clock right?",
    ),
    "territory_not_joined": (
        "this territory has not joined the network yet",
        "a member proposes it: democite network propose add CARD",
    ),
    "retention_too_short": (
        "blocks must be kept longer than that",
        "refunds and lookups need them; choose more days, or 'all'",
    ),
    "retention_malformed": (
        "how long to keep blocks is a number of days, or 'all'",
        "democite node keep --days N --data DIR",
    ),
    "block_pruned": (
        "it was in a block that the nodes asked keep no longer",
        "ask a node that keeps every block: --node URL",
    ),
}
