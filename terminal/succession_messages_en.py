"""Messages and hints about a network that takes the place of another, in English."""

SUCCESSION_MESSAGES: dict[str, tuple[str, str]] = {
    "endorsement_invalid": (
        "an endorsement under the new genesis does not hold",
        "ask its holder to endorse this very draft: democite network succeed endorse DRAFT",
    ),
    "endorsement_malformed": (
        "this is not an endorsement",
        "it is the file that 'democite network succeed endorse' wrote",
    ),
    "endorsements_insufficient": (
        "too few recovery keys stand under the new genesis",
        "more than half of the last members must endorse it",
    ),
    "recovery_key_unknown": (
        "this is no recovery key of the network's last members",
        "take the keystore that 'node init' wrote to --recovery-out, or the one voted since",
    ),
    "succession_behind": (
        "a later block is final than the one that the new network goes on from",
        "do not follow it: what was paid since would be lost. Have it drafted again from the node "
        "with the highest block",
    ),
    "succession_conflict": (
        "another block is final at that height",
        "stop: two chains were made final. Keep the data, and call the other territories",
    ),
    "succession_differs": (
        "the new genesis says another thing of the network than its last state",
        "draft it again with this version: only who the members are may change",
    ),
    "succession_lacks_blocks": (
        "this node has not seen the last block of the old network",
        "name a copy of the store of a node that has: --from STORE",
    ),
    "succession_block_missing": (
        "no final block is in this folder to go on from",
        "draft it at the highest node: 'democite node verify' tells each one's height",
    ),
    "succession_block_waiting": (
        "CometBFT's files in this folder hold a final block that the node has not executed yet",
        "start the node once more with 'democite node start', stop it, and draft again",
    ),
    "succession_commit_missing": (
        "CometBFT's files in this folder do not prove the node's last block",
        "draft at another node of that height; a copied folder needs its 'cometbft' folder too",
    ),
    "cometbft_data_unreadable": (
        "CometBFT's files in this folder can't be read",
        "end what uses them and free the disk; else take another node's folder",
    ),
    "succession_none": (
        "this genesis takes no other network's place",
        "ask your town hall for the one that does",
    ),
    "succession_unfinished": (
        "this node was interrupted while it went over to the new network",
        "run it again: democite node succeed",
    ),
    "succession_unproved": (
        "the new genesis does not prove the old network's last block",
        "ask for the file again; if it stays so, do not follow it",
    ),
    "succession_without_state": (
        "this network goes on from another one's state, which is not here",
        "start it without --full-history, where other members run: they give a snapshot; or take "
        "it over: democite node succeed --data DIR --genesis NEW --predecessor OLD",
    ),
    "network_succeeded": (
        "another network has taken the place of this one",
        "take the new genesis, from your town hall; with a wallet: "
        "democite wallet succeed --genesis NEW",
    ),
    "payment_of_predecessor": (
        "it was not final before the old network ended, and can't be in the new one",
        "do it again if it is still wanted",
    ),
    "receipt_of_predecessor": (
        "this is of the network that this one took the place of",
        "check it with the old genesis: democite verify FILE --genesis OLD (a wallet keeps it in "
        "its folder, under predecessor-…)",
    ),
}
