"""The log of a served file is folded beside its writer and stays bounded; a crash between loses nothing."""

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from statekeep_core._shared.state.errors import UnavailableError
from statekeep_core.metastore.checkpoints import Checkpointer, free_bytes
from statekeep_core.metastore.connection import open_connection
from statekeep_core.metastore.write_lock import WriteLock

_PAGE_BYTES = 4_096
_PATIENCE_SECONDS = 60
_NEVER = 10**9


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def writer(path: Path) -> Iterator[apsw.Connection]:
    with closing(open_connection(path)) as connection:
        connection.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY, filling BLOB)")
        yield connection


def write(writer: apsw.Connection, number: int) -> None:
    """Commit a row that takes a page or more."""
    writer.execute("INSERT INTO numbers VALUES (?, zeroblob(4000))", (number,))


def write_until(writer: apsw.Connection, is_enough: Callable[[], bool], first: int) -> None:
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    number = first
    while not is_enough():
        assert time.monotonic() < give_up_at
        write(writer, number)
        number += 1


def beginnings(path: Path) -> int:
    """Return how often the log has begun anew, which stands in its head."""
    return int.from_bytes(path.with_name(path.name + "-wal").read_bytes()[12:16])


def log_pages(path: Path) -> int:
    return path.with_name(path.name + "-wal").stat().st_size // _PAGE_BYTES


def test_a_log_that_has_grown_is_folded_while_it_is_written(path: Path, writer: apsw.Connection) -> None:
    empty = path.stat().st_size
    with closing(Checkpointer(path, writer, due_pages=20, most_pages=_NEVER)):
        write_until(writer, lambda: path.stat().st_size > empty, first=1)


def test_a_log_that_has_taken_half_of_the_room_on_its_disk_is_folded(
    path: Path, writer: apsw.Connection
) -> None:
    empty = path.stat().st_size
    with closing(Checkpointer(path, writer, due_pages=_NEVER, free_bytes=lambda _: 20 * _PAGE_BYTES)):
        write_until(writer, lambda: path.stat().st_size > empty, first=1)


def test_a_log_is_folded_when_somebody_asks_for_it(path: Path, writer: apsw.Connection) -> None:
    empty = path.stat().st_size
    with closing(Checkpointer(path, writer, due_pages=_NEVER)) as checkpointer:
        for number in range(20):
            write(writer, number)
        assert path.stat().st_size == empty
        checkpointer.fold_soon()
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while path.stat().st_size == empty:
            assert time.monotonic() < give_up_at


def test_a_disk_says_how_much_room_it_has_and_none_that_is_not_there(tmp_path: Path) -> None:
    assert 0 < free_bytes(tmp_path) < 2**60
    assert free_bytes(tmp_path / "nowhere") > 2**60


def test_a_log_begins_anew_under_a_writer_that_never_rests(path: Path, writer: apsw.Connection) -> None:
    write(writer, 0)
    begun = beginnings(path)
    with closing(WriteLock(path)) as lock, closing(Checkpointer(path, writer, due_pages=20)):
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        for number in itertools.count(1):
            with lock.held():
                write(writer, number)
            if beginnings(path) > begun:
                break
            assert time.monotonic() < give_up_at


@pytest.mark.parametrize(
    ("left", "kept_out"),
    [
        ([900, 30, 0], [False, False, True]),
        # What was committed during the first is not in what it left.
        ([0, 0], [False, True]),
        ([900] * 5, [False] * 5),
    ],
)
def test_writers_are_kept_out_only_for_a_small_rest(
    path: Path, writer: apsw.Connection, left: list[int], kept_out: list[bool]
) -> None:
    found: list[bool] = []

    def fold() -> int:
        with closing(WriteLock(path, patience_seconds=0)) as lock:
            try:
                with lock.held():
                    found.append(False)
            except UnavailableError:
                found.append(True)
        return left[len(found) - 1]

    with closing(Checkpointer(path, writer, due_pages=_NEVER)) as checkpointer:
        checkpointer._fold_beside_writers = fold  # type: ignore[method-assign]  # says what a disk would
        checkpointer._fold()
    assert found == kept_out


