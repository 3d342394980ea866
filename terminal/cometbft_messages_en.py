"""Messages and hints about running CometBFT, in English."""

COMETBFT_MESSAGES: dict[str, tuple[str, str]] = {
    "network_none": (
        "this node serves no network yet",
        "start it once with its network's genesis (node start), then try again",
    ),
    "cometbft_missing": (
        "this network runs under CometBFT, and the program 'cometbft' is not there",
        "build it with scripts/install-cometbft, or name it with DEMOCITE_COMETBFT",
    ),
    "cometbft_version_differs": (
        "this is not the version of CometBFT that Démocité was tried with",
        "build the right one with scripts/install-cometbft",
    ),
    "folder_not_private": (
        "others than its owner may read this folder",
        "it is for the node's own sockets: chmod 700, or remove it and start again",
    ),
    "signer_state_malformed": (
        "what this node signed last under CometBFT can't be read",
        "put back no old copy: the node might sign two blocks at one height. Move the file away "
        "and take a new voting key: democite node keys renew cometbft",
    ),
    "epoch_unproved": (
        "what a member says of an epoch is not what more than two thirds signed",
        "nothing to do: other members are asked; if none can prove it, every block is fetched",
    ),
    "signer_state_missing": (
        "what this node signed last under CometBFT is gone",
        "put back no old copy: the node might sign two blocks at one height. Take a new voting "
        "key: democite node keys renew cometbft",
    ),
    "signer_state_of_other_key": (
        "what was signed last belongs to another key or another network",
        "every voting key has its own file; put each back in its place",
    ),
    "socket_path_too_long": (
        "the path of the node's socket is too long for the system",
        "put the data folder in a place with a shorter path",
    ),
}
