"""The event loop: descriptors, deadlines, other threads, signals."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from functools import partial

import pytest
from statekeep.supervisor.loop import READ, Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def test_deadlines_are_called_in_the_order_of_their_instants_and_cancelled_ones_are_not(loop: Loop) -> None:
    called: list[str] = []
    loop.call_after(0.002, lambda: called.append("late"))
    loop.call_after(0.001, lambda: called.append("cancelled")).cancel()
    loop.call_after(0.0, lambda: called.append("early"))
    loop.run_until(lambda: len(called) == 2)
    assert called == ["early", "late"]


def test_calls_from_threads_are_made_in_order_in_the_loops_thread(loop: Loop) -> None:
    called: list[tuple[int, int]] = []

    def note(number: int) -> None:
        called.append((number, threading.get_ident()))

    def submit() -> None:
        for number in range(1000):
            loop.call_from_thread(partial(note, number))

    thread = threading.Thread(target=submit)
    thread.start()
    loop.run_until(lambda: len(called) == 1000)
    thread.join()
    assert called == [(number, threading.get_ident()) for number in range(1000)]


def test_a_call_that_is_made_by_a_call_is_not_forgotten(loop: Loop) -> None:
    called: list[str] = []
    loop.call_from_thread(lambda: loop.call_from_thread(lambda: called.append("inner")))
    loop.run_until(lambda: bool(called))


def test_a_descriptor_is_watched_until_it_is_not(loop: Loop) -> None:
    reading, writing = os.pipe()
    seen: list[bytes] = []
    loop.watch(reading, READ, lambda _events: seen.append(os.read(reading, 10)))
    os.write(writing, b"a")
    loop.run_until(lambda: bool(seen))
    loop.unwatch(reading)
    os.write(writing, b"b")
    loop.pause(0.0, unless=lambda: False)
    assert seen == [b"a"]
    os.close(reading)
    os.close(writing)


def test_signals_arrive_in_the_loop_and_their_handlers_come_back(loop: Loop) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    seen: list[int] = []
    with loop.signals([signal.SIGUSR1], seen.append):
        os.kill(os.getpid(), signal.SIGUSR1)
        loop.run_until(lambda: bool(seen))
    assert seen == [signal.SIGUSR1]
    assert signal.getsignal(signal.SIGUSR1) == before


def test_a_pause_ends_early_when_it_may(loop: Loop) -> None:
    called: list[str] = []
    loop.call_after(0.0, lambda: called.append("now"))
    loop.pause(3600, unless=lambda: bool(called))
