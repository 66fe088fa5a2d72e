"""An object is whole or refused, says itself how it was written, and is read in any pieces."""

from __future__ import annotations

import subprocess
import tracemalloc

import pytest
from backends.stored_object import GENERATION, ORDERS, taken_apart, task
from hypothesis import given
from hypothesis import strategies as st
from statekeep import AssetScope, StateScope
from statekeep.backends.object_store.layout import Origin
from statekeep.backends.object_store.object_format import (
    HEADER_LIMIT_BYTES,
    LEAST_COMPRESSED_BYTES,
    NotAnObjectError,
    ObjectReader,
    ValueParts,
    parsed_header,
    utf8_size_bytes,
)
from statekeep.errors import InvalidValueError

ORIGIN = Origin(task(), f"k~{GENERATION}")
LONG = '"' + "some text that can be compressed, é\U0001f600 " * 100 + '"'
LEVELS = pytest.mark.parametrize("level", [None, 1, 3, 19])


def read(data: bytes, piece_bytes: int = 1 << 20, expected: Origin | None = None) -> str:
    reader = ObjectReader()
    for start in range(0, len(data), piece_bytes):
        reader.accept(data[start : start + piece_bytes])
        reader.advance()
    return reader.finish(expected)


def written(value: str, level: int | None = 3, origin: Origin = ORIGIN) -> bytes:
    return b"".join(ValueParts(value, origin, level))


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from([None, 1]), st.integers(1, 400))
def test_a_value_comes_back_however_its_object_is_cut_into_pieces(
    value: str, level: int | None, piece_bytes: int
) -> None:
    for text in (value, value * 300):
        assert read(written(text, level), piece_bytes) == text


@LEVELS
def test_an_object_is_read_whatever_the_configuration_is_by_now(level: int | None) -> None:
    assert read(written(LONG, level)) == LONG


def test_a_value_that_ends_within_a_character_is_refused() -> None:
    whole = written("12é", level=None)
    for damaged in (whole[:-2] + b"3\xc3", whole[:-1] + b"\xff"):
        with pytest.raises(NotAnObjectError, match="UTF-8"):
            read(damaged)


@LEVELS
def test_an_object_that_lost_its_end_is_refused(level: int | None) -> None:
    data = written(LONG, level)
    for length in (0, 5, 40, len(data) - 1000 if level is None else len(data) - 8, len(data) - 1):
        with pytest.raises(NotAnObjectError):
            read(data[:length])


@LEVELS
def test_an_object_with_something_behind_it_is_refused(level: int | None) -> None:
    for piece_bytes in (1, 1 << 20):
        with pytest.raises(NotAnObjectError):
            read(written(LONG, level) + b"tail", piece_bytes)


def test_a_changed_byte_of_a_compressed_value_is_noticed() -> None:
    data = bytearray(written(LONG, 3))
    data[-20] ^= 1
    with pytest.raises(NotAnObjectError):
        read(bytes(data))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "ends within its header"),
        (b'{"plain": "json"}', "does not begin with a header"),
        (b"\x5c\x2a\x4d\x18\xff\xff\xff\xff", "does not begin with a header"),
        (b"\x5c\x2a\x4d\x18\x02\x00\x00\x00{]", "header cannot be read"),
        (written("1").replace(b'"statekeep":1', b'"statekeep":2'), "newer version"),
        (written("1").replace(b'"codec":"none"', b'"codec":"gzip"'), "newer version"),
        (written('"ab"')[:-2] + b'\xff"', "not UTF-8"),
    ],
)
def test_what_is_no_object_is_said_in_words(data: bytes, problem: str) -> None:
    with pytest.raises(NotAnObjectError, match=problem):
        read(data)


def test_another_keys_object_is_refused() -> None:
    other = Origin(task(), f"other~{GENERATION}")
    assert read(written("1"), expected=ORIGIN) == "1"
    with pytest.raises(NotAnObjectError, match="another key's"):
        read(written("1", origin=other), expected=ORIGIN)


@pytest.mark.parametrize(
    "scope",
    [task("\U0001f600" * 250, "\x7f" * 250, "é" * 250, 7), ORDERS, AssetScope(uri="\U0001f600" * 1500)],
    ids=["task", "name", "uri"],
)
def test_a_header_tells_the_longest_origin_within_its_limit(scope: StateScope) -> None:
    origin = Origin(scope, "\U0001f600" * 512 + f"~{GENERATION}")
    found = parsed_header(written("1", origin=origin)[:HEADER_LIMIT_BYTES])
    assert found is not None
    assert found[0].origin == origin


def test_a_small_value_is_not_compressed() -> None:
    for size_bytes, codec in ((LEAST_COMPRESSED_BYTES - 1, "none"), (LEAST_COMPRESSED_BYTES, "zstd")):
        header, value = taken_apart(written("1" * size_bytes))
        assert (header["codec"], header["size_bytes"], len(value)) == (codec, size_bytes, size_bytes)


def test_the_zstd_command_prints_the_value() -> None:
    try:
        ran = subprocess.run(["zstd", "-dc"], input=written(LONG), capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip("there is no zstd command on this machine")
    assert ran.stdout.decode() == LONG


def test_the_first_line_shows_the_header() -> None:
    assert b'"key":"k~' in written(LONG).splitlines()[0]


def test_sizes_are_counted_in_bytes() -> None:
    for value in ("", "abc", "é", "\U0001f600" * 3_000_000):
        assert utf8_size_bytes(value) == len(value.encode())


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidValueError):
        ValueParts("\ud800", ORIGIN, None)


@pytest.mark.parametrize("level", [None, 1])
def test_memory_stays_within_two_times_the_value(level: int | None) -> None:
    value = "0123456789abcdef" * (1 << 20)  # 16 MiB
    size_bytes = len(value)
    tracemalloc.start()
    try:
        parts = ValueParts(value, ORIGIN, level)
        for piece in parts:
            assert len(piece) < 4 << 20
        written_peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        reader = ObjectReader()
        for piece in parts:
            reader.accept(piece)
            reader.advance()
        assert reader.finish() == value
        read_peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert written_peak_bytes < size_bytes / 2  # beside the value itself
    assert read_peak_bytes < 2.5 * size_bytes  # the value once, and its pieces
