"""A lease that runs out, and a wall clock that jumps: real supervisors, suspended and misled."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.checker import judge
from tests.crash.job import Work
from tests.crash.ledger import Acknowledged, Refused, Seen
from tests.crash.observer import lease_until
from tests.crash.workplace import PATIENCE_SECONDS, Workplace, wait_until

pytestmark = pytest.mark.slow

SHORT_LEASE = {"STATEKEEP__WORKERS__LEASE_SECONDS": "1"}
WAITING = ("--wait", str(PATIENCE_SECONDS))
WRITES_PER_PIECE = 6
TEN_YEARS_SECONDS = 10 * 365 * 86_400


class Suspended:
    """A run that has done the first of its two pieces, and whose supervisor is stopped."""

    def __init__(self, place: Workplace, **environ: str) -> None:
        self.place = place
        self.gate = place.make_gate()
        self.run = place.start_run(place.job(Work(2, gate=str(self.gate))), **SHORT_LEASE, **environ)
        wait_until(lambda: len(place.records(Acknowledged)) == WRITES_PER_PIECE)
        self.run.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.run.send_signal(signal.SIGCONT)

    def ended(self) -> int:
        return self.run.wait(PATIENCE_SECONDS)


@pytest.fixture
def suspended(workplace: Workplace) -> Iterator[Suspended]:
    run = Suspended(workplace)
    yield run
    run.go_on()
    run.run.kill()
    run.run.wait()


def test_a_suspended_supervisor_loses_its_try_and_is_stopped(suspended: Suspended) -> None:
    place = suspended.place
    # The suspended process still holds the lock; its lease decides.
    assert place.start_run(place.job(), *WAITING, **SHORT_LEASE).wait(PATIENCE_SECONDS) == 0
    suspended.go_on()
    assert suspended.ended() == 77
    assert "try 1 of crash/2026/job was superseded by try 2" in place.said()
    snapshot = place.snapshot()
    assert snapshot.statuses == {1: "superseded", 2: "succeeded"}
    assert snapshot.asset["rows"] == 2  # of try 2; the row that try 1 had staged is gone
    assert judge(place.ledger.read()) == []
    assert place.left_behind() == []


def test_a_task_that_goes_on_after_its_try_is_lost_is_told_so(workplace: Workplace) -> None:
    suspended = Suspended(workplace, STATEKEEP__WORKERS__ON_LEASE_LOST="continue")
    assert workplace.start_run(workplace.job(), *WAITING).wait(PATIENCE_SECONDS) == 0
    suspended.gate.write_bytes(b"")  # its next write waits for the supervisor
    suspended.go_on()
    assert suspended.ended() == 77
    assert workplace.records(Refused) == [Refused(1, "SupersededError")]
    workplace.snapshot()
    assert judge(workplace.ledger.read()) == []


def test_a_lease_that_ran_out_ends_nothing_while_nobody_takes_over(suspended: Suspended) -> None:
    place = suspended.place
    until = lease_until(place.store_path, 1)
    wait_until(lambda: _boot_us() > until)
    suspended.go_on()
    suspended.gate.write_bytes(b"")
    assert suspended.ended() == 0
    assert place.snapshot().statuses == {1: "succeeded"}
    assert judge(place.ledger.read()) == []


def test_a_try_that_took_over_a_lapsed_lease_is_not_taken_over_in_turn(suspended: Suspended) -> None:
    """Its supervisor could not have the lock, which the suspended one still held, and then let go of."""
    place = suspended.place
    gate = place.make_gate("second gate")
    second = place.start_run(place.job(Work(1, gate=str(gate))), *WAITING)
    wait_until(lambda: len(place.records(Seen)) == 2)
    suspended.go_on()
    assert suspended.ended() == 77
    third = place.start_run(place.job())
    assert third.wait(PATIENCE_SECONDS) == 75
    gate.write_bytes(b"")
    assert second.wait(PATIENCE_SECONDS) == 0
    assert place.snapshot().statuses == {1: "superseded", 2: "succeeded"}
    assert judge(place.ledger.read()) == []
    assert place.left_behind() == []


class WallClock:
    """A wall clock for some processes, ahead of the true one by what its file says at that moment."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._file = folder / "seconds"
        # Python imports a module of this name when it starts. What goes on in there is the clock's alone.
        (folder / "sitecustomize.py").write_text(
            f"""
import time
true_time, true_time_ns = time.time, time.time_ns
def ahead():
    return int(open({str(self._file)!r}).read())
time.time = lambda: true_time() + ahead()
time.time_ns = lambda: true_time_ns() + ahead() * 10**9
"""
        )
        self.jump(0)
        self._folder = folder

    def jump(self, seconds: int) -> None:
        """Set it so far ahead of the true one, for the processes that are running, too."""
        other = self._file.with_suffix(".new")
        other.write_text(str(seconds))
        other.replace(self._file)

    def environ(self, place: Workplace) -> dict[str, str]:
        return {"PYTHONPATH": os.pathsep.join([str(self._folder), place.environ["PYTHONPATH"]])}


