"""What a new node asks the members' public addresses before it has a state: how far they are, which
snapshots they offer, what proves the epochs, and single headers.

All of it is public and comes without a name, so nothing is believed that `ProvedEpochs` does not
prove. Whose answer is false is asked nothing more; who does not answer, or is behind, is passed
over. An answer is bounded before it is read. No redirect is followed, and no proxy is taken from
the environment.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self, TypeVar

import aiohttp
import structlog

from consensus.cometbft.certified import CERTIFIED_BYTES_MAX, CertifiedHeader
from consensus.cometbft.light import SignedHeader
from node.engines.cometbft.epoch_proofs import PROOFS_BYTES_MAX, EpochProof, read_proofs
from primitives.errors import Refused

ANSWER_SECONDS_MAX = 10.0
SMALL_BYTES_MAX = 65_536
SNAPSHOTS_MAX = 16
"""So many one member may offer; it keeps two."""
_MSGPACK = "application/msgpack"
_HEIGHT_MAX = 2**53

T = TypeVar("T")


class NoAnswer(Exception):
    """Nobody who is not a liar gives what was asked for now."""


class MembersAsked:
    """See the module's docstring. `urls`: by short name; `add` makes later ones known."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = dict(urls)
        self._liars: set[str] = set()
        self._order: list[str] = sorted(urls)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS_MAX),
            auto_decompress=False,
            headers={"Accept-Encoding": "identity"},
        )
        self._log = structlog.get_logger("state_sync")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    def add(self, urls: Mapping[str, str]) -> None:
        """Members that were voted in later, or are reached elsewhere now."""
        self._urls.update(urls)
        self._order += [name for name in sorted(urls) if name not in self._order]

    @property
    def names(self) -> list[str]:
        """Short names of those that may be asked: who answered last first, who did not last."""
        return [name for name in self._order if name not in self._liars]

    def _move(self, name: str, place: int) -> None:
        self._order.remove(name)
        self._order.insert(place, name)

    def set_aside(self, name: str, refusal: Refused) -> None:
        """What it said is false: ask it nothing more."""
        if name not in self._liars:
            self._liars.add(name)
            self._log.error("peer_set_aside", peer=name, reason=str(refusal))

    # -- questions ------------------------------------------------------------------------------

    async def heights(self) -> dict[str, int]:
        """How far each says that it is."""
        return await self._of_all(self._height)

    async def snapshots(self) -> dict[str, list[int]]:
        """The heights of the snapshots that each offers."""
        return await self._of_all(self._snapshots)

    async def epochs(self, name: str, first: int) -> tuple[EpochProof, ...]:
        """What this one shows of the epochs from `first` on. Raises `NoAnswer`, and `Refused` for
        what can't be read."""
        path = f"/v1/cometbft/epochs?from={first}"
        return read_proofs(await self._get(name, path, PROOFS_BYTES_MAX))

    async def header(self, name: str, height: int | None) -> SignedHeader:
        """A header with its own commit; None: the newest. Raises as `epochs`."""
        word = "latest" if height is None else str(height)
        raw = await self._get(name, f"/v1/headers/{word}", CERTIFIED_BYTES_MAX, accept=_MSGPACK)
        found = CertifiedHeader.decode(raw)
        if height is not None and found.header.height != height:
            raise Refused("node_answer_malformed", f"another height than {height}")
        if found.between:
            raise NoAnswer  # its own commit lacks signatures that our equation takes
        return SignedHeader(found.header, found.commit)

    async def first_true(self, ask: Callable[[str], Awaitable[T]]) -> T:
        """What the first gives whose answer `ask` does not refuse. Raises `NoAnswer`; and what is
        no lie though it is refused: `rule_version_unknown`."""
        for name in self.names:
            try:
                found = await ask(name)
            except NoAnswer:
                self._move(name, len(self._order))
                continue
            except Refused as refusal:
                if refusal.code == "rule_version_unknown":
                    raise
                self.set_aside(name, refusal)
                continue
            self._move(name, 0)
            return found
        raise NoAnswer

    # -- one of them ----------------------------------------------------------------------------

    async def _height(self, name: str) -> int:
        return _number(_object(await self._get(name, "/v1/status", SMALL_BYTES_MAX)).get("height"))

    async def _snapshots(self, name: str) -> list[int]:
        content = _object(await self._get(name, "/v1/cometbft/snapshots", SMALL_BYTES_MAX))
        heights = content.get("heights")
        if not isinstance(heights, list) or len(heights) > SNAPSHOTS_MAX:
            raise Refused("node_answer_malformed", field="heights")
        return [_number(each) for each in heights]

    async def _of_all(self, ask: Callable[[str], Awaitable[T]]) -> dict[str, T]:
        """What each says who answers; a word alone makes nobody a liar."""
        names = self.names
        found = await asyncio.gather(*map(ask, names), return_exceptions=True)
        answers: dict[str, T] = {}
        for name, answer in zip(names, found, strict=True):
            if isinstance(answer, NoAnswer | Refused):
                continue
            if isinstance(answer, BaseException):
                raise answer
            answers[name] = answer
        return answers

    async def _get(self, name: str, path: str, bytes_max: int, accept: str = "*/*") -> bytes:
        url = self._urls[name] + path
        try:
            async with self._session.get(
                url, headers={"Accept": accept}, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    raise NoAnswer
                raw = await answer.content.read(bytes_max + 1)
                while len(raw) <= bytes_max and (more := await answer.content.read(bytes_max)):
                    raw += more
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise NoAnswer from error
        if len(raw) > bytes_max:
            raise Refused("node_answer_malformed", f"more than {bytes_max} bytes")
        return raw


def _object(raw: bytes) -> dict[str, object]:
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Refused("node_answer_malformed", "no object")
    return content


def _number(content: object) -> int:
    if type(content) is not int or not 0 <= content <= _HEIGHT_MAX:
        raise Refused("node_answer_malformed", "no height")
    return content
