"""What is said to people: never in the way of what is done."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from statekeep.supervisor.saying import said, say


def _stream_to(descriptor: int) -> io.TextIOWrapper:
    return open(descriptor, "w", buffering=1, closefd=False)


def test_each_line_bears_the_programs_name(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\nb")
    assert capsys.readouterr().err == "statekeep: a\nstatekeep: b\n"


def test_a_reader_that_is_gone_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setattr(sys, "stderr", _stream_to(writing))
    say("a")
    say("b")
    os.close(writing)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk to hand")
def test_a_full_disk_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(sys, "stderr", _stream_to(full))
    for _ in range(1000):
        say("a" * 1000)
    os.close(full)


def test_a_process_without_standard_error_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert not said("a")


class _Log:
    """Stands for standard error where a program sends it to its log, as task queues do."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None: ...


class _LogWithoutDescriptor(_Log):
    def fileno(self) -> None: ...


@pytest.mark.parametrize("log", [_Log(), _LogWithoutDescriptor(), io.StringIO()])
def test_what_stands_in_for_standard_error_need_not_be_a_file(
    monkeypatch: pytest.MonkeyPatch, log: _Log | io.StringIO
) -> None:
    monkeypatch.setattr(sys, "stderr", log)
    assert said("a")
    assert (log.text if isinstance(log, _Log) else log.getvalue()) == "statekeep: a\n"


_TO_A_FULL_PIPE = """
from statekeep.supervisor import saying
saying._PATIENCE_SECONDS = 0.0
print([saying.said("a" * 50_000) for _ in range(10)])
"""


def test_a_reader_that_stands_still_holds_nobody_up() -> None:
    reading, writing = os.pipe()
    saying = [sys.executable, "-c", _TO_A_FULL_PIPE]
    ran = subprocess.run(saying, stdout=subprocess.PIPE, stderr=writing, text=True, check=True, timeout=60)
    assert ran.stdout == f"{[True, *[False] * 9]}\n"
    os.close(reading)
    os.close(writing)
