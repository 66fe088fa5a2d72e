import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from demo import processes

WAITS = "print('started', flush=True); input()"


def test_a_process_is_found_by_its_arguments_and_killed() -> None:
    found_and_killed()


@pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps on this machine")
def test_where_there_is_no_proc_it_is_found_by_ps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PROC", Path("/nonexistent"))
    found_and_killed()


def found_and_killed() -> None:
    arguments = ["-c", WAITS, "an argument of this test's own"]
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        assert processes.find_process(arguments) == process.pid
        assert processes.kill(process.pid)
    assert process.returncode == -signal.SIGKILL
    assert processes.find_process(arguments) is None
    assert not processes.kill(process.pid)
