"""The guardian: dismissed in any state."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from statekeep.supervisor.guardian import Guardian
from statekeep.supervisor.process_group import is_group_alive
from statekeep.supervisor.task_process import TaskProcess

pytestmark = pytest.mark.slow

# Each test runs in a forked process: the guardian is for one that has no other thread.


def _in_a_process(steps: object) -> int:
    assert callable(steps)
    process_id = os.fork()
    if process_id == 0:
        try:
            signal.alarm(30)
            steps()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(process_id, 0)[1])


def test_a_stopped_guardian_is_dismissed_and_has_done_its_duty(tmp_path: Path) -> None:
    folder = tmp_path / "sockets"
    folder.mkdir()

    def steps() -> None:
        guardian = Guardian(None, folder)
        task = TaskProcess(["sleep", "60"], os.environ, before_exec=lambda _group: None)
        guardian.watch(task.group_id)
        os.kill(guardian._process_id, signal.SIGSTOP)  # only the kernel knows it otherwise
        os.waitpid(guardian._process_id, os.WUNTRACED)
        guardian.dismiss()
        assert os.waitstatus_to_exitcode(os.waitpid(task.group_id, 0)[1]) == -signal.SIGKILL

    assert _in_a_process(steps) == 0
    assert not folder.exists()


def test_one_that_replaces_a_killed_one_needs_no_word_of_its_supervisor(tmp_path: Path) -> None:
    """The supervisor may be killed as soon as there are two of them."""
    reading, writing = os.pipe()

    def killed_in_the_middle() -> None:
        guardian = Guardian(None, tmp_path / "sockets")
        # What it starts gets no signal of the kernel's when its supervisor dies.
        task = TaskProcess(["sh", "-c", "sleep 60 & wait"], os.environ, before_exec=lambda _group: None)
        guardian.watch(task.group_id)
        os.write(writing, task.group_id.to_bytes(8))
        os.kill(guardian._process_id, signal.SIGKILL)  # only the kernel knows it otherwise
        os.waitid(os.P_PID, guardian._process_id, os.WEXITED | os.WNOWAIT)
        guardian.watch = lambda _group: os.kill(os.getpid(), 9)  # type: ignore[assignment]  # the fault
        guardian.replace_if_killed()
        os.kill(os.getpid(), signal.SIGKILL)

    assert _in_a_process(killed_in_the_middle) == -signal.SIGKILL
    group_id = int.from_bytes(os.read(reading, 8))
    while is_group_alive(group_id):
        time.sleep(0.005)
