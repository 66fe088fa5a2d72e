"""What an object store must do for the backend: the seam between its flows and a disk or a service."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

DELETED_AT_ONCE = 1_000  # as many as S3 takes in one request


class ObjectExistsError(Exception):
    """There is an object under the path already, and the put was to create one."""


class ObjectAbsentError(Exception):
    """There is no object under the path."""


class Listed(NamedTuple):
    """An object as a listing shows it."""

    path: str
    size_bytes: int
    modified_at: datetime


class ObjectStream(Protocol):
    """An object that is being read."""

    def read(self) -> bytes | None:
        """Return the next piece, or None at the end."""

    def close(self) -> None:
        """Let go of it; reading it to the end does so too."""


class Medium(Protocol):
    """Paths are relative to the backend's url. Errors are the two above, or the contract's.

    Every method may be called from several threads at once. One with ``is_async`` is an ``AsyncMedium``;
    of any other, the whole flow runs in a thread.
    """

    is_async: bool
    creates_in_parts: bool  # whether `create` holds for a put of pieces, too

    def put(self, path: str, body: bytes | Iterable[bytes], create: bool) -> None:
        """Write an object, whole or not at all, durably. With ``create``, raise ``ObjectExistsError``."""

    def exists(self, path: str) -> bool:
        """Return whether there is an object."""

    def open(self, path: str) -> ObjectStream:
        """Begin to read an object."""

    def read_start(self, path: str, most_bytes: int) -> bytes:
        """Return the first bytes of an object."""

    def delete(self, paths: Sequence[str]) -> None:
        """Remove those of at most ``DELETED_AT_ONCE`` objects that there are; an absent one is no error."""

    def pages(self, folder: str) -> Iterator[Sequence[Listed]]:
        """Yield all objects below a folder, in pages; raise when they are not all that there are."""

    def paths_below(self, folder: str) -> list[str]:
        """Return the paths of all objects below a folder."""

    def remove_leftovers(self) -> None:
        """Remove what writers that were killed have left, once it is old enough to be nobody's."""


class AsyncMedium(Medium, Protocol):
    """A medium with twins."""

    async def aput(self, path: str, body: bytes | Iterable[bytes], create: bool) -> None:
        """The async twin of :meth:`put`."""

    async def aexists(self, path: str) -> bool:
        """The async twin of :meth:`exists`."""

    async def aopen(self, path: str) -> ObjectStream:
        """The async twin of :meth:`open`."""

    async def adelete(self, paths: Sequence[str]) -> None:
        """The async twin of :meth:`delete`."""

    async def apaths_below(self, folder: str) -> list[str]:
        """The async twin of :meth:`paths_below`."""
