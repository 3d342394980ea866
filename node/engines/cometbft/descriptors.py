"""CometBFT's messages, from the descriptors in `abci.pb`. Nothing generated is imported.

`scripts/abci-descriptors` makes that file from CometBFT's own source; licence and notice stand
beside it. The descriptors are in a pool of their own, so no other package's can meet them.
"""

import functools
import threading
from importlib.resources import files
from typing import Any

from google.protobuf import duration_pb2, timestamp_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from node.engines.cometbft.messages import NANOSECONDS_PER_SECOND
from primitives.errors import InvariantBroken

DESCRIPTOR_FILE = "abci.pb"


_MAKING = threading.RLock()
"""Threads that ask for their first message together must get classes of one pool: what is of one
can't be put into what is of another."""

_classes: dict[str, Any] = {}


@functools.cache
def _pool() -> Any:
    pool = DescriptorPool()
    for known in (timestamp_pb2, duration_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    listed = FileDescriptorSet.FromString(files(__package__).joinpath(DESCRIPTOR_FILE).read_bytes())
    for file in listed.file:
        pool.Add(file)
    return pool


def message_class(name: str) -> Any:
    """The class of a message, by its name below `tendermint.`, such as `abci.Request`: the same one
    for every thread."""
    found = _classes.get(name)
    if found is None:
        with _MAKING:
            found = _classes.get(name)
            if found is None:
                found = GetMessageClass(_pool().FindMessageTypeByName(f"tendermint.{name}"))
                _classes[name] = found
    return found


def parse(name: str, raw: bytes) -> Any:
    """A message from its bytes. Raises `InvariantBroken`: who sends it is on this machine."""
    try:
        return message_class(name).FromString(raw)
    except DecodeError:
        raise InvariantBroken(f"this is no {name} on a local socket") from None


def canonical(message: Any) -> bytes:
    """A message's bytes with the fields in order, as CometBFT writes them."""
    raw = message.SerializeToString(deterministic=True)
    return bytes(raw)


def time_ns_of(timestamp: Any) -> int:
    """Nanoseconds since 1970; before it, less than 0."""
    return int(timestamp.seconds) * NANOSECONDS_PER_SECOND + int(timestamp.nanos)


def set_time(timestamp: Any, time_ns: int) -> None:
    """Write nanoseconds since 1970 into a timestamp, which is present even if it is 0."""
    timestamp.SetInParent()
    timestamp.seconds, timestamp.nanos = divmod(time_ns, NANOSECONDS_PER_SECOND)
