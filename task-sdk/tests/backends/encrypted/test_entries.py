"""Entries under the user's key are ciphertext of that very entry."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from backends.master_keys import keys
from statekeep import TaskScope
from statekeep.backends import EncryptedBackend, NotEncryptedError
from statekeep.backends.testing import MemoryStateBackend
from statekeep.errors import ReferenceCorruptError, StoreUnusableError

TASK = TaskScope("sales", "2026-01-01", "load")


@pytest.fixture
def wrapped() -> MemoryStateBackend:
    return MemoryStateBackend()


@pytest.fixture
def backend(wrapped: MemoryStateBackend) -> EncryptedBackend:
    return EncryptedBackend(wrapped, keys())


def test_the_wrapped_backend_gets_no_plaintext_through_either_half(
    wrapped: MemoryStateBackend, backend: EncryptedBackend
) -> None:
    backend.set(TASK, "a", '"hunter2"')
    asyncio.run(backend.aset(TASK, "b", '"hunter2"'))
    assert "hunter2" not in str(wrapped.medium)
    texts = [wrapped.get(TASK, key) or "" for key in ("a", "b")]
    assert all(text.startswith('"statekeep-encrypted-1:k1:') for text in texts)


def test_an_entry_that_was_moved_is_refused_through_either_half(
    wrapped: MemoryStateBackend, backend: EncryptedBackend
) -> None:
    backend.set(TASK, "a", "1")
    other = replace(TASK, map_index=0)
    for scope, key in ((TASK, "b"), (other, "a")):
        wrapped.set(scope, key, wrapped.get(TASK, "a") or "")
        with pytest.raises(ReferenceCorruptError, match="is not what was written"):
            backend.get(scope, key)
        with pytest.raises(ReferenceCorruptError):
            asyncio.run(backend.aget(scope, key))


def test_a_plaintext_entry_is_refused_unless_it_is_allowed(
    wrapped: MemoryStateBackend, backend: EncryptedBackend
) -> None:
    wrapped.set(TASK, "a", '"clear"')
    with pytest.raises(NotEncryptedError) as caught:
        backend.get(TASK, "a")
    assert caught.value.facts["key"] == "a"
    with pytest.raises(NotEncryptedError):
        asyncio.run(backend.aget(TASK, "a"))
    assert EncryptedBackend(wrapped, keys(), allow_plaintext=True).get(TASK, "a") == '"clear"'


def test_an_entry_under_a_key_that_was_removed_names_the_key(wrapped: MemoryStateBackend) -> None:
    EncryptedBackend(wrapped, keys("k0")).set(TASK, "a", "1")
    with pytest.raises(StoreUnusableError, match="no encryption key k0"):
        EncryptedBackend(wrapped, keys("k1")).get(TASK, "a")
