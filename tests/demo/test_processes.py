import signal
import subprocess
import sys

from demo.processes import find_process, kill

WAITS = "print('started', flush=True); input()"


def test_a_process_is_found_by_its_arguments_and_killed() -> None:
    arguments = ["-c", WAITS, "an argument of this test's own"]
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        assert find_process(arguments) == process.pid
        assert kill(process.pid)
    assert process.returncode == -signal.SIGKILL
    assert find_process(arguments) is None
    assert not kill(process.pid)
