"""`wallet consent give`, `withdraw`, `list`: who may pay part of the wage in local money."""

import time
from pathlib import Path

from primitives.errors import Refused
from terminal.languages import text
from terminal.results import Result
from wallet.consents import read_consents, send_consent, sign_consent
from wallet.node_client import NodeClient
from wallet.setup import OpenedWallet, meet_address, parse_address_of
from wallet.wording import time_text


async def state(
    opened: OpenedWallet, passphrase_file: Path | None, employer: str, *, given: bool
) -> Result:
    """Consent to an employer, or withdraw it; the town hall keeps the signed statement."""
    await meet_address(opened, employer)
    parsed = parse_address_of(opened.network, employer)
    if parsed.account_id == opened.identity.account_id:
        raise Refused("payee_is_payer")
    owner = opened.owner(passphrase_file)
    time_ms = time.time_ns() // 1_000_000
    statement = sign_consent(
        opened.network.network_id, owner, employer, given=given, time_ms=time_ms
    )
    async with NodeClient(opened.home_urls, opened.network.network_id) as client:
        await send_consent(client, statement)
    data = {
        "account": statement.account,
        "employer": statement.employer,
        "given": given,
        "time_ms": time_ms,
    }
    shown = (
        text(
            f"Accord donné à {statement.employer} : il peut verser ici une part du salaire.",
            f"Consent given to {statement.employer}: they may pay part of the wage here.",
        )
        if given
        else text(
            f"Accord retiré à {statement.employer} : plus rien n'est versé ici à partir de "
            "maintenant.",
            f"Consent withdrawn from {statement.employer}: nothing more is paid here from now on.",
        )
    )
    return Result(data, shown)


async def listed(opened: OpenedWallet, passphrase_file: Path | None) -> Result:
    """What the town hall has on record for this account."""
    owner = opened.owner(passphrase_file)
    async with NodeClient(opened.home_urls, opened.network.network_id) as client:
        found = await read_consents(client, owner)
    lines = [
        "  ".join(
            [
                time_text(one.time_ms),
                text("donné", "given") if one.given else text("retiré", "withdrawn"),
                one.employer,
            ]
        )
        for one in found
    ]
    return Result(
        {"account": owner.address, "consents": [vars(one) for one in found]},
        "\n".join(lines) or text("Aucun accord.", "No consent."),
    )
