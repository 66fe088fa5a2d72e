"""The private folder of a supervisor's sockets."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from statekeep._shared.state.errors import UnavailableError
from statekeep.supervisor.socket_directory import (
    SocketDirectory,
    choose_socket_directory,
    remove_left_behind,
    remove_socket_directory,
)


@pytest.fixture
def environ() -> dict[str, str]:
    return {"TMPDIR": tempfile.mkdtemp(prefix="sk-", dir="/tmp")}


def test_the_folder_is_private_and_goes_with_what_is_in_it(environ: dict[str, str]) -> None:
    path = choose_socket_directory(environ)
    assert path.parent == Path(environ["TMPDIR"])
    directory = SocketDirectory(path)
    (path / "1").write_text("")
    assert path.stat().st_mode & 0o777 == 0o700
    directory.remove()
    assert not path.exists()


@pytest.mark.parametrize("temporary", ["/" + "x" * 100, "relative", ""])
def test_where_a_sockets_path_does_not_fit_the_system_folder_is_used(temporary: str) -> None:
    assert choose_socket_directory({"TMPDIR": temporary}).parent == Path("/tmp")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="missing"):
        SocketDirectory(tmp_path / "missing" / "statekeep-0-ab")


def test_only_folders_whose_supervisor_is_gone_are_removed(environ: dict[str, str]) -> None:
    alive, own = SocketDirectory(choose_socket_directory(environ)), choose_socket_directory(environ)
    left = choose_socket_directory(environ)
    left.mkdir()
    (left / "alive").write_text("")
    (left / "1").write_text("")
    stranger = Path(environ["TMPDIR"]) / "other"
    stranger.mkdir()
    remove_left_behind(beside=own)
    assert sorted(path.name for path in own.parent.iterdir()) == sorted([alive.path.name, "other"])
    alive.remove()


_SWEEP = """
import sys
from pathlib import Path
from statekeep.supervisor.socket_directory import remove_left_behind
print("ready", flush=True)
while True:
    remove_left_behind(beside=Path(sys.argv[1]))
"""


def test_supervisors_that_start_at_once_leave_each_others_folders_alone(environ: dict[str, str]) -> None:
    beside = str(choose_socket_directory(environ))
    with subprocess.Popen([sys.executable, "-c", _SWEEP, beside], stdout=subprocess.PIPE) as sweeper:
        try:
            assert sweeper.stdout is not None
            sweeper.stdout.readline()
            for _ in range(5000):
                directory = SocketDirectory(choose_socket_directory(environ))
                (directory.path / "1").write_text("")
                assert (directory.path / "alive").exists()
                directory.remove()
        finally:
            sweeper.kill()
    assert list(Path(beside).parent.iterdir()) == []


@pytest.mark.parametrize("name", ["missing", "a file", "a\nline"])
def test_where_no_folder_can_be_made_the_system_folder_is_used(environ: dict[str, str], name: str) -> None:
    temporary = Path(environ["TMPDIR"]) / name
    if name == "a file":
        temporary.write_text("")
    elif name != "missing":
        temporary.mkdir()
    assert choose_socket_directory({"TMPDIR": str(temporary)}).parent == Path("/tmp")


def test_a_folder_that_is_removed_while_its_maker_waits_for_the_lock_is_made_again(
    environ: dict[str, str],
) -> None:
    path = choose_socket_directory(environ)
    path.mkdir()
    sweeper = os.open(path / "alive", os.O_RDWR | os.O_CREAT)
    fcntl.flock(sweeper, fcntl.LOCK_EX)
    made: list[SocketDirectory] = []
    maker = threading.Thread(target=lambda: made.append(SocketDirectory(path)))
    maker.start()
    while _times_open(path / "alive") < 2:  # the maker has opened it and waits for the lock
        os.sched_yield()
    remove_socket_directory(path)
    os.close(sweeper)
    maker.join()
    remove_left_behind(beside=choose_socket_directory(environ))
    assert (path / "alive").exists()
    made[0].remove()


def _times_open(path: Path) -> int:
    if not Path("/proc/self/fd").exists():
        return 2  # nobody tells; the maker comes before or after, and must have its folder either way
    opened = Path("/proc/self/fd").iterdir()
    return sum(_target(link) == str(path) for link in opened)


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:  # the listing's own descriptor
        return ""