@pytest.fixture
def wall_clock(workplace: Workplace) -> WallClock:
    return WallClock(workplace.path / "clock")


@pytest.mark.parametrize("ahead_seconds", [TEN_YEARS_SECONDS, -TEN_YEARS_SECONDS])
def test_a_wall_clock_that_is_wrong_does_not_free_a_lease(
    workplace: Workplace, wall_clock: WallClock, ahead_seconds: int
) -> None:
    gate = workplace.make_gate()
    first = workplace.start_run(workplace.job(Work(1, gate=str(gate))))
    wait_until(lambda: workplace.records(Seen))
    _leave_only_the_lease(first)
    wall_clock.jump(ahead_seconds)
    second = workplace.start_run(workplace.job(), **wall_clock.environ(workplace))
    assert second.wait(PATIENCE_SECONDS) == 75
    first.send_signal(signal.SIGCONT)
    gate.write_bytes(b"")
    assert first.wait(PATIENCE_SECONDS) == 0


@pytest.mark.parametrize("ahead_seconds", [TEN_YEARS_SECONDS, -TEN_YEARS_SECONDS])
def test_a_wall_clock_that_is_wrong_does_not_freeze_a_lease(
    suspended: Suspended, wall_clock: WallClock, ahead_seconds: int
) -> None:
    place = suspended.place
    wall_clock.jump(ahead_seconds)
    second = place.start_run(place.job(), *WAITING, **wall_clock.environ(place))
    assert second.wait(PATIENCE_SECONDS) == 0
    assert place.snapshot().statuses == {1: "superseded", 2: "succeeded"}


def test_a_wall_clock_that_jumps_under_a_running_try_leaves_its_lease_alone(
    workplace: Workplace, wall_clock: WallClock
) -> None:
    gate = workplace.make_gate()
    work = workplace.job(Work(1, gate=str(gate)))
    first = workplace.start_run(work, **SHORT_LEASE, **wall_clock.environ(workplace))
    wait_until(lambda: workplace.records(Seen))
    for ahead_seconds in (TEN_YEARS_SECONDS, -TEN_YEARS_SECONDS, 0):
        wall_clock.jump(ahead_seconds)
        before = _boot_us()
        _wait_for_a_heartbeat(workplace)
        assert before < lease_until(workplace.store_path, 1) <= _boot_us() + 1_000_000
    gate.write_bytes(b"")
    assert first.wait(PATIENCE_SECONDS) == 0


def _leave_only_the_lease(run: subprocess.Popen[bytes]) -> None:
    """Stop a supervisor, so that it answers nobody and its lease alone speaks for it."""
    run.send_signal(signal.SIGSTOP)


def _wait_for_a_heartbeat(place: Workplace) -> None:
    before = lease_until(place.store_path, 1)
    wait_until(lambda: lease_until(place.store_path, 1) > before)


def _boot_us() -> int:
    from statekeep_core.metastore.clock import SystemClock

    return SystemClock()().boot_us
