"""Signs for CometBFT, so that the voting key stays sealed on disk and what was signed is ours to
remember (`signed_last`).

CometBFT listens on a Unix socket in the node's private folder, this process dials: the privval
protocol, one request at a time, with nothing more around it on such a socket. CometBFT waits three
seconds for the first connection and five for an answer, and asks for the public key anew at each
height, so a key may take the place of another while both processes run.

What is withheld, CometBFT notes, and goes on: as one vote that did not come.

Source: CometBFT v0.38, `privval/signer_requestHandler.go`, `privval/signer_endpoint.go`,
`proto/tendermint/privval/types.proto`.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import structlog

from node.engines.cometbft.canonical_votes import (
    VOTE_PRECOMMIT,
    VOTE_PREVOTE,
    canonical_proposal,
    canonical_vote,
    content_of,
    sign_bytes,
)
from node.engines.cometbft.descriptors import message_class, parse, set_time, time_ns_of
from node.engines.cometbft.frames import FrameReader, frame
from node.engines.cometbft.messages import ADDRESS_BYTES
from node.engines.cometbft.signed_last import (
    PRECOMMIT,
    PREVOTE,
    PROPOSAL,
    Place,
    SignatureWithheld,
    SignedLastFile,
)
from primitives.errors import InvariantBroken
from primitives.signatures import SigningKey

MESSAGE_BYTES_MAX = 10 * 1024
"""As CometBFT has it on its side."""

DIALED_AGAIN_SECONDS = 0.05
ERROR_CODE = 1
TIME_NS_END = 2**63
_STEPS = {VOTE_PREVOTE: PREVOTE, VOTE_PRECOMMIT: PRECOMMIT}


def validator_address(public_key: bytes) -> bytes:
    """How CometBFT names a validator."""
    return hashlib.sha256(public_key).digest()[:ADDRESS_BYTES]


class Signer:
    """One voting key on one chain. `may_sign` says whether this node votes at a height; one that
    was restored only observes for a while."""

    def __init__(
        self,
        key: SigningKey,
        file: SignedLastFile,
        may_sign: Callable[[int], bool] = lambda height: True,
    ) -> None:
        if file.last.public_key != key.public_key:
            raise InvariantBroken("the file of another key")
        self._key = key
        self._file = file
        self._may_sign = may_sign
        self.withheld = 0

    def answer(self, raw: bytes) -> bytes:
        """Answer one message, with what is signed on disk. May wait for the disk. Raises OSError
        where that fails, and `InvariantBroken` for what is no request."""
        request = parse("privval.Message", raw)
        name = request.WhichOneof("sum")
        answer = message_class("privval.Message")()
        asked = getattr(request, name) if name else None
        match name:
            case "ping_request":
                answer.ping_response.SetInParent()
            case "pub_key_request":
                self._answer_public_key(asked, answer.pub_key_response)
            case "sign_vote_request":
                self._answer_vote(asked, answer.signed_vote_response)
            case "sign_proposal_request":
                self._answer_proposal(asked, answer.signed_proposal_response)
            case _:
                raise InvariantBroken(f"CometBFT asks its signer {name or 'nothing'}")
        return bytes(answer.SerializeToString())

    def _answer_public_key(self, asked: Any, answer: Any) -> None:
        answer.pub_key.SetInParent()
        if asked.chain_id != self._file.last.chain_id:
            self._withhold(answer, "another chain")
            return
        answer.pub_key.ed25519 = self._key.public_key

    def _answer_vote(self, asked: Any, answer: Any) -> None:
        vote = asked.vote
        answer.vote.SetInParent()
        try:
            if vote.type not in _STEPS:
                raise SignatureWithheld("this is no vote")
            if vote.extension:
                raise SignatureWithheld("vote extensions are off")
            if vote.validator_address != validator_address(self._key.public_key):
                raise SignatureWithheld("a vote in another's name")
            place = Place(vote.height, vote.round, _STEPS[vote.type])
            message = canonical_vote(vote, asked.chain_id)
            signature, time_ns = self._sign(place, message, asked.chain_id, vote.timestamp)
        except SignatureWithheld as withheld:
            self._withhold(answer, str(withheld))
            return
        answer.vote.CopyFrom(vote)
        answer.vote.signature = signature
        set_time(answer.vote.timestamp, time_ns)

    def _answer_proposal(self, asked: Any, answer: Any) -> None:
        proposal = asked.proposal
        answer.proposal.SetInParent()
        try:
            place = Place(proposal.height, proposal.round, PROPOSAL)
            message = canonical_proposal(proposal, asked.chain_id)
            signature, time_ns = self._sign(place, message, asked.chain_id, proposal.timestamp)
        except SignatureWithheld as withheld:
            self._withhold(answer, str(withheld))
            return
        answer.proposal.CopyFrom(proposal)
        answer.proposal.signature = signature
        set_time(answer.proposal.timestamp, time_ns)

    def _sign(self, place: Place, message: Any, chain_id: str, timestamp: Any) -> tuple[bytes, int]:
        """A signature and the time under it; both those of before if this was signed already."""
        last = self._file.last
        if chain_id != last.chain_id:
            raise SignatureWithheld("another chain")
        content, time_ns = content_of(message), time_ns_of(timestamp)
        if not 0 <= time_ns < TIME_NS_END:
            raise SignatureWithheld("there is no such time")
        if last.signed_before(place, content):
            return last.signature, last.time_ns
        if not self._may_sign(place.height):
            raise SignatureWithheld("this node only observes")
        signature = self._key.sign(sign_bytes(message, time_ns))
        self._file.write(last.with_signature(place, content, time_ns, signature))
        return signature, time_ns

    def _withhold(self, answer: Any, reason: str) -> None:
        self.withheld += 1
        structlog.get_logger("signer").warning("signature_withheld", reason=reason)
        answer.error.code = ERROR_CODE
        answer.error.description = reason


class Answering(Protocol):
    """`Signer`, or who chooses among several."""

    def answer(self, raw: bytes) -> bytes:
        """See `Signer.answer`."""


class SignerLink:
    """Keeps a connection to CometBFT's socket, and answers there.

    `on_fatal` is told why nothing can be signed any more.
    """

    def __init__(self, path: Path, signer: Answering, on_fatal: Callable[[str], None]) -> None:
        self._path = path
        self._on_fatal = on_fatal
        self._task: asyncio.Task[None] | None = None
        self._answering = asyncio.Lock()
        self._answer_begun: asyncio.Future[bytes] | None = None
        self.signer = signer

    def start(self) -> None:
        """Dial until CometBFT listens, and again whenever the connection ends."""
        self._task = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """Sign no more; return once what was being signed is on disk."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._answer_begun is not None:
            await asyncio.wait([self._answer_begun])

    async def replace(self, signer: Answering) -> None:
        """Sign with another key from the next request on."""
        async with self._answering:
            self.signer = signer

    async def _run(self) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(self._path)
            except OSError:
                await asyncio.sleep(DIALED_AGAIN_SECONDS)
                continue
            try:
                await self._serve(reader, writer)
            except ConnectionError:
                pass  # CometBFT died, or gave this connection up
            except OSError as error:
                self._on_fatal(f"what was signed can't be written down: {error.strerror}")
                return
            except InvariantBroken as broken:
                self._on_fatal(broken.reason)
                return
            finally:
                writer.close()
            await asyncio.sleep(DIALED_AGAIN_SECONDS)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = FrameReader(MESSAGE_BYTES_MAX)
        while data := await reader.read(MESSAGE_BYTES_MAX):
            for raw in frames.feed(data):
                # Not cut off: a signature that is being written down is either there or not.
                self._answer_begun = asyncio.ensure_future(self._answer(raw))
                writer.write(frame(await asyncio.shield(self._answer_begun)))
                await writer.drain()

    async def _answer(self, raw: bytes) -> bytes:
        async with self._answering:
            return await asyncio.to_thread(self.signer.answer, raw)
