"""Frames: what is encoded is decoded, however the stream is cut, and what is no frame is refused."""

import itertools
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statekeep._shared.state.errors import InvalidRequestError, UnavailableError, ValueTooLargeError
from statekeep.channel.errors import FrameTooLargeError, TruncatedFrameError
from statekeep.channel.frames import MAX_FRAME_BYTES, Frame, FrameDecoder, encode_frame

leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.binary(max_size=40)
fields = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8).filter(lambda name: name != "bytes"), inner, max_size=4)
    ),
    max_leaves=12,
)
names = st.text(max_size=12).filter(lambda name: name not in ("request_id", "traceparent"))
frames = st.builds(
    Frame,
    st.integers(min_value=0, max_value=2**64 - 1),
    st.dictionaries(names, fields, max_size=6),
    st.none() | st.text(alphabet="0123456789abcdef", min_size=32, max_size=32),
    st.text(alphabet="0123456789abcdef-", max_size=55),
)


def decoded(decoder: FrameDecoder) -> list[Frame]:
    found = []
    while (frame := decoder.take()) is not None:
        found.append(frame)
    return found


def raw_frame(header: bytes, payloads: bytes = b"", *, header_bytes: int | None = None) -> bytes:
    header_bytes = len(header) if header_bytes is None else header_bytes
    return struct.pack(">IQI", 12 + len(header) + len(payloads), 1, header_bytes) + header + payloads


@given(
    frames=st.lists(frames, max_size=4), cuts=st.lists(st.integers(min_value=0, max_value=2000), max_size=12)
)
def test_frames_come_back_as_they_were_however_the_stream_is_cut(
    frames: list[Frame], cuts: list[int]
) -> None:
    stream = b"".join(encode_frame(*frame) for frame in frames)
    places = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    decoder = FrameDecoder()
    found = []
    for start, end in itertools.pairwise(places):
        decoder.feed(stream[start:end])
        found += decoded(decoder)
    decoder.end()
    assert found == frames


@given(frame=frames)
def test_a_stream_that_ends_inside_a_frame_is_truncated_at_every_place(frame: Frame) -> None:
    stream = encode_frame(*frame)
    for length in range(1, len(stream)):
        decoder = FrameDecoder()
        decoder.feed(stream[:length])
        assert decoder.take() is None
        with pytest.raises(TruncatedFrameError, match=f"after {length:,} bytes"):
            decoder.end()


@given(frame=frames)
def test_missing_bytes_never_exceeds_what_the_frame_still_lacks(frame: Frame) -> None:
    stream = encode_frame(*frame)
    for length in range(len(stream)):
        decoder = FrameDecoder()
        decoder.feed(stream[:length])
        assert 1 <= decoder.missing_bytes <= len(stream) - length
        if length >= 16:
            assert decoder.missing_bytes == len(stream) - length


def test_a_stream_that_ends_between_frames_is_whole() -> None:
    decoder = FrameDecoder()
    decoder.end()
    decoder.feed(encode_frame(1, {"kind": "Done"}))
    decoder.take()
    decoder.end()


def test_values_cross_without_being_escaped() -> None:
    value = '"ü\\'.encode()
    assert value in encode_frame(1, {"kind": "Set", "key": "k", "value": value})


def test_the_layout_is_the_one_that_other_languages_rely_on() -> None:
    stream = encode_frame(258, {"kind": "Set", "key": "é", "value": b"12"}, "ab")
    header = b'{"kind":"Set","key":"\\u00e9","value":{"bytes":2},"request_id":"ab"}'
    assert stream == (
        (12 + len(header) + 2).to_bytes(4, "big")
        + (258).to_bytes(8, "big")
        + len(header).to_bytes(4, "big")
        + header
        + b"12"
    )


def test_a_frame_over_the_limit_is_refused_before_it_is_made() -> None:
    message = {"kind": "Set", "key": "k", "value": bytes(100)}
    size_bytes = len(encode_frame(1, message)) - 4
    encode_frame(1, message, limit_bytes=size_bytes)
    with pytest.raises(FrameTooLargeError, match=rf"Set message is {size_bytes} bytes .* {size_bytes - 1}"):
        encode_frame(1, message, limit_bytes=size_bytes - 1)


def test_the_limit_is_64_mib_unless_told_otherwise() -> None:
    with pytest.raises(FrameTooLargeError, match="67,108,864"):
        encode_frame(1, {"kind": "Set", "value": bytes(MAX_FRAME_BYTES)})


def test_a_frame_that_announces_too_much_is_refused_before_it_arrives() -> None:
    decoder = FrameDecoder(limit_bytes=1000)
    decoder.feed(struct.pack(">IQI", 1001, 1, 2))
    with pytest.raises(FrameTooLargeError, match=r"1,001 bytes .* limit of 1,000"):
        decoder.take()


def test_the_channels_errors_are_cases_of_the_contracts() -> None:
    assert issubclass(FrameTooLargeError, ValueTooLargeError)
    assert issubclass(TruncatedFrameError, UnavailableError)


def test_a_dict_that_looks_like_the_mark_of_bytes_stays_what_it_is() -> None:
    facts = {"bytes": 3, "nested": [{"bytes": b"xyz"}, {"bytes": {"value": 1}}]}
    for message in ({"kind": "Refusal", "facts": facts}, {"facts": {"bytes": 3}}, {"bytes": 5}):
        decoder = FrameDecoder()
        decoder.feed(encode_frame(1, message))
        assert decoder.take() == Frame(1, message)


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        (raw_frame(b"{"), "not JSON"),
        (raw_frame('{"k":"é"}'.encode()), "not JSON in ASCII"),
        (raw_frame(b"[1]"), "not a JSON object"),
        (raw_frame(b"{}", header_bytes=3), "longer than the frame"),
        (raw_frame(b"{}", b"x"), "does not announce"),
        (raw_frame(b'{"v":{"bytes":2}}', b"x"), "does not hold"),
        (raw_frame(b'{"v":{"bytes":-1}}'), "does not hold"),
        (raw_frame(b'{"v":{"bytes":true}}', b"x"), "does not hold"),
        (raw_frame(b'{"v":{"bytes":"1"}}', b"x"), "does not hold"),
        (raw_frame(b'{"v":' + b"[" * 600 + b"]" * 600 + b"}"), "nested too deeply"),
        (raw_frame(b'{"v":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "nested too deeply"),
    ],
)
def test_what_is_no_frame_is_refused(stream: bytes, problem: str) -> None:
    decoder = FrameDecoder()
    decoder.feed(stream)
    with pytest.raises(InvalidRequestError, match=problem):
        decoder.take()


def test_a_refused_value_is_not_shown() -> None:
    with pytest.raises(FrameTooLargeError) as raised:
        encode_frame(1, {"kind": "Set", "value": b"secret" * 10}, limit_bytes=20)
    assert "secret" not in str(raised.value) + json.dumps(raised.value.facts)


def test_a_request_id_is_left_to_its_reader_to_check() -> None:
    decoder = FrameDecoder()
    decoder.feed(raw_frame(b'{"request_id":[1]}') + raw_frame(b"{}"))
    assert [decoder.take(), decoder.take()] == [Frame(1, {}, [1]), Frame(1, {})]
