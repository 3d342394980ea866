"""Which keys an issuer's account has today: its card only says which it began with."""

from dataclasses import replace

from clients.office.signers import Signers
from ledger.objects import Account
from primitives.errors import Refused
from wallet.desk import Desk
from wallet.light.trust import TrustedNetwork
from wallet.node_urls import node_urls_of
from wallet.redeem_requests import RedeemRequest


async def account_today(
    network: TrustedNetwork, urls: tuple[str, ...], signers: Signers
) -> Account:
    """The signers' account, proved; as it began while no node can be asked: then nothing can be
    sent either. Raises `Refused("key_unknown")` where the first key is on it no more."""
    owner = signers.owner
    wanted = urls or node_urls_of(network, owner.prefix)
    async with Desk(network, owner, wanted, folder=signers.state_folder) as desk:
        try:
            proved = await desk.reader.account(owner.prefix, owner.account_id, owner.signing_key)
        except Refused as refusal:
            if refusal.code == "node_unreachable":
                return signers.account
            if refusal.code in ("not_found", "account_unknown"):
                raise Refused("key_unknown", owner.signing_key.public_key.hex()) from None
            raise
    if proved.account is None:
        raise Refused("account_unknown", "the issuer's account is not open")
    return proved.account


def without_gone(request: RedeemRequest, began: Account, today: Account) -> RedeemRequest:
    """The request without signatures of keys that the issuer's account had and has no more: the
    ledger would refuse all of it for one of them."""
    gone = {one.key for one in began.devices} - {one.key for one in today.devices}
    kept = tuple([one for one in request.cosignatures if one.key not in gone])
    return replace(request, cosignatures=kept)
