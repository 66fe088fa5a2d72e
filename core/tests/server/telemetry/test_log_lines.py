"""Lines of a log that nobody reads: none is waited for, and those that were dropped are counted."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from statekeep_core.server.telemetry import log_lines
from statekeep_core.server.telemetry.log_lines import Drain, LineHandler

MANY = 300
WAITING = 10
AROUND = "x" * 1_000


@pytest.fixture(params=["a pipe opened again", "a pipe that is asked for room", "a socket"])
def ends(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Where nobody reads yet, and what leads there."""
    if request.param == "a socket":
        reader, writer = (each.detach() for each in socket.socketpair())
    else:
        reader, writer = os.pipe()
    if request.param == "a pipe that is asked for room":
        monkeypatch.setattr(log_lines, "_opened_again", lambda _descriptor: None)
    yield reader, writer
    os.close(reader)
    os.close(writer)


@pytest.fixture
def handler(ends: tuple[int, int]) -> Iterator[LineHandler]:
    handler = LineHandler(Drain(ends[1]), waiting_lines=WAITING, at_the_end_seconds=0.0)
    yield handler
    handler.close()


def log(handler: logging.Handler, text: str) -> None:
    handler.handle(logging.makeLogRecord({"msg": text}))


def read(descriptor: int) -> str:
    """Return all that is there."""
    os.set_blocking(descriptor, False)
    said = b""
    try:
        while piece := os.read(descriptor, 65_536):
            said += piece
    except BlockingIOError:
        pass
    return said.decode()


def read_line(descriptor: int) -> str:
    with open(descriptor, closefd=False) as file:
        return file.readline()


def dropped(line: str) -> int:
    record = line.partition("lines were dropped ")[2]
    return int(record) if record else 0


class WithFields(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        return " ".join([record.getMessage(), *(str(value) for value in fields.values())])


def test_lines_without_room_are_dropped_and_counted_and_none_is_waited_for(
    ends: tuple[int, int], handler: LineHandler
) -> None:
    handler.setFormatter(WithFields())
    for number in range(MANY):
        log(handler, f"{number} {AROUND}")
    first = read(ends[0])
    log(handler, "after")
    lines = (first + read(ends[0])).splitlines()
    [counted] = [line for line in lines if dropped(line)]
    kept = [line for line in lines if line.endswith(AROUND)]
    assert [int(line.split()[0]) for line in kept] == list(range(len(kept)))
    assert len(kept) + dropped(counted) == MANY
    assert 0 < dropped(counted) < MANY - WAITING
    assert lines[-2:] == [counted, "after"]


def test_a_line_longer_than_the_room_goes_on_where_it_stopped(
    ends: tuple[int, int], handler: LineHandler
) -> None:
    text = "".join(f"{number:07}," for number in range(100_000))
    log(handler, text)
    said = read(ends[0])
    assert 0 < len(said) < len(text)
    while not said.endswith("\n"):
        handler.flush()
        piece = read(ends[0])
        assert piece
        said += piece
    assert said == f"{text}\n"


def test_the_end_writes_what_waits_and_how_many_were_dropped(
    ends: tuple[int, int], handler: LineHandler
) -> None:
    handler.setFormatter(WithFields())
    for number in range(MANY):
        log(handler, f"{number} {AROUND}")
    read(ends[0])
    handler.flush()
    *waited, last = read(ends[0]).splitlines()
    assert len([line for line in waited if line.endswith(AROUND)]) >= WAITING
    assert dropped(last)


def test_the_end_waits_for_a_reader(ends: tuple[int, int]) -> None:
    handler = LineHandler(Drain(ends[1]), at_the_end_seconds=60.0)
    text = "x" * 1_000_000
    log(handler, text)
    with ThreadPoolExecutor() as threads:
        said = threads.submit(read_line, ends[0])
        handler.flush()
        assert said.result(timeout=60) == f"{text}\n"
    handler.close()


def test_who_shares_the_descriptor_finds_it_as_it_was(ends: tuple[int, int], handler: LineHandler) -> None:
    log(handler, "a line")
    assert os.get_blocking(ends[1])


def test_a_reader_that_is_gone_is_no_error() -> None:
    reader, writer = os.pipe()
    handler = LineHandler(Drain(writer))
    os.close(reader)
    log(handler, "a line")
    handler.flush()
    handler.close()
    os.close(writer)


def test_lines_are_added_to_a_file(tmp_path: Path) -> None:
    with (tmp_path / "log").open("a+") as file:
        file.write("before\n")
        file.flush()
        handler = LineHandler(Drain(file.fileno()))
        log(handler, "a line")
        handler.close()
        assert (tmp_path / "log").read_text() == "before\na line\n"


FORKS = f"""
import logging, os
from statekeep_core.server.telemetry.log_lines import Drain, LineHandler
reader, writer = os.pipe()
handler = LineHandler(Drain(writer))
for number in range({MANY}):
    handler.handle(logging.makeLogRecord({{"msg": f"{{number}} {AROUND}"}}))
child = os.fork()
if not child:
    os.read(reader, 1_000_000)
    handler.flush()
    handler.handle(logging.makeLogRecord({{"msg": "the child's"}}))
    handler.flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(os.read(reader, 1_000_000).decode())
"""


def test_a_forked_process_leaves_its_parents_lines_to_the_parent() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FORKS], check=True, stdout=subprocess.PIPE, text=True, timeout=60
    )
    assert ran.stdout.strip() == "the child's"
