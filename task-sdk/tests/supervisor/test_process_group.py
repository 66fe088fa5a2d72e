"""Process groups: alive until the last process has ended, waited for or not."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys

from statekeep.supervisor.process_group import is_group_alive, is_process_alive, signal_group


def test_a_group_is_alive_as_long_as_any_process_of_it_is() -> None:
    leader = subprocess.Popen(["sh", "-c", "sleep 60 & echo ready"], process_group=0, stdout=subprocess.PIPE)
    assert leader.stdout is not None
    with leader:
        assert leader.stdout.readline() == b"ready\n"
        leader.wait()
        assert is_group_alive(leader.pid)
        signal_group(leader.pid, signal.SIGKILL)
        leader.stdout.read()  # ends with the last process that could write
    while is_group_alive(leader.pid):
        os.sched_yield()


def test_a_process_that_nobody_waited_for_is_not_alive() -> None:
    leader = subprocess.Popen(["true"], process_group=0)
    os.waitid(os.P_PID, leader.pid, os.WEXITED | os.WNOWAIT)
    assert not is_group_alive(leader.pid)
    leader.wait()


def test_a_signal_to_a_group_that_is_gone_is_nothing() -> None:
    leader = subprocess.Popen(["true"], process_group=0)
    leader.wait()
    signal_group(leader.pid, signal.SIGTERM)
    assert not is_group_alive(leader.pid)


def test_a_process_is_alive_until_it_has_ended_waited_for_or_not() -> None:
    process = subprocess.Popen(["sleep", "60"])
    assert is_process_alive(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    if sys.platform == "linux":
        assert not is_process_alive(process.pid)
    process.wait()
    assert not is_process_alive(process.pid)


def test_without_descriptors_a_group_that_exists_is_taken_for_alive() -> None:
    leader = subprocess.Popen(["sleep", "60"], process_group=0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # With none left the listing fails, with one left the look at each process; neither may say "gone".
    for left in (0, 1):
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + left, hard))
        try:
            alive = is_group_alive(leader.pid)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert alive
    leader.kill()
    leader.wait()
    assert not is_group_alive(leader.pid)
