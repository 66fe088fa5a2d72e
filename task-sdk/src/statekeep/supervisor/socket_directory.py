"""The private folder in which a supervisor listens for its task."""

from __future__ import annotations

import contextlib
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
    wanted = f"{environ.get('TMPDIR') or _FALLBACK}/{name}"
    fits = len(os.fsencode(wanted)) <= _LONGEST_PATH_BYTES and Path(wanted).is_absolute()
    return Path(wanted if fits else f"{_FALLBACK}/{name}")


class SocketDirectory:
    """A folder that only this user can enter, held for as long as this process lives."""

    def __init__(self, path: Path) -> None:
        """Make the folder. Raises :class:`UnavailableError` when it cannot be made."""
        self.path = path
        try:
            path.mkdir(mode=0o700)
            self._descriptor = os.open(path / _ALIVE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise UnavailableError(what=f"the folder {path}", problem=str(error.strerror)) from error

    def remove(self) -> None:
        """Remove the folder with the sockets in it."""
        remove_socket_directory(self.path)
        os.close(self._descriptor)


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
        except BlockingIOError:
            return
        finally:
            os.close(descriptor)
        remove_socket_directory(path)


def _prefix() -> str:
    return f"statekeep-{os.geteuid()}-"
