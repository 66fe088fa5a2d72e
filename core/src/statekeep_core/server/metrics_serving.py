"""Serves the metrics at an address of their own."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, NamedTuple

import uvicorn

from . import listening
from .connections import BoundedProtocol
from .metrics_page import MetricsApplication

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from statekeep_core.server_options import Server

    from .metrics_page import MetricsPage

_BACKLOG = 64


class Place(NamedTuple):
    """An address to listen at."""

    host: str
    port: int


@contextlib.asynccontextmanager
async def serving_metrics(page: MetricsPage, options: Server) -> AsyncIterator[None]:
    """Show a page at the address of the settings, if there is one, during this block.

    Raises :class:`StoreUnusableError` when the address is not to be had.
    """
    if not options.metrics_address:
        yield
        return
    # Any worker answers for all of them, so that it does not matter who gets a connection.
    bound = listening.shared if options.workers > 1 else listening.bound
    with bound(place_of(options.metrics_address)) as listener:
        listening.listen(listener, _BACKLOG)
        server = _Server(_configuration(page))
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            server.should_exit = True
            await asyncio.wait([serving])


def place_of(address: str) -> Place:
    """Return the host and the port of an address that the settings have checked."""
    host, _, port = address.rpartition(":")
    return Place(host.strip("[]"), int(port))


class _Server(uvicorn.Server):
    """Leaves the signals to whoever serves the store."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _configuration(page: MetricsPage) -> uvicorn.Config:
    return uvicorn.Config(
        MetricsApplication(page),
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
