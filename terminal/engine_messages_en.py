"""Messages and hints about consensus engines and their proofs, in English."""

ENGINE_MESSAGES: dict[str, tuple[str, str]] = {
    "trust_insufficient": (
        "too few of the validators known before signed this block",
        "follow the blocks between, from any territory's node",
    ),
    "trust_level_invalid": (
        "the share of known validators that must have signed is from a third to all",
        "name a fraction between 1/3 and 1",
    ),
    "header_time_ahead": (
        "this block is ahead of this machine's clock",
        "set this machine's clock; if it is right, do not believe the block",
    ),
    "engine_unknown": ("this consensus engine does not exist", "choose simplex or cometbft"),
    "engine_unavailable": ("this version cannot run this engine", "update the program"),
    "peer_of_other_engine": ("this peer runs another engine", "compare the files GENESIS.engine"),
    "engine_differs": (
        "this network's blocks are ordered by the other engine",
        "do not believe it; compare the file GENESIS.engine, try another territory's node",
    ),
}
