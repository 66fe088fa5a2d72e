"""Where several workers keep their counts, so that whichever is asked answers for all of them."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping
    from pathlib import Path

# Prometheus's client has no other way to be told, and reads it when it is imported.
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

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

    ``environ`` is that of this process.
    """
    folder = tempfile.mkdtemp(prefix="statekeep-metrics-")
    parent = os.getpid()
    environ[VARIABLE] = folder
    try:
        yield
    finally:
        if os.getpid() == parent:
            del environ[VARIABLE]
            shutil.rmtree(folder, ignore_errors=True)


def folder_of_workers(environ: Mapping[str, str]) -> str:
    """Return the folder in which this process counts; empty when it counts alone."""
    return environ.get(VARIABLE, "")


def set_aside(folder: Path) -> None:
    """Take the room on the disk for what this process counts, before Prometheus's client is imported.

    That client maps sparse files into its memory: on a disk that is full by then, the first count in a new
    page would end the process with SIGBUS. Raises :class:`OSError` when there is no room.
    """
    for kind, size_bytes in _ROOM_BYTES.items():
        path = folder / f"{kind}_{os.getpid()}.db"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, size_bytes)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(descriptor)


def forget_dead(folder: Path) -> None:
    """Remove what dead processes last said of the moment. What they counted stays."""
    for path in folder.glob("gauge_live*_*.db"):
        process_id = path.stem.rpartition("_")[2]
        if process_id.isdigit() and not _is_alive(int(process_id)):
            path.unlink(missing_ok=True)


def _is_alive(process_id: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process_id, 0)
        return True
    return False
