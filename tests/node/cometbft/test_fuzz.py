"""Anything may come out of a local socket: it is a request, or refused as one thing."""

import contextlib
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from node.engines.cometbft.comet_log import LAST_WORDS_MAX, TEXT_MAX, CometLog
from node.engines.cometbft.descriptors import message_class
from node.engines.cometbft.frames import FrameReader, frame
from node.engines.cometbft.requests import Request
from node.engines.cometbft.wire import Echo, Flush, decode_request
from primitives.errors import InvariantBroken
from tests.node.cometbft.signing import new_signer

_KINDS = (*get_args(Request), Echo, Flush)
_FIELDS = message_class("abci.Request").DESCRIPTOR.fields


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(lambda raw: b"\x42" + raw)))
@example(b"\x42\x02\x10\x05")  # a check of type 5
@example(b"\x1a\x03\x0a\x01\xff")  # text that is no UTF-8
def test_bytes_are_a_request_or_refused(raw: bytes) -> None:
    with contextlib.suppress(InvariantBroken):
        assert isinstance(decode_request(raw), _KINDS)


@given(st.sampled_from([field.number for field in _FIELDS]), st.binary(max_size=120))
def test_every_kind_of_request_is_read_or_refused(number: int, content: bytes) -> None:
    key = number << 3 | 2
    prefix = bytes([key]) if key < 0x80 else bytes([key & 0x7F | 0x80, key >> 7])
    with contextlib.suppress(InvariantBroken):
        assert isinstance(decode_request(prefix + frame(content)), _KINDS)


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_a_stream_is_cut_or_refused(pieces: list[bytes]) -> None:
    reader = FrameReader(50)
    with contextlib.suppress(InvariantBroken):
        for piece in pieces:
            assert all(len(found) <= 50 for found in reader.feed(piece))


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_a_log_takes_anything(pieces: list[bytes]) -> None:
    log = CometLog(lambda: 0.0)
    for piece in pieces:
        log.feed(piece)
    assert len(log.last_words) <= LAST_WORDS_MAX * (TEXT_MAX + 3)


@given(raws=st.lists(st.binary(max_size=120), max_size=5))
def test_a_signer_answers_or_refuses(
    tmp_path_factory: pytest.TempPathFactory, raws: list[Any]
) -> None:
    signer = new_signer(tmp_path_factory.mktemp("signer") / "signed")
    for raw in raws:
        with contextlib.suppress(InvariantBroken):
            assert message_class("privval.Message").FromString(signer.answer(raw))
