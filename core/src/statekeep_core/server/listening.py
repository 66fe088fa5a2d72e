"""The address that a server has: bound before the store is opened, listened on when that is there."""

from __future__ import annotations

import errno
import socket
import sys
import time
from typing import TYPE_CHECKING

from statekeep_core._shared.state.errors import StoreUnusableError

if TYPE_CHECKING:
    from typing import Protocol

    from statekeep_core.server_options import Server

    class Place(Protocol):
        """Where to listen; the settings of the server are one."""

        @property
        def host(self) -> str: ...
        @property
        def port(self) -> int: ...


# Where the kernel shares connections out among the sockets that have one address. Elsewhere the last one
# that was bound gets them all.
_SHARES_OUT = sys.platform == "linux"
# The workers of a parent that was killed leave its address as soon as they see that.
_LEAVING_SECONDS = 2.0
_PAUSE_SECONDS = 0.1


def bound(place: Place) -> socket.socket:
    """Return a socket that has the address of the settings, and takes no connections yet.

    Raises :class:`StoreUnusableError` when the address is not to be had.
    """
    return _bound(place, place.port)


def shared(place: Place) -> socket.socket:
    """As :func:`bound`, at an address that other processes have in this way, too, and each may answer."""
    return _bound(place, place.port, is_shared=True)


def reserved(options: Server) -> socket.socket:
    """Return a socket that keeps the address for :func:`of_worker`, and never listens itself.

    Raises :class:`StoreUnusableError` when the address is not to be had, also when another server keeps it.
    """
    give_up_at = time.monotonic() + _LEAVING_SECONDS
    while True:
        try:
            return _reserved(options)
        except StoreUnusableError as error:
            is_taken = isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE
            if not is_taken or time.monotonic() > give_up_at:
                raise
        time.sleep(_PAUSE_SECONDS)


def mark_of(options: Server, had: socket.socket) -> socket.socket:
    """Return what one server has of an address until it listens there, when it may close it.

    Sockets that are only bound to one address do not keep each other out: of two servers that wait for their
    databases, the workers would share it later, or one would fail. Raises :class:`StoreUnusableError` when
    another server has it.
    """
    mark = socket.socket(socket.AF_UNIX)
    if not _SHARES_OUT:
        return mark
    host, port = had.getsockname()[:2]
    try:
        try:
            # No file: it goes with its last holder, as an address does.
            mark.bind(f"\0statekeep server {host} {port}")
        except OSError as error:
            raise _not_to_be_had(host, port, error) from error
        _bound(options, port).close()  # who has just closed the mark listens
    except BaseException:
        mark.close()
        raise
    return mark


def _reserved(options: Server) -> socket.socket:
    with _bound(options, options.port) as probe:
        if not _SHARES_OUT:
            return probe.dup()
        # A socket that shares its address would get in beside another server, unnoticed.
        port = probe.getsockname()[1]
    return _bound(options, port, is_shared=True)


def of_worker(options: Server, reserved: socket.socket) -> socket.socket:
    """Return one worker's socket at a reserved address, which takes no connections yet.

    On Linux it is the worker's own. With one socket for all, of 64 connections that came at once, one of two
    processes took 59 to 62; with one each, 33 to 37. And what waits at the socket of a worker that dies is
    refused at once, instead of waiting for its successor.
    """
    if not _SHARES_OUT:
        return reserved
    return _bound(options, reserved.getsockname()[1], is_shared=True)


def listen(listener: socket.socket, backlog: int) -> None:
    """Take connections from now on. Raises :class:`StoreUnusableError` when another program does already."""
    try:
        listener.listen(backlog)
    except OSError as error:
        host, port = listener.getsockname()[:2]
        raise _not_to_be_had(host, port, error) from error


def url_of(options: Server, listener: socket.socket) -> str:
    """Return where clients find the server."""
    host, port = listener.getsockname()[:2]
    scheme = "https" if options.tls_certificate else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _bound(place: Place, port: int, *, is_shared: bool = False) -> socket.socket:
    listener: socket.socket | None = None
    try:
        [(family, kind, _, _, address), *_] = socket.getaddrinfo(
            place.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise _not_to_be_had(place.host, port, error) from error
    return listener


def _not_to_be_had(host: str, port: int, error: OSError) -> StoreUnusableError:
    return StoreUnusableError(
        what=f"the address {host}:{port}",
        problem=str(error.strerror or error),
        remedy="set [server] host and port, or metrics_address, to one that is free here",
    )