def test_a_writer_folds_the_log_itself_when_nobody_else_has(path: Path, writer: apsw.Connection) -> None:
    with closing(Checkpointer(path, writer, due_pages=_NEVER, most_pages=100)):
        for number in range(500):
            write(writer, number)
        assert log_pages(path) < 120


def test_what_a_reader_held_is_given_back_when_it_is_done(path: Path, writer: apsw.Connection) -> None:
    with (
        closing(Checkpointer(path, writer, due_pages=20, most_pages=100)),
        closing(apsw.Connection(str(path))) as reader,
    ):
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM numbers").fetchall() == [(0,)]
        for number in range(300):
            write(writer, number)
        assert log_pages(path) > 300
        assert reader.execute("SELECT count(*) FROM numbers").fetchall() == [(0,)]
        reader.execute("COMMIT")
        write_until(writer, lambda: log_pages(path) <= 100, first=300)


def test_a_store_that_is_closed_has_no_log(path: Path) -> None:
    writer = open_connection(path)
    writer.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY, filling BLOB)")
    checkpointer = Checkpointer(path, writer, due_pages=20)
    for number in range(50):
        write(writer, number)
    checkpointer.close()
    writer.close()
    assert not path.with_name(path.name + "-wal").exists()


class SetOnceLookedAt(threading.Event):
    """Is set right after somebody has seen that it is not."""

    def __init__(self, then: Callable[[], object]) -> None:
        super().__init__()
        self._then = then

    def is_set(self) -> bool:
        was_set = super().is_set()
        if not was_set:
            self.set()
            self._then()
        return was_set


def test_a_close_that_meets_the_thread_as_it_begins_to_fold_ends_it(
    path: Path, writer: apsw.Connection
) -> None:
    with closing(Checkpointer(path, writer, due_pages=_NEVER)) as checkpointer:
        checkpointer._closing = SetOnceLookedAt(checkpointer._is_due.set)
        checkpointer._is_due.set()
        checkpointer._thread.join(_PATIENCE_SECONDS)
        has_ended = not checkpointer._thread.is_alive()
        checkpointer._is_due.set()  # or the end of the block would wait for a thread that has not
        assert has_ended


_WRITE_FOR_EVER = """
import itertools, sys
from pathlib import Path
from statekeep_core.metastore.checkpoints import Checkpointer
from statekeep_core.metastore.connection import open_connection

path = Path(sys.argv[1])
writer = open_connection(path)
Checkpointer(path, writer, due_pages=5, most_pages=10)
for number in itertools.count(1):
    writer.execute("INSERT INTO numbers VALUES (?, zeroblob(4000))", (number,))
    print(number, flush=True)
"""


@pytest.mark.parametrize("after_commits", [30, 77, 200])
def test_a_crash_between_loses_nothing_that_was_committed(path: Path, after_commits: int) -> None:
    with closing(open_connection(path)) as connection:
        connection.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY, filling BLOB)")
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITE_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout as said:
        committed = [int(said.readline()) for _ in range(after_commits)][-1]
        process.kill()
        committed = max([committed, *(int(line) for line in said if line.endswith("\n"))])
    process.wait()
    with closing(open_connection(path)) as connection:
        found = connection.execute("SELECT number FROM numbers ORDER BY number").fetchall()
        assert found == [(number,) for number in range(1, len(found) + 1)]
        assert len(found) >= committed
        assert connection.pragma("integrity_check") == "ok"


def test_a_writer_is_not_kept_out_while_the_log_is_folded(path: Path, writer: apsw.Connection) -> None:
    """It would be by a lock that the thread held for as long as it folds."""
    lock = WriteLock(path)
    try:
        with closing(Checkpointer(path, writer, due_pages=20, most_pages=_NEVER)), lock.held():
            empty = path.stat().st_size
            write_until(writer, lambda: path.stat().st_size > empty, first=1)
    finally:
        lock.close()
