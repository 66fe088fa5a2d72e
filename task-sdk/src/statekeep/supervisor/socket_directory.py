"""The private folder in which a supervisor listens for its task."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .._shared.state.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

# A socket's path has at most 104 bytes with its final zero on macOS, 108 on Linux; `/` and a name follow.
_LONGEST_PATH_BYTES = 90
_FALLBACK = "/tmp"  # noqa: S108 -- the folder made in it is private and has a random name
_ALIVE = "alive"


def choose_socket_directory(environ: Mapping[str, str]) -> Path:
    """Return where this supervisor's folder will be; nothing is made yet.

    The name says whose it is, so that what two kills left behind is recognised.
    """
    name = f"{_prefix()}{os.urandom(8).hex()}"
    temporary = environ.get("TMPDIR") or _FALLBACK
    fits = len(os.fsencode(f"{temporary}/{name}")) <= _LONGEST_PATH_BYTES and "\n" not in temporary
    return Path(temporary if fits and _can_hold_folders(temporary) else _FALLBACK) / name


class SocketDirectory:
    """A folder that only this user can enter, held for as long as this process lives."""

    def __init__(self, path: Path) -> None:
        """Make the folder. Raises :class:`UnavailableError` when it cannot be made.

        Another supervisor that tidies up may find it between being made and being held, and remove it; so
        it counts only when what was locked is what stands there, and is made again until that is so.
        """
        self.path = path
        try:
            while (descriptor := _held(path)) is None:
                pass
        except OSError as error:
            raise UnavailableError(what=f"the folder {path}", problem=str(error.strerror)) from error
        self._descriptor = descriptor

    def remove(self) -> None:
        """Remove the folder with the sockets in it."""
        remove_socket_directory(self.path)
        os.close(self._descriptor)


def _held(path: Path) -> int | None:
    """Make and lock the folder; None when somebody has removed it meanwhile."""
    path.mkdir(mode=0o700, exist_ok=True)  # what is left of the attempt before serves as well
    if path.lstat().st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "it is another user's")
    try:
        descriptor = os.open(path / _ALIVE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.path.samestat((path / _ALIVE).stat(), os.fstat(descriptor)):
            return descriptor
    except FileNotFoundError:
        pass
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def remove_socket_directory(path: Path) -> None:
    """Remove a supervisor's folder. No effect when it is absent."""
    with contextlib.suppress(OSError):
        for entry in list(path.iterdir()):
            entry.unlink()
    with contextlib.suppress(OSError):
        path.rmdir()


def remove_left_behind(beside: Path) -> None:
    """Remove the folders of supervisors that were killed together with their guardians."""
    with contextlib.suppress(OSError):
        for name in os.listdir(beside.parent):  # noqa: PTH208 -- a temporary folder may hold very many
            if name.startswith(_prefix()) and name != beside.name:
                _remove_if_left(beside.parent / name)


def _remove_if_left(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.lstat().st_uid != os.geteuid():
            return
        descriptor = os.open(path / _ALIVE, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            # Held by its supervisor, in this container or another that shares the folder.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # While it is locked: who is about to hold it finds afterwards that it is gone.
            remove_socket_directory(path)
        finally:
            os.close(descriptor)


def _can_hold_folders(temporary: str) -> bool:
    return temporary.startswith("/") and Path(temporary).is_dir() and os.access(temporary, os.W_OK | os.X_OK)


def _prefix() -> str:
    return f"statekeep-{os.geteuid()}-"
