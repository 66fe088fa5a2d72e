"""A worker that hangs is noticed, and a parent that was away itself accuses nobody."""

from __future__ import annotations

import asyncio
import os

import pytest
from statekeep_core.server.pulse import READY, Pulse, Watch

SILENCE = 60.0


def test_who_was_never_heard_is_not_watched() -> None:
    watch = Watch(SILENCE, 0.0)
    assert [watch.silent(now) for now in range(15, 600, 15)] == [[]] * 39


def test_who_falls_silent_is_named_once_and_others_are_not() -> None:
    watch = Watch(SILENCE, 0.0)
    for number in (1, 2):
        watch.heard(number)
    named = {}
    for now in range(1, 200):
        if now < 100:
            watch.heard(1)
        if found := watch.silent(float(now)):
            named[now] = found
    assert named == {61: [2], 159: [1]}


def test_who_is_gone_is_not_named() -> None:
    watch = Watch(SILENCE, 0.0)
    watch.heard(1)
    watch.leave(1)
    assert [watch.silent(now) for now in range(15, 150, 15)] == [[]] * 9


def test_a_parent_that_was_stopped_accuses_nobody_on_waking() -> None:
    watch = Watch(SILENCE, 0.0)
    watch.heard(1)
    assert watch.silent(10.0) == []
    for wakes_at in (10_000.0, 20_000.0):  # and workers of a machine that was suspended have said nothing yet
        assert watch.silent(wakes_at) == []
    assert watch.silent(20_015.0) == []
    assert watch.silent(20_030.0) == [1]


def test_with_no_limit_nobody_is_named() -> None:
    watch = Watch(0.0, 0.0)
    watch.heard(1)
    assert watch.silent(1e9) == []
    assert watch.longest_wait_seconds == float("inf")


def test_a_worker_beats_while_its_loop_runs() -> None:
    heard, beats = os.pipe()

    async def until_it_has_beaten() -> None:
        loop, has_beaten, read = asyncio.get_running_loop(), asyncio.Event(), list[bytes]()

        def note() -> None:
            read.append(os.read(heard, 1))
            if len(read) == 3:
                has_beaten.set()

        loop.add_reader(heard, note)
        with Pulse(beats, 0.001).beating():
            await has_beaten.wait()
        loop.remove_reader(heard)

    asyncio.run(asyncio.wait_for(until_it_has_beaten(), 60))
    os.close(beats)
    os.close(heard)


def test_a_worker_that_nobody_listens_to_goes_on() -> None:
    heard, says = os.pipe()
    pulse = Pulse(says, SILENCE)
    for _ in range(70_000):  # more than a pipe holds
        pulse.ready()
    assert os.read(heard, 1) == READY
    os.close(heard)
    pulse.ready()
    os.close(says)


def test_a_worker_without_a_limit_does_not_beat() -> None:
    heard, says = os.pipe()
    os.set_blocking(heard, False)

    async def running() -> None:
        with Pulse(says, 0.0).beating():
            await asyncio.sleep(0)

    asyncio.run(running())
    with pytest.raises(BlockingIOError):
        os.read(heard, 1)
    os.close(says)
    os.close(heard)
