"""Process groups: alive until the last process has ended, waited for or not."""

from __future__ import annotations

import os
import signal
import subprocess

from statekeep.supervisor.process_group import is_group_alive, signal_group


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
