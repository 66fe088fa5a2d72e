"""Broken backends: the two halves, threads, and long sequences. Each has one fault."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from statekeep_shared.state.testing import MemoryStateBackend

from shared.state.tests.testing.shelf import caught_by

if TYPE_CHECKING:
    from statekeep_shared.state import StateScope
    from statekeep_shared.state.testing.memory import Address


@caught_by("test_both_halves_take_the_same_parameters")
class LacksAParameterInOneHalf(MemoryStateBackend):
    async def aclear(self, scope: StateScope, **options: Any) -> None:
        await super().aclear(scope, **options)


@caught_by("test_both_halves_take_the_same_parameters")
class RenamesAParameterInBothHalves(MemoryStateBackend):
    def get(self, scope: StateScope, name: str) -> str | None:
        return super().get(scope, name)

    async def aget(self, scope: StateScope, name: str) -> str | None:
        return await super().aget(scope, name)


@caught_by("test_each_half_reads_what_the_other_wrote")
class KeepsAsyncWritesElsewhere(MemoryStateBackend):
    def __init__(self) -> None:
        super().__init__()
        self.other = MemoryStateBackend()

    async def aset(self, scope: StateScope, key: str, value: str) -> None:
        await self.other.aset(scope, key, value)

    async def aget(self, scope: StateScope, key: str) -> str | None:
        return await self.other.aget(scope, key)


@caught_by("test_a_deleted_key_is_absent_and_gone_from_the_medium")
class ForgetsTheAsyncDelete(MemoryStateBackend):
    async def adelete(self, scope: StateScope, key: str) -> None:
        """Do nothing, as a stub that was never filled in."""


@caught_by("test_an_async_method_never_blocks_the_loop")
class RunsTheBlockingHalfOnTheLoop(MemoryStateBackend):
    async def aget(self, scope: StateScope, key: str) -> str | None:
        return self.get(scope, key)


@caught_by("test_an_async_method_never_blocks_the_loop")
class ReadsAFileOnTheLoop(MemoryStateBackend):
    async def aset(self, scope: StateScope, key: str, value: str) -> None:
        Path(__file__).read_bytes()  # noqa: ASYNC240 -- the fault
        await super().aset(scope, key, value)


@caught_by("test_an_async_method_never_blocks_the_loop")
class WaitsOnTheLoop(MemoryStateBackend):
    async def aclear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        time.sleep(0)  # noqa: ASYNC251 -- the fault
        await super().aclear(scope, all_map_indices=all_map_indices)


@caught_by("test_concurrent_coroutines_all_take_effect")
class LosesWritesOfConcurrentCoroutines(MemoryStateBackend):
    async def aset(self, scope: StateScope, key: str, value: str) -> None:
        entries = dict(self.medium.get(self.address_of(scope), {}))
        await asyncio.sleep(0)
        self.medium[self.address_of(scope)] = {**entries, key: value}


@caught_by("test_writes_of_several_threads_all_take_effect")
class LosesWritesOfSeveralThreads(MemoryStateBackend):
    def set(self, scope: StateScope, key: str, value: str) -> None:
        entries = dict(self.medium.get(self.address_of(scope), {}))
        time.sleep(0.0001)  # lets another thread in between
        self.medium[self.address_of(scope)] = {**entries, key: value}


@caught_by("test_a_reader_sees_a_whole_value")
class ReplacesInTwoSteps(MemoryStateBackend):
    def set(self, scope: StateScope, key: str, value: str) -> None:
        self.delete(scope, key)
        time.sleep(0.0001)  # lets another thread in between
        super().set(scope, key, value)


@caught_by("test_a_reader_sees_a_whole_value")
class WritesInTwoSteps(MemoryStateBackend):
    def set(self, scope: StateScope, key: str, value: str) -> None:
        super().set(scope, key, value[: len(value) // 2])
        time.sleep(0.0001)  # lets another thread in between
        super().set(scope, key, value)


@caught_by("test_any_sequence_of_operations_leaves_what_a_dictionary_would_hold")
class LosesEveryThirdWriteToAKey(MemoryStateBackend):
    def __init__(self) -> None:
        super().__init__()
        self.writes: Counter[tuple[Address, str]] = Counter()

    def set(self, scope: StateScope, key: str, value: str) -> None:
        self.writes[self.address_of(scope), key] += 1
        if self.writes[self.address_of(scope), key] % 3:
            super().set(scope, key, value)
