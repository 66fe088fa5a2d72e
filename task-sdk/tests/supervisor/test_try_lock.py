"""The lock of a task instance: one holder, no file left, and what a dead holder left is found."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from statekeep._shared.state.errors import StoreUnusableError, UnavailableError
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


def test_what_somebody_else_wrote_to_the_file_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.write_text("garbage\n")
    lock = take_lock(path)
    assert lock is not None
    assert lock.previous_holder is None
    lock.release()


def test_a_disk_that_takes_nothing_is_an_unavailable_one(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(UnavailableError, match="the lock"):
            take_lock(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_another_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("precious")
    (tmp_path / "a.lock").symlink_to(tmp_path / "other")
    with pytest.raises(StoreUnusableError):
        take_lock(tmp_path / "a.lock")
    assert (tmp_path / "other").read_text() == "precious"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of others")
def test_what_root_makes_belongs_to_the_stores_owner(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    os.chown(store, 12345, 12346)
    lock = take_lock(store / "locks" / "a.lock")
    assert lock is not None
    for path in (store / "locks", store / "locks" / "a.lock"):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)
    lock.release()


def _named(process_id: int) -> str:
    return f"{os.uname().nodename}:{process_id}"


def test_a_lock_on_a_new_file_does_not_tell_that_a_living_supervisor_is_gone(tmp_path: Path) -> None:
    lock = take_lock(tmp_path / "a.lock")
    assert lock is not None
    dead = subprocess.Popen(["true"])
    dead.wait()
    assert not lock.tells_gone(_named(os.getppid()))
    assert not lock.tells_gone(f"elsewhere:{dead.pid}")
    assert not lock.tells_gone("a notebook")
    assert lock.tells_gone(_named(dead.pid)), "its guardian has removed the file"
    assert lock.tells_gone(_named(os.getpid())), "it is this supervisor's own"
    lock.path.unlink()
    assert not lock.tells_gone(_named(dead.pid)), "others do not find this lock"
    lock.release()


def test_a_lock_tells_that_the_holder_before_is_gone_even_if_its_number_is_anothers_by_now(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.lock").write_text(f"{os.getppid()} 0 \n")
    lock = take_lock(tmp_path / "a.lock")
    assert lock is not None
    assert lock.tells_gone(f"another-container:{os.getppid()}")
    lock.release()


def test_a_file_that_the_next_start_needs_outlives_its_holder_for_a_while(tmp_path: Path) -> None:
    lock, other, held = (take_lock(tmp_path / f"{name}.lock") for name in ("a", "b", "held"))
    assert lock is not None
    assert other is not None
    assert held is not None
    for each in (lock, other):
        each.claim("0" * 32)
        each.leave()
        each.release()
    assert {path.name for path in tmp_path.iterdir()} == {"a.lock", "b.lock", "held.lock"}
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    again = take_lock(lock.path)
    assert again is not None
    again.leave()
    assert {path.name for path in tmp_path.iterdir()} == {"a.lock", "held.lock"}
    again.release()
    held.release()
