"""The lock of a task instance: one holder, no file left, and what a dead holder left is found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from statekeep._shared.state.errors import StoreUnusableError
from statekeep.supervisor.try_lock import replace_lock, take_lock


def test_a_lock_that_is_held_cannot_be_taken_until_it_is_released(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "a.lock"
    first = take_lock(path)
    assert first is not None
    assert take_lock(path) is None
    first.release()
    second = take_lock(path)
    assert second is not None
    second.release()


def test_a_released_lock_leaves_no_file(tmp_path: Path) -> None:
    lock = take_lock(tmp_path / "a.lock")
    assert lock is not None
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_on_a_file_that_was_removed_meanwhile_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    first = take_lock(path)
    assert first is not None
    path.unlink()  # as `release` does, just after another process has opened the file
    second = take_lock(path)
    assert second is not None
    first.remove_file()
    assert path.exists(), "the file is the second one's by now"
    second.release()
    first.release()


def test_a_lock_goes_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    script = (
        "import os, sys; from pathlib import Path; from statekeep.supervisor.try_lock import take_lock;"
        " assert take_lock(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    lock = take_lock(path)
    assert lock is not None
    lock.release()


def test_a_lock_that_a_guardian_holds_for_its_dead_supervisor_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    lock = take_lock(path)
    assert lock is not None
    dead = subprocess.Popen(["true"])
    dead.wait()
    os.pwrite(lock.descriptor, f"{dead.pid} 0 \n".ljust(40).encode(), 0)
    os.ftruncate(lock.descriptor, len(f"{dead.pid} 0 \n"))
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            lock.release()

    second = take_lock(path, pause=pause)
    assert second is not None
    assert len(pauses) == 3
    second.release()


def test_a_lock_that_takes_a_suspended_holders_place_is_the_one_that_others_find(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    suspended = take_lock(path)
    assert suspended is not None
    assert suspended.is_found()
    successor = replace_lock(path)
    assert successor is not None
    assert (suspended.is_found(), successor.is_found()) == (False, True)
    suspended.release()
    assert take_lock(path) is None
    assert path.exists()
    successor.release()
    assert list(tmp_path.iterdir()) == []


def test_the_folders_are_private(tmp_path: Path) -> None:
    lock = take_lock(tmp_path / "store" / "locks" / "a.lock")
    assert lock is not None
    lock.release()
    assert [
        oct(path.stat().st_mode & 0o777) for path in (tmp_path / "store", tmp_path / "store" / "locks")
    ] == [
        "0o700",
        "0o700",
    ]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnusableError, match="file"):
        take_lock(tmp_path / "file" / "locks" / "a.lock")
