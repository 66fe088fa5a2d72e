"""Files are there whole and durably or not at all; what is no object, or not there, is said."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from statekeep.backends.object_store.local_files import LocalFiles, _failure
from statekeep.backends.object_store.medium import ObjectAbsentError, ObjectExistsError
from statekeep.errors import StoreUnusableError, UnavailableError

DAY_SECONDS = 86_400


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(str(tmp_path), f"file://{tmp_path}")


def all_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def read(files: LocalFiles, path: str) -> bytes:
    stream, pieces = files.open(path), []
    while (piece := stream.read()) is not None:
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("size_bytes", [0, 1, 65_535, 65_536, 65_537, 3_000_000])
def test_what_was_put_is_read_back(files: LocalFiles, size_bytes: int) -> None:
    data = os.urandom(size_bytes)
    files.put("a/b/c", data, create=True)
    assert read(files, "a/b/c") == data
    files.put("a/b/c", [data, b"more"], create=False)
    assert read(files, "a/b/c") == data + b"more"


def test_create_leaves_the_file_that_was_there(files: LocalFiles, tmp_path: Path) -> None:
    files.put("a/b", b"first", create=True)
    with pytest.raises(ObjectExistsError):
        files.put("a/b", [b"sec", b"ond"], create=True)
    assert read(files, "a/b") == b"first"
    assert all_files(tmp_path) == ["a/b"]


def test_a_put_that_fails_half_way_leaves_what_was_there_and_nothing_else(
    files: LocalFiles, tmp_path: Path
) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("the value cannot be encoded")

    files.put("a", b"before", create=False)
    for create in (True, False):
        with pytest.raises(RuntimeError):
            files.put("a", broken(), create)
    assert read(files, "a") == b"before"
    assert all_files(tmp_path) == ["a"]


_KILLED = """
import os, signal, sys
from statekeep.backends.object_store.local_files import LocalFiles

def pieces():
    yield b"half of it"
    os.kill(os.getpid(), signal.SIGKILL)

LocalFiles(sys.argv[1], "file://").put("a/b", pieces(), create=sys.argv[2] == "create")
"""


@pytest.mark.parametrize("mode", ["create", "replace"])
def test_a_writer_that_is_killed_half_way_leaves_what_was_there(
    files: LocalFiles, tmp_path: Path, mode: str
) -> None:
    if mode == "replace":
        files.put("a/b", b"before", create=True)
    ran = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path), mode], check=False)
    assert ran.returncode == -signal.SIGKILL
    assert files.exists("a/b") is (mode == "replace")
    assert mode == "create" or read(files, "a/b") == b"before"


def test_file_and_folders_are_synced_before_a_put_returns(
    files: LocalFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(tmp_path)))
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    files.put("a/b/c", b"1", create=True)
    assert {".", "a", "a/b"} <= set(synced)  # each folder that has a new name in it
    assert synced[-1] == "a/b"  # at the end, the name of the file
    assert any(one.startswith(".temporary/") for one in synced)  # its bytes, before it had that name
    synced.clear()
    with pytest.raises(ObjectExistsError):
        files.put("a/b/c", b"1", create=True)
    assert synced[-1] == "a/b"  # whoever made it may not have come so far
    synced.clear()
    files.delete(["a/b/c"])
    assert synced == ["."]  # the folders fell empty


def test_folders_that_fall_empty_go_and_others_stay(files: LocalFiles, tmp_path: Path) -> None:
    for path in ("a/b/c", "a/d"):
        files.put(path, b"1", create=True)
    files.delete(["a/b/c", "a/b/never"])
    assert not (tmp_path / "a/b").exists()
    assert all_files(tmp_path) == ["a/d"]


def test_writers_and_deleters_of_one_folder_do_not_disturb_each_other(files: LocalFiles) -> None:
    def write_and_delete(number: int) -> None:
        for _ in range(40):
            files.put(f"x/y/{number}", b"1", create=True)
            files.delete([f"x/y/{number}"])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_and_delete, range(4)))
    assert files.paths_below("x") == []


def test_a_listing_has_every_file_below_a_folder(files: LocalFiles) -> None:
    for path in ("s/a/1", "s/a/2", "s/3", "other/4"):
        files.put(path, b"1234", create=True)
    found = [listed for page in files.pages("s") for listed in page]
    assert sorted(listed.path for listed in found) == ["s/3", "s/a/1", "s/a/2"]
    assert {listed.size_bytes for listed in found} == {4}
    assert files.paths_below("nowhere") == []


def test_an_absent_file_is_absent(files: LocalFiles) -> None:
    with pytest.raises(ObjectAbsentError):
        files.open("a/b")
    assert not files.exists("a/b")
    files.delete(["a/b"])


def test_a_folder_that_is_not_there_is_no_empty_store(files: LocalFiles, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)
    for operation in (
        lambda: files.open("a"),
        lambda: files.put("a", b"1", create=True),
        lambda: list(files.pages("s")),
    ):
        with pytest.raises(StoreUnusableError, match="does not exist"):
            operation()
    assert not tmp_path.exists()


def test_nothing_is_deleted_by_a_volume_that_is_not_there(files: LocalFiles, tmp_path: Path) -> None:
    files.put("a/b", b"1", create=True)
    away = tmp_path.rename(tmp_path.with_name("away"))
    with pytest.raises(StoreUnusableError, match="does not exist"):
        files.delete(["a/b"])
    away.rename(tmp_path)
    assert read(files, "a/b") == b"1"


def test_what_killed_writers_left_goes_after_a_day(tmp_path: Path) -> None:
    now = 1_000_000.0
    files = LocalFiles(str(tmp_path), "file://", now_seconds=lambda: now)
    files.remove_leftovers()
    files.put("a", b"1", create=True)
    for name, age_seconds in (("old", DAY_SECONDS + 1), ("young", DAY_SECONDS - 1)):
        (tmp_path / ".temporary" / name).touch()
        os.utime(tmp_path / ".temporary" / name, (now - age_seconds, now - age_seconds))
    files.remove_leftovers()
    assert all_files(tmp_path) == [".temporary/young", "a"]


def test_a_disk_without_hard_links_creates_too(files: LocalFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(source: str, target: str) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    files.put("a/b", b"first", create=True)
    with pytest.raises(ObjectExistsError):
        files.put("a/b", b"second", create=True)
    assert read(files, "a/b") == b"first"


@pytest.mark.parametrize(
    ("number", "error", "words"),
    [
        (errno.ENOSPC, UnavailableError, "no room"),
        (errno.EROFS, StoreUnusableError, "Read-only"),
        (errno.EACCES, StoreUnusableError, "Permission denied"),
        (errno.EIO, UnavailableError, "Input/output error"),
    ],
)
def test_a_disks_failure_is_said_in_words(number: int, error: type[Exception], words: str) -> None:
    failure = _failure("file:///srv", OSError(number, os.strerror(number)))
    assert type(failure) is error
    assert words in str(failure)
    assert "file:///srv" in str(failure)
