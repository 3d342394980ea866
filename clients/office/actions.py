"""What staff and issuers do: open accounts, issue, redeem."""

import json
import secrets
from pathlib import Path

from clients.office.keys_today import account_today, without_gone
from clients.office.signers import Signers, open_signers
from ledger import account_kinds, roles
from ledger.fields import OpenedAccount, OpenedKey
from primitives import amounts
from primitives.errors import Refused
from terminal.errors import CommandError
from terminal.languages import text
from terminal.results import Result
from wallet.account_requests import LINE_START, AccountRequest, parse_account_request
from wallet.atomic_files import write_file
from wallet.desk import Desk
from wallet.light.trust import TrustedNetwork
from wallet.node_urls import node_urls_of
from wallet.notes import check_note
from wallet.payment_actions import outcome_result, tell_news
from wallet.payments import Intent, IssueIntent, OpenIntent
from wallet.redeem_requests import FILE_BYTES_MAX, RedeemRequest, redeem_request_from_json
from wallet.setup import parse_address_of
from wallet.submitting import submit
from wallet.transaction_ids import transaction_id
from wallet.wording import amount_text, decimals_of, vouched_text

BLIND_BYTES = 16
REQUESTS_BYTES_MAX = 1024 * 1024


async def open_accounts(
    network: TrustedNetwork,
    urls: tuple[str, ...],
    keystores: list[Path],
    passphrase_files: list[Path] | None,
    words: list[str],
    currency: str | None,
    *,
    wait: bool,
) -> Result:
    """Open the accounts that requests ask for, in one transaction."""
    requests = [request for word in words for request in _requests(word)]
    signers = await open_signers(
        network, urls, keystores, passphrase_files, account_kinds.TERRITORY
    )
    return await open_requested(network, urls, signers, requests, currency, wait=wait)


async def open_requested(
    network: TrustedNetwork,
    urls: tuple[str, ...],
    signers: Signers,
    requests: list[AccountRequest],
    currency: str | None,
    *,
    wait: bool,
) -> Result:
    """The same with the staff's keys at hand."""
    territory = network.territory(signers.account.prefix)
    code = currency or territory.currencies[0].code
    if code not in [one.code for one in territory.currencies]:
        raise Refused("currency_unknown", code)
    for request in requests:
        if request.prefix != territory.prefix:
            raise CommandError(
                "address_of_other_network",
                text(
                    f"cette demande est pour « {request.prefix} », pas pour « {territory.prefix} »",
                    f"this request is for '{request.prefix}', not for '{territory.prefix}'",
                ),
            )
    intent = OpenIntent(tuple(_opened(request, code) for request in requests))
    result = await _perform(network, urls, signers, intent, wait=wait)
    addresses = [request.address for request in requests]
    return Result(
        {**result.data, "addresses": addresses},
        "\n".join([*addresses, result.text]),
        shown=result.shown,
    )


async def issue(
    network: TrustedNetwork,
    urls: tuple[str, ...],
    keystores: list[Path],
    passphrase_files: list[Path] | None,
    address: str,
    amount: str,
    reference: str,
    *,
    wait: bool,
    idempotency_key: str,
) -> Result:
    """Create money for an account, against euros that were paid into the reserve."""
    signers = await open_signers(network, urls, keystores, passphrase_files, account_kinds.ISSUER)
    code = signers.account.currency
    parsed = parse_address_of(network, address)
    amount_minor = amounts.parse_amount(amount, decimals_of(network, code))
    if amount_minor == 0:
        raise Refused("amount_out_of_range", field="amount")
    intent = IssueIntent(
        code, parsed.account_id, address.strip().lower(), amount_minor, check_note(reference)
    )
    return await _perform(
        network, urls, signers, intent, wait=wait, idempotency_key=idempotency_key
    )


