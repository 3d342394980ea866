"""What a node that is behind says of a transaction: nothing for good."""

import asyncio
import time

import pytest

from ledger.envelope import build_body, sign_transaction
from ledger.fields import PAYMENT_PAY
from ledger.payments import pay_fields
from node.answers import Submission
from node.intake import Intake
from node.mempool import Mempool
from node.verifier import Verifier
from primitives.addresses import account_id
from primitives.hashing import hash_bytes
from primitives.signatures import SigningKey
from tests.node.still_engine import StillEngine
from tests.patience import PATIENCE_SECONDS
from tests.wallet.chain import Chain
from tests.wallet.founding import found


def key_of(name: str) -> SigningKey:
    return SigningKey.from_seed(hash_bytes("test", name.encode()))


async def answer_of(raw: bytes, chain: Chain, *, current: bool) -> Submission:
    verifier = Verifier()
    try:
        context = StillEngine(lambda: chain.state.tip, current=current)
        rules = chain.genesis.rules
        intake = Intake(chain.network_id, rules, Mempool(), verifier, context)
        told: asyncio.Future[Submission] = asyncio.get_running_loop().create_future()
        intake.submit(raw, told.set_result)
        return await asyncio.wait_for(told, PATIENCE_SECONDS)
    finally:
        verifier.close()


@pytest.mark.parametrize(
    ("current", "state", "code"),
    [(True, "refused", "account_unknown"), (False, "busy", "node_not_ready")],
)
def test_an_account_that_may_be_open_elsewhere(current: bool, state: str, code: str) -> None:
    genesis = found(key_of, "")
    chain = Chain(genesis, [key_of(f"{one.prefix} voting") for one in genesis.territories])
    resident, now_ms = key_of("resident"), time.time_ns() // 1_000_000
    body = build_body(
        PAYMENT_PAY,
        genesis.network_id,
        created_ms=now_ms,
        valid_until_ms=now_ms + 60_000,
        account=account_id("arden", resident.public_key),
        device=resident.public_key,
        number=1,
        fields=pay_fields(account_id("arden", key_of("shop").public_key), "ARD", 100),
    )
    raw = sign_transaction(body, genesis.network_id, resident)
    answer = asyncio.run(answer_of(raw, chain, current=current))
    assert answer.refusal is not None
    assert (answer.state, answer.refusal.code) == (state, code)
