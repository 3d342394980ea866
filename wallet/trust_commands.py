"""`democite wallet trust`: what the town hall vouches for, for a wallet that was away too long."""

from typing import Annotated

import typer

from terminal.languages import text
from terminal.options import JsonOption, LangOption, WalletOption
from terminal.results import Result

TRUST_HELP = text(
    "Noter le point de contrôle que la mairie a donné, après une longue absence.",
    "Note the checkpoint that the town hall gave, after a long absence.",
)
CheckpointArgument = Annotated[
    str,
    typer.Argument(
        metavar="EPOCH:DIGEST",
        help=text(
            "Comme le montre 'democite network status'.", "As 'democite network status' shows it."
        ),
    ),
]


def trust(
    checkpoint: CheckpointArgument,
    wallet: WalletOption = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> Result:
    """Keep a checkpoint beside the wallet; the network is held against it from then on."""
    from primitives.checkpoints import parse_checkpoint
    from wallet.checkpoint import write_checkpoint
    from wallet.setup import open_wallet

    opened = open_wallet(wallet, None, ())
    epoch, digest = parse_checkpoint(checkpoint)
    write_checkpoint(opened.folder.checkpoint_file, epoch, digest)
    return Result(
        {"epoch": epoch, "digest": digest.hex()},
        text(
            f"Noté : l'époque {epoch} commence par {digest.hex()}",
            f"Noted: epoch {epoch} begins with {digest.hex()}",
        ),
    )
