"""Where several workers keep their counts, so that whichever is asked answers for all of them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping

# Prometheus's client has no other way to be told, and reads it when it is imported.
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_PREFIX = "statekeep-metrics-"
# By the names that the client gives to a process's files: more than all operations and codes take.
_ROOM_BYTES = {
    "counter": 131_072,
    "histogram": 262_144,
    "gauge_livesum": 16_384,
    "gauge_mostrecent": 16_384,
}


@contextlib.contextmanager
def shared_by_workers(environ: MutableMapping[str, str]) -> Iterator[None]:
    """Have the processes that are forked in this block count together, in a folder that goes with it.

    ``environ`` is that of this process. Removes the folders of servers that were killed.
    """
    _remove_abandoned(Path(tempfile.gettempdir()))
    folder, held = _held_folder()
    parent = os.getpid()
    environ[VARIABLE] = folder
    try:
        yield
    finally:
        if os.getpid() == parent:
            del environ[VARIABLE]
            shutil.rmtree(folder, ignore_errors=True)
            os.close(held)


def folder_of_workers(environ: Mapping[str, str]) -> str:
    """Return the folder in which this process counts; empty when it counts alone."""
    return environ.get(VARIABLE, "")


def set_aside(folder: Path) -> int:
    """Take a place among those that count, with its room on the disk, and return the place's number.

    The place is this process's until it ends. Who takes it next goes on with its counts, so that there are
    never more files than processes at once. To be called before Prometheus's client counts: that maps sparse
    files into its memory, and on a disk that is full by then, the first count in a new page would end the
    process with SIGBUS. Raises :class:`OSError` when there is no room.
    """
    place, held = _taken_place(folder)
    try:
        for path in folder.glob(f"gauge_live*_{place}.db"):
            path.unlink(missing_ok=True)
        if hasattr(os, "posix_fallocate"):
            for kind, size_bytes in _ROOM_BYTES.items():
                _make_room(folder / f"{kind}_{place}.db", size_bytes)
    except OSError:
        os.close(held)
        raise
    return place


def forget_dead(folder: Path) -> None:
    """Remove what dead processes last said of the moment. What they counted stays."""
    for path in folder.glob("gauge_live*_*.db"):
        place = path.stem.rpartition("_")[2]
        # Held meanwhile, so that nobody takes the place and begins this very file.
        if place.isdigit() and (held := _held(_lock_of(folder, int(place)), os.O_CREAT)) is not None:
            path.unlink(missing_ok=True)
            os.close(held)


def _taken_place(folder: Path) -> tuple[int, int]:
    """Return the lowest number that no living process has, and the descriptor that keeps it."""
    place = 1
    while (held := _held(_lock_of(folder, place), os.O_CREAT)) is None:
        place += 1
    return place, held


def _lock_of(folder: Path, place: int) -> Path:
    return folder / f"{place}.lock"


def _make_room(path: Path, size_bytes: int) -> None:
    """Make a file with all its room, unless it is there. It is never there without: others read it."""
    if path.exists():
        return
    begun = path.with_suffix(".begun")
    descriptor = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size_bytes)
        begun.rename(path)
    except OSError:
        begun.unlink()
        raise
    finally:
        os.close(descriptor)


def _held_folder() -> tuple[str, int]:
    """Make a folder, and return it with the descriptor that keeps it: the parent's, and so its workers'."""
    while True:
        folder = tempfile.mkdtemp(prefix=_PREFIX)
        # Another server that starts now may take it for an abandoned one until it is held.
        try:
            held = _held(Path(folder), os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        if held is not None:
            if Path(folder).is_dir():
                return folder, held
            os.close(held)


def _remove_abandoned(parent: Path) -> None:
    """Remove this user's folders that no process holds: their servers were killed."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            held = _held(folder, os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # another's, or gone meanwhile
            continue
        if held is not None:
            if os.fstat(held).st_uid == os.geteuid():
                shutil.rmtree(folder, ignore_errors=True)
            os.close(held)


def _held(path: Path, flags: int) -> int | None:
    """Return a descriptor that has a file or a folder for itself until it is closed; None if another has."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
