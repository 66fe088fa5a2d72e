"""Objects as files of a local disk, which are there whole after a power cut, or not at all.

Not through obstore, whose local store (0.12) writes a temporary file and renames it, but never calls
fsync: a power cut could leave an acknowledged object empty, or without its name.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..._shared.state.errors import StatekeepError, StoreUnusableError, UnavailableError
from .medium import Listed, ObjectAbsentError, ObjectExistsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_TEMPORARY = ".temporary"
_LEFTOVER_SECONDS = 86_400  # nobody writes one object for a day
_FIRST_READ_BYTES = 4 << 20  # at most; up to there, a value is decoded in one piece
_READ_BYTES = 1 << 20
_PLACING_ATTEMPTS = 100  # each lost to somebody who removed the folder, which was empty, at that moment
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class LocalFiles:
    """The files below one folder, which must exist as a bucket must; folders in it that fall empty go."""

    is_async = False
    creates_in_parts = True

    def __init__(self, folder: str, url: str, now_seconds: Callable[[], float] = time.time) -> None:
        self._folder = folder.rstrip("/")
        self._where = url
        self._now_seconds = now_seconds

    def put(self, path: str, body: bytes | Iterable[bytes], create: bool) -> None:
        with self._translated():
            temporary = self._written([body] if isinstance(body, bytes) else body)
            try:
                self._place(temporary, f"{self._folder}/{path}", create)
            finally:
                with suppress(FileNotFoundError):  # a rename took it away
                    Path(temporary).unlink()

    def exists(self, path: str) -> bool:
        with self._translated():
            return Path(f"{self._folder}/{path}").exists()

    def open(self, path: str) -> _FileStream:
        return self._opened(path, _FIRST_READ_BYTES)

    def _opened(self, path: str, first_read_bytes: int) -> _FileStream:
        try:
            descriptor = os.open(f"{self._folder}/{path}", os.O_RDONLY | os.O_CLOEXEC)
            return _FileStream(self._where, descriptor, first_read_bytes)
        except FileNotFoundError:
            self._check_folder()
            raise ObjectAbsentError from None
        except OSError as error:
            raise _failure(self._where, error) from error

    def read_start(self, path: str, most_bytes: int) -> bytes:
        stream = self._opened(path, most_bytes)
        try:
            return stream.read() or b""
        finally:
            stream.close()

    def delete(self, paths: Sequence[str]) -> None:
        self._check_folder()  # of an unmounted volume nothing is deleted by not being there
        changed = set()
        with self._translated():
            for path in paths:
                with suppress(FileNotFoundError):
                    Path(f"{self._folder}/{path}").unlink()
                    changed.add(self._without_empty_folders(path))
            for folder in changed:
                with suppress(FileNotFoundError):  # it fell empty by a later one, whose folder is in the set
                    _sync_folder(folder)

    def pages(self, folder: str) -> Iterator[Sequence[Listed]]:
        self._check_folder()
        with self._translated():
            yield from self._walk(folder)

    def paths_below(self, folder: str) -> list[str]:
        with self._translated():
            return [listed.path for page in self._walk(folder) for listed in page]

    def remove_leftovers(self) -> None:
        before = self._now_seconds() - _LEFTOVER_SECONDS
        with self._translated(), suppress(FileNotFoundError):
            for entry in list(os.scandir(f"{self._folder}/{_TEMPORARY}")):
                with suppress(FileNotFoundError):  # its writer ended after all
                    if entry.stat(follow_symlinks=False).st_mtime < before:
                        Path(entry.path).unlink()

    def _written(self, pieces: Iterable[bytes]) -> str:
        """Write a temporary file beside the others, so that it can be renamed; return its path."""
        path = f"{self._folder}/{_TEMPORARY}/{os.getpid()}-{os.urandom(8).hex()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags, 0o666)
        except FileNotFoundError:
            self._check_folder()
            _make_folders(Path(path).parent)
            descriptor = os.open(path, flags, 0o666)
        try:
            for piece in pieces:
                _write_all(descriptor, piece)
            os.fsync(descriptor)
        except BaseException:
            Path(path).unlink()
            raise
        finally:
            os.close(descriptor)
        return path

    def _place(self, temporary: str, target: str, create: bool) -> None:
        folder = Path(target).parent
        for left in reversed(range(_PLACING_ATTEMPTS)):
            try:
                if create:
                    _link(temporary, target)
                else:
                    Path(temporary).replace(target)
                break
            except FileExistsError:
                # Whoever gave it its name may have been killed before the name was durable.
                _sync_folder(folder)
                raise ObjectExistsError from None
            except FileNotFoundError:
                if not left:
                    raise
                self._check_folder()
                _make_folders(folder)
        _sync_folder(folder)

    def _without_empty_folders(self, path: str) -> Path:
        """Remove the folders of a path that are empty; return the lowest that stays."""
        top, folder = Path(self._folder), Path(f"{self._folder}/{path}").parent
        with suppress(OSError):  # not empty, or removed by somebody else
            while folder != top:
                folder.rmdir()
                folder = folder.parent
        return folder

    def _walk(self, folder: str) -> Iterator[list[Listed]]:
        waiting = [folder]
        while waiting:
            folder = waiting.pop()
            page = []
            try:
                entries = list(os.scandir(f"{self._folder}/{folder}"))
            except FileNotFoundError:  # fell empty meanwhile
                continue
            for entry in entries:
                with suppress(FileNotFoundError):  # deleted meanwhile
                    found = entry.stat(follow_symlinks=False)
                    path = f"{folder}/{entry.name}"
                    if stat.S_ISDIR(found.st_mode):
                        waiting.append(path)
                    elif stat.S_ISREG(found.st_mode):
                        page.append(Listed(path, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC)))
            yield page

    def _check_folder(self) -> None:
        """Raise ``store_unusable`` for a volume that is not mounted: it is no empty store."""
        if not Path(self._folder).is_dir():
            remedy = "mount it or create it, or correct the url"
            raise StoreUnusableError(what=self._where, problem="the folder does not exist", remedy=remedy)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _failure(self._where, error) from error


class _FileStream:
    """A file that is being read."""

    def __init__(self, where: str, descriptor: int, first_read_bytes: int) -> None:
        self._where = where
        self._descriptor: int | None = descriptor
        # One more than there are: what comes up short has met the end.
        self._next_bytes = min(first_read_bytes, os.fstat(descriptor).st_size + 1)

    def read(self) -> bytes | None:
        if self._descriptor is None:
            return None
        try:
            piece = os.read(self._descriptor, self._next_bytes)
        except OSError as error:
            raise _failure(self._where, error) from error
        if len(piece) < self._next_bytes:
            self.close()
        self._next_bytes = _READ_BYTES
        return piece or None

    def close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)


def _write_all(descriptor: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _link(temporary: str, target: str) -> None:
    """Give the file its name, unless another has it."""
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        # A file system without hard links. A storage key has one writer, so looking first is enough.
        if Path(target).exists():
            raise FileExistsError(errno.EEXIST, "exists") from None
        Path(temporary).replace(target)


def _make_folders(folder: Path) -> None:
    """Make a folder and those above it, durably, unless they are removed again at once."""
    if not folder.parent.is_dir():
        _make_folders(folder.parent)
    with suppress(FileExistsError, FileNotFoundError):  # empty folders come and go with their neighbours
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failure(where: str, error: OSError) -> StatekeepError:
    said = error.strerror or type(error).__name__
    if error.errno in _NO_ROOM:
        return UnavailableError(what=where, problem=f"there is no room to write ({said})")
    if error.errno in _NOT_ALLOWED:
        remedy = "let the worker's user read and write the folder"
        return StoreUnusableError(what=where, problem=said, remedy=remedy)
    return UnavailableError(what=where, problem=said)
