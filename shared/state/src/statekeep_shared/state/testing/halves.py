"""Conformance: the blocking and the async half are one backend, in any thread, and never block the loop."""

from __future__ import annotations

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from ..backend import BaseStateBackend
from .loop_watch import BLOCKING_HALVES, LoopWatch
from .second_copy import second_copy
from .suite import TASK, BackendSuite

if TYPE_CHECKING:
    from collections.abc import Coroutine

_THREADS = 8
_WRITES_PER_THREAD = 10
# Long enough that a write in several steps can be seen half done.
_WHOLE_TEXTS = tuple('"' + letter * 20_000 + '"' for letter in "abcdefgh")


class HalvesConformance(BackendSuite):
    def test_the_class_is_a_backend_to_every_vendored_copy(self, backend: Any) -> None:
        assert isinstance(backend, BaseStateBackend), "the class must derive from BaseStateBackend"
        assert issubclass(type(backend), second_copy().BaseStateBackend), "another copy must accept the class"

    @pytest.mark.parametrize("name", BLOCKING_HALVES)
    def test_both_halves_take_the_same_parameters(self, backend: Any, name: str) -> None:
        blocking, twin, contract = (
            list(inspect.signature(getattr(owner, method)).parameters.values())[1:]  # without self
            for owner, method in (
                (type(backend), name),
                (type(backend), f"a{name}"),
                (BaseStateBackend, name),
            )
        )
        assert [_shape(p) for p in blocking] == [_shape(p) for p in twin], (
            f"{name}() and a{name}() drifted apart"
        )
        own = {p.name: _shape(p) for p in blocking}
        missing = [p.name for p in contract if own.get(p.name) != _shape(p)]
        assert not missing, f"{name}() does not take {missing} as the contract does"
        assert inspect.iscoroutinefunction(getattr(type(backend), f"a{name}")), f"a{name}() must be async"

    def test_each_half_reads_what_the_other_wrote(self, backend: Any, runner: asyncio.Runner) -> None:
        backend.set(TASK, "k", "1")
        assert runner.run(backend.aget(TASK, "k")) == "1", "aget() must see what set() wrote"
        runner.run(backend.aset(TASK, "k", "2"))
        assert backend.get(TASK, "k") == "2", "get() must see what aset() wrote"
        assert self.look(backend, TASK, "k") == "2", "the medium must hold what aset() wrote"
        runner.run(backend.adelete(TASK, "k"))
        assert backend.get(TASK, "k") is None, "get() must not see what adelete() removed"

    @pytest.mark.parametrize("name", BLOCKING_HALVES)
    def test_an_async_method_never_blocks_the_loop(
        self, backend: Any, runner: asyncio.Runner, name: str
    ) -> None:
        calls: dict[str, Coroutine[Any, Any, Any]] = {
            "get": backend.aget(TASK, "k"),
            "set": backend.aset(TASK, "k", "1"),
            "delete": backend.adelete(TASK, "k"),
            "clear": backend.aclear(TASK, all_map_indices=True),
        }
        runner.run(backend.aset(TASK, "k", "0"))  # whatever is opened on first use is open now
        watched = calls.pop(name)
        for other in calls.values():
            other.close()
        watch = LoopWatch(backend)
        runner.run(_watched(watched, watch))
        assert not watch.blocking_calls, (
            f"a{name}() blocks the event loop, in {', '.join(dict.fromkeys(watch.blocking_calls))}; "
            "hand the blocking half to a thread, or use async input and output"
        )

    def test_concurrent_coroutines_all_take_effect(self, backend: Any, runner: asyncio.Runner) -> None:
        async def write_all() -> list[str | None]:
            await asyncio.gather(*(backend.aset(TASK, f"k{n}", str(n)) for n in range(20)))
            return list(await asyncio.gather(*(backend.aget(TASK, f"k{n}") for n in range(20))))

        assert runner.run(write_all()) == [str(n) for n in range(20)], "concurrent aset() calls lost a write"

    def test_writes_of_several_threads_all_take_effect(self, backend: Any) -> None:
        def write(thread: int) -> None:
            for n in range(_WRITES_PER_THREAD):
                backend.set(TASK, f"{thread}-{n}", str(n))

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(write, range(_THREADS)))
        lost = [
            f"{thread}-{n}"
            for thread in range(_THREADS)
            for n in range(_WRITES_PER_THREAD)
            if backend.get(TASK, f"{thread}-{n}") != str(n)
        ]
        assert not lost, f"threads that wrote at once lost {len(lost)} writes"

    def test_a_reader_sees_a_whole_value(self, backend: Any) -> None:
        backend.set(TASK, "k", _WHOLE_TEXTS[0])

        all_written = Event()

        def write() -> None:
            for text in _WHOLE_TEXTS * 5:
                backend.set(TASK, "k", text)

        def read() -> set[str | None]:
            seen = {backend.get(TASK, "k")}
            while not all_written.is_set():
                seen.add(backend.get(TASK, "k"))
            return seen

        with ThreadPoolExecutor(4) as pool:
            readers = [pool.submit(read) for _ in range(2)]
            try:
                for writer in [pool.submit(write) for _ in range(2)]:
                    writer.result()
            finally:
                all_written.set()
            seen = {text for reader in readers for text in reader.result()}
        assert seen <= set(_WHOLE_TEXTS), (
            "a reader saw a value that nobody wrote, or none, while it was replaced"
        )


def _shape(parameter: inspect.Parameter) -> tuple[str, object, object]:
    return parameter.name, parameter.kind, parameter.default


async def _watched(coroutine: Coroutine[Any, Any, Any], watch: LoopWatch) -> None:
    with watch:
        await coroutine
