"""What two kills left: found by its group and the address in its environment, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from statekeep.channel.address import ADDRESS_VARIABLE
from statekeep.supervisor.leftovers import Trace, decoded, end_leftovers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_a_trace_is_read_as_it_was_written() -> None:
    trace = Trace(12, 34, "/tmp/with space/statekeep-0-ab")
    assert decoded(trace.encoded()) == trace


@pytest.mark.parametrize("content", [b"", b"12 34 /tmp/stat"])
def test_half_a_trace_is_none(content: bytes) -> None:
    assert decoded(content) is None


def test_the_processes_of_the_old_task_are_killed() -> None:
    environ = {ADDRESS_VARIABLE: "/tmp/statekeep-0-ab/1"}
    task = subprocess.Popen(["/bin/sleep", "60"], env=environ, process_group=0)
    end_leftovers(Trace(1, task.pid, "/tmp/statekeep-0-ab"))
    assert task.wait() == -9


def test_a_stranger_whose_group_has_the_same_number_is_left_alone() -> None:
    environ = {ADDRESS_VARIABLE: "/tmp/statekeep-0-abc/1"}
    stranger = subprocess.Popen(["/bin/sleep", "60"], env=environ, process_group=0)
    end_leftovers(Trace(1, stranger.pid, "/tmp/statekeep-0-ab"))
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


@pytest.mark.parametrize(
    "content",
    [b"garbage\n", b"1 2\n", b"-1 2 /tmp\n", b"0 0 \n", b"1 -2 /tmp\n", b"12345678901 0 \n", b"\0" * 40],
)
def test_what_somebody_else_wrote_is_no_trace(content: bytes) -> None:
    assert decoded(content) is None


def test_a_folder_whose_name_is_no_text_is_read_as_it_was_written() -> None:
    trace = Trace(12, 34, os.fsdecode(b"/tmp/\xff\xfe/statekeep-0-ab"))
    assert decoded(trace.encoded()) == trace
