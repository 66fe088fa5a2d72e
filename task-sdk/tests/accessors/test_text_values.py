"""Values as text: bytes leave the process, and a large value is held no more often than it must be."""

import tracemalloc
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from statekeep._shared.state import messages as m
from statekeep.accessors.text_values import encoded, held, size_and_digest, text_of
from statekeep.backends import ObjectStoreBackend

from .test_offloaded_state import House, house

__all__ = ["house"]

VALUE_BYTES = 16_000_000


@pytest.mark.parametrize("text", ["", '"é"', '"' + "€" * 3_000_000 + '"', '"' + "a" * (1 << 20) + 'é"'])
def test_size_and_digest_are_those_of_the_bytes(text: str) -> None:
    assert size_and_digest(text) == (len(text.encode()), sha256(text.encode()).digest())


def test_what_has_no_bytes_has_no_digest() -> None:
    with pytest.raises(UnicodeEncodeError):
        size_and_digest('"\ud800"')


def test_a_message_that_holds_text_leaves_as_bytes() -> None:
    request = m.Set("k", held('"é"'))
    assert encoded(request) == m.Set("k", '"é"'.encode())
    assert encoded(encoded(request)) == encoded(request)
    assert text_of(request.value) == text_of(encoded(request).value) == '"é"'


def peak_of(operation: Callable[[], object]) -> float:
    """How often the value's size an operation takes at its peak, in addition to what there was."""
    tracemalloc.start()
    try:
        operation()
        return tracemalloc.get_traced_memory()[1] / VALUE_BYTES
    finally:
        tracemalloc.stop()


def test_a_large_value_is_held_once_to_write_it_and_twice_to_read_it(house: House, tmp_path: Path) -> None:
    """A write adds its JSON text; a read has that text, and the value that it returns."""
    (tmp_path / "large").mkdir()
    state = house.start(
        ObjectStoreBackend((tmp_path / "large").as_uri(), compression_level=None)
    ).context.task_state
    value = "x" * VALUE_BYTES
    state.set("k", "y" * 100_000)  # what is loaded once
    state.get("k")
    assert peak_of(lambda: state.set("k", value)) < 1.5
    assert peak_of(lambda: state.get("k")) < 2.5
