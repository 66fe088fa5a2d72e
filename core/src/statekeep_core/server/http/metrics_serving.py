"""Serves the metrics at an address of their own."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, NamedTuple

import uvicorn

from statekeep_core.server import listening

from .connections import BoundedProtocol
from .metrics_page import MetricsApplication, MetricsPage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from statekeep_core.server.engine import Engine
    from statekeep_core.server.telemetry.metrics import Metrics
    from statekeep_core.server_options import Server

_BACKLOG = 64


class Place(NamedTuple):
    """An address to listen at."""

    host: str
    port: int


@contextlib.asynccontextmanager
async def showing_metrics(metrics: Metrics, engine: Engine, options: Server) -> AsyncIterator[MetricsPage]:
    """Keep a page of metrics during this block, served at an address of its own if the settings have one.

    Raises :class:`StoreUnusableError` when the address is not to be had.
    """
    page = MetricsPage(metrics, engine)
    sampling = asyncio.ensure_future(page.run())
    try:
        async with _serving(page, options):
            yield page
    finally:
        sampling.cancel()
        await asyncio.wait([sampling])


@contextlib.asynccontextmanager
async def _serving(page: MetricsPage, options: Server) -> AsyncIterator[None]:
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