async def redeem(
    network: TrustedNetwork,
    urls: tuple[str, ...],
    keystores: list[Path],
    passphrase_files: list[Path] | None,
    request_file: Path,
    out_file: Path | None,
) -> Result:
    """Add the issuer's signatures to a holder's request; submit it once they suffice."""
    request = _read_request(request_file)
    if request.network_id != network.network_id:
        raise Refused("network_mismatch", file=str(request_file))
    holder, redemption = request.redemption()
    signers = await open_signers(network, urls, keystores, passphrase_files, account_kinds.ISSUER)
    if redemption.currency != signers.account.currency:
        raise Refused("currency_mismatch", redemption.currency)
    today = await account_today(network, urls, signers)
    request = without_gone(request, signers.account, today)
    for key in signers.all_keys:
        if today.device(key.public_key) is None:
            raise Refused("key_unknown", key.public_key.hex())
        request = request.cosigned(key)
    given = len([one for one in request.cosignatures if today.device(one.key) is not None])
    shown = amount_text(network, redemption.currency, redemption.amount_minor)
    data: dict[str, object] = {
        "holder": holder.hex(),
        "currency": redemption.currency,
        "amount_minor": redemption.amount_minor,
        "reference": request.reference,
        "signatures": given,
        "threshold": today.threshold,
    }
    if given < today.threshold:
        if out_file is None:
            raise CommandError(
                "signatures_insufficient",
                hint=text(
                    "ajoutez --out FILE et faites signer les autres clés de l'émetteur",
                    "add --out FILE and let the issuer's other keys sign it",
                ),
            )
        content = json.dumps(request.to_json(), indent=1).encode() + b"\n"
        write_file(out_file, content, replace=False)
        message = text(
            f"{shown} : {given} signatures sur {today.threshold}, voir {out_file}",
            f"{shown}: {given} of {today.threshold} signatures, see {out_file}",
        )
        return Result({**data, "status": "incomplete", "request": str(out_file)}, message)
    return await _submitted(network, urls, request, shown, data)


async def _submitted(
    network: TrustedNetwork,
    urls: tuple[str, ...],
    request: RedeemRequest,
    shown: str,
    data: dict[str, object],
) -> Result:
    """Bring a request with enough signatures through."""
    raw = request.raw()
    found = await submit(network, urls, raw)
    data |= {
        "id": transaction_id(raw).hex(),
        "status": "final",
        "height": found.final.height,
        "number": found.receipt_number,
    }
    block = text(f"repris au bloc {found.final.height}", f"redeemed in block {found.final.height}")
    vouched = vouched_text(found.final.vouched_by, found.final.members)
    lines = [f"{shown}{text(' : ', ': ')}{block}", vouched, transaction_id(raw).hex()]
    if request.reference:
        lines.insert(1, f"→ {request.reference}")
    return Result(data, "\n".join(lines))


async def _perform(
    network: TrustedNetwork,
    urls: tuple[str, ...],
    signers: Signers,
    intent: Intent,
    *,
    wait: bool,
    idempotency_key: str = "",
) -> Result:
    wanted = urls or node_urls_of(network, signers.account.prefix)
    async with Desk(network, signers.owner, wanted, folder=signers.state_folder) as desk:
        await tell_news(desk)
        entry = await desk.perform(
            intent, wait=wait, idempotency_key=idempotency_key, cosigners=signers.cosigners
        )
        return outcome_result(desk, entry)


def _requests(word: str) -> list[AccountRequest]:
    """Requests from the command line: one line of text, or a file of such lines."""
    if word.strip().startswith(LINE_START):
        return [parse_account_request(word)]
    file = Path(word)
    with file.open("rb") as stream:
        raw = stream.read(REQUESTS_BYTES_MAX + 1)
    if len(raw) > REQUESTS_BYTES_MAX:
        raise Refused("request_malformed", file=word)
    try:
        lines = raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise Refused("file_encoding_unknown", file=word) from None
    found = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                found.append(parse_account_request(line))
            except Refused as refusal:
                raise Refused(refusal.code, refusal.detail, file=word, line=number) from None
    if not found:
        raise Refused("request_malformed", file=word)
    return found


def _opened(request: AccountRequest, code: str) -> OpenedAccount:
    key = OpenedKey(request.device_key, roles.ROLES_OPENED, None)
    return OpenedAccount(request.account_kind, code, secrets.token_bytes(BLIND_BYTES), 1, (key,))


def _read_request(file: Path) -> RedeemRequest:
    with file.open("rb") as stream:
        raw = stream.read(FILE_BYTES_MAX + 1)
    try:
        content = json.loads(raw) if len(raw) <= FILE_BYTES_MAX else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Refused("request_malformed", file=str(file))
    return redeem_request_from_json(content)
