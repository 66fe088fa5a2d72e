"""A supervisor that is killed at any of its steps leaves nothing alive, nothing locked, and no folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from statekeep_command import Statekeep

pytestmark = pytest.mark.slow

STEPS = (
    "lock_taken",
    "try_started",
    "guardian_forked",
    "task_spawned",
    "request_received",
    "reply_ready",
    "task_exited",
    "finish_sent",
    "finished",
)
SCRIPT = "statekeep state set k 1"


def step(
    statekeep: Statekeep, deadly_step: str, script: str = SCRIPT, how: str = "kill"
) -> subprocess.CompletedProcess[str]:
    """Run the task under a supervisor that ends at a step; return when nothing of it is alive."""
    driver = str(Path(__file__).with_name("stepping.py"))
    return subprocess.run(
        [sys.executable, driver, how, deadly_step, "sh", "-c", script],
        env=statekeep.environ,
        cwd=statekeep.folder,
        capture_output=True,  # waits for the end of the output, which every process of the task holds
        text=True,
        timeout=30,
        check=False,
    )


def test_the_steps_come_in_their_order(statekeep: Statekeep) -> None:
    done = step(statekeep, "none", "statekeep state set k 1")
    named = [line.removeprefix("statekeep: ") for line in done.stderr.splitlines()]
    assert list(dict.fromkeys(named)) == list(STEPS)
    assert done.returncode == 0


@pytest.mark.parametrize("deadly_step", STEPS)
def test_a_kill_at_any_step_leaves_nothing_behind(statekeep: Statekeep, deadly_step: str) -> None:
    killed = step(statekeep, deadly_step, f"(sleep 60 & sleep 60) & {SCRIPT}; exec sleep 0")
    assert killed.returncode == -9
    again = statekeep.shell(f"statekeep state get k --default none; {SCRIPT}")
    assert again.returncode == 0
    statuses = statekeep.statuses()
    if deadly_step == "finished" or deadly_step == "lock_taken":
        assert statuses == ["succeeded"]
    else:
        assert statuses == ["superseded", "succeeded"]
    assert statekeep.left_behind() == []


# Before the guardian's there is no try to record; a fault in a request ends that connection alone.
@pytest.mark.parametrize(
    "faulty_step", ["guardian_forked", "task_spawned", "task_exited", "finish_sent", "finished"]
)
def test_a_fault_of_the_supervisor_ends_the_task_and_is_recorded(
    statekeep: Statekeep, faulty_step: str
) -> None:
    faulty = step(statekeep, faulty_step, f"{SCRIPT}; sleep 0.1", how="fail")
    assert faulty.returncode == 1
    assert "LookupError: a fault" in faulty.stderr
    [only] = statekeep.tries()
    if faulty_step == "finished":
        assert only["status"] == "succeeded"
    else:
        assert (only["status"], only["reason"]) == ("failed", "LookupError: a fault")
    assert statekeep.left_behind() == []
