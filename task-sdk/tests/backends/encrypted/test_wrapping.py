"""A large value is encrypted and decrypted in a thread, a small one where it is."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from backends.master_keys import keys
from statekeep import AssetScope, TaskScope
from statekeep.backends import EncryptedBackend
from statekeep.backends.encrypted import wrapping
from statekeep.backends.testing import ImmutableMemoryObjects

TASK = TaskScope("sales", "2026-01-01", "load")
NAME = "k~" + "0" * 26


@pytest.mark.parametrize(("characters", "on_the_loop"), [(100, True), (1_000_000, False)])
def test_large_values_are_worked_on_off_the_loop(
    characters: int, on_the_loop: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    for name in ("seal", "unseal"):
        real = getattr(wrapping, name)

        def noting(*arguments: Any, real: Any = real) -> Any:
            threads.append(threading.get_ident())
            return real(*arguments)

        monkeypatch.setattr(wrapping, name, noting)
    asyncio.run(_through_all_async_methods(EncryptedBackend(ImmutableMemoryObjects("s"), keys()), characters))
    assert len(threads) == 6
    assert {thread == threading.get_ident() for thread in threads} == {on_the_loop}


async def _through_all_async_methods(backend: EncryptedBackend, characters: int) -> None:
    value = "x" * characters
    origin: Any = {"scope": TASK, "storage_key": NAME}
    await backend.aset(TASK, "k", value)
    assert await backend.aget(TASK, "k") == value
    reference = await backend.aserialize_task_state_to_ref(value=value, key=NAME, ti_id=TASK.ti_id, **origin)
    assert await backend.adeserialize_task_state_from_ref(reference, **origin) == value
    origin["scope"] = AssetScope(name="a")
    reference = await backend.aserialize_asset_state_to_ref(value=value, key=NAME, asset_ref="a", **origin)
    assert await backend.adeserialize_asset_state_from_ref(reference, **origin) == value
