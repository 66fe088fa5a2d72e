"""Zstandard is asked for by level, and its absence is explained."""

from __future__ import annotations

import sys

import pytest
from statekeep.backends import ObjectStoreBackend
from statekeep.backends.object_store import compression
from statekeep.backends.object_store.compression import check_level
from statekeep.errors import InvalidRequestError, StoreUnusableError


@pytest.mark.parametrize("level", [None, -5, 0, 1, 3, 22])
def test_a_level_of_the_library_is_taken(level: int | None) -> None:
    check_level(level)


@pytest.mark.parametrize("level", [23, "3", 3.0, True])
def test_any_other_level_is_refused(level: object) -> None:
    with pytest.raises(InvalidRequestError, match="compression_level is out of range"):
        check_level(level)  # type: ignore[arg-type]


def test_without_the_library_the_error_names_the_extra_and_the_way_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, compression._MODULE, None)
    with pytest.raises(StoreUnusableError, match=r"statekeep\[objectstore\]") as caught:
        ObjectStoreBackend("file:///srv")
    assert "set compression_level to 0 (in Python, None)" in str(caught.value)
    ObjectStoreBackend("file:///srv", compression_level=None)
