"""What a killed supervisor leaves running is dead before the next try starts, down to the grandchildren."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from tests.crash.checker import judge
from tests.crash.job import OUTLET, Work
from tests.crash.ledger import Seen
from tests.crash.steps import children_of, session_of
from tests.crash.workplace import PATIENCE_SECONDS, ROOT, Workplace, wait_until

pytestmark = pytest.mark.slow


class Running:
    """A run at work behind a shell, so that the job is a grandchild and has a child itself."""

    def __init__(self, place: Workplace) -> None:
        self.place = place
        self.gate = place.make_gate()
        command = place.job(Work(1, has_child=True, gate=str(self.gate)))
        self.supervisor = place.start_run(["sh", "-c", '"$@"; exit "$?"', "sh", *command])
        wait_until(lambda: place.records(Seen))

    def guardian(self) -> int:
        """Return the guardian, as soon as there is one."""
        wait_until(lambda: len(self.guardians()) == 1)
        [guardian] = self.guardians()
        return guardian

    def guardians(self) -> list[int]:
        """Return the children that lead a session of their own."""
        return [child for child in children_of(self.supervisor.pid) if session_of(child) == child]


@pytest.fixture
def running(workplace: Workplace) -> Running:
    return Running(workplace)


def assert_the_next_start_goes_on(place: Workplace) -> None:
    """Start the job at once; it says what it takes up, and finds nobody alive of the try before."""
    assert place.run() == 0
    assert "try 2 of crash/2026/job: try 1 did not finish" in place.said()
    place.snapshot()
    assert judge(place.ledger.read()) == []
    assert place.left_behind() == []


def test_a_killed_supervisor_takes_its_grandchildren_along(running: Running) -> None:
    running.supervisor.kill()
    assert_the_next_start_goes_on(running.place)


def test_nothing_is_left_of_a_killed_supervisor_that_nobody_starts_again(running: Running) -> None:
    running.supervisor.kill()
    running.supervisor.wait(PATIENCE_SECONDS)
    assert running.place.left_behind() == []


def test_a_stopped_task_dies_with_its_supervisor_too(running: Running) -> None:
    for child in children_of(running.supervisor.pid):
        if child != running.guardian():
            os.killpg(child, signal.SIGSTOP)
    running.supervisor.kill()
    assert_the_next_start_goes_on(running.place)


def test_a_killed_guardian_is_replaced(running: Running) -> None:
    first = running.guardian()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: running.guardians() not in ([], [first]))
    running.supervisor.kill()
    assert_the_next_start_goes_on(running.place)


def test_a_guardian_that_is_killed_does_not_disturb_the_task(running: Running) -> None:
    os.kill(running.guardian(), signal.SIGKILL)
    running.gate.write_bytes(b"")
    assert running.supervisor.wait(PATIENCE_SECONDS) == 0
    assert running.place.snapshot().statuses == {1: "succeeded"}
    assert running.place.left_behind() == []


def test_a_supervisor_and_its_guardian_killed_at_once_leave_the_rest_to_the_next_start(
    running: Running,
) -> None:
    os.kill(running.guardian(), signal.SIGKILL)
    running.supervisor.kill()
    assert_the_next_start_goes_on(running.place)


def test_a_signal_to_everybody_at_once_leaves_nothing(running: Running) -> None:
    """As a service manager stops a unit: SIGTERM to every process of it."""
    for process in running.place.processes():
        with contextlib.suppress(ProcessLookupError):  # the signal to its supervisor has ended it already
            os.kill(process, signal.SIGTERM)
    assert running.supervisor.wait(PATIENCE_SECONDS) == 128 + signal.SIGTERM
    assert running.place.snapshot().statuses == {1: "failed"}
    assert running.place.left_behind() == []


def test_what_a_killed_task_leaves_running_is_ended_before_the_try_is_finished(workplace: Workplace) -> None:
    gate = workplace.make_gate()
    run = workplace.start_run(workplace.job(Work(1, has_child=True, gate=str(gate))))
    wait_until(lambda: workplace.records(Seen))
    [task] = [child for child in children_of(run.pid) if session_of(child) != child]
    os.kill(task, signal.SIGKILL)
    assert run.wait(PATIENCE_SECONDS) == 137
    assert "processes of the task have outlived it; stopping them" in workplace.said()
    assert workplace.processes() == []
    assert workplace.left_behind() == []


def test_each_kill_is_one_try(workplace: Workplace) -> None:
    for number in (1, 2):
        gate = workplace.make_gate(f"gate {number}")
        run = workplace.start_run(workplace.job(Work(1, gate=str(gate))))
        wait_until(lambda number=number: len(workplace.records(Seen)) == number)
        run.kill()
        run.wait(PATIENCE_SECONDS)
    assert workplace.start_run(workplace.job()).wait(PATIENCE_SECONDS) == 0
    assert workplace.snapshot().statuses == {1: "superseded", 2: "superseded", 3: "succeeded"}
    assert judge(workplace.ledger.read()) == []


def test_the_output_of_a_killed_run_ends(workplace: Workplace) -> None:
    """Whoever reads it to its end, such as a CI job, would hang if a guardian kept it open."""
    gate = workplace.make_gate()
    command = workplace.job(Work(1, has_child=True, gate=str(gate)))
    names = ("--dag", "crash", "--run", "2026", "--task", "job", "--outlet", OUTLET)
    run = subprocess.Popen(
        [sys.executable, "-m", "statekeep", "run", *names, "--", *command],
        env=workplace.environ,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    wait_until(lambda: workplace.records(Seen))
    run.kill()
    assert run.communicate(timeout=PATIENCE_SECONDS)[0] == b""
