"""The guardian: dismissed in any state."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from statekeep.supervisor.guardian import Guardian
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
