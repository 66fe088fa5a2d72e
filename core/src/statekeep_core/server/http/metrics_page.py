"""The page where Prometheus reads what the server has counted, and what the store says of itself then."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from statekeep_core._shared.state.errors import StatekeepError
from statekeep_core.server.telemetry.metrics import CONTENT_TYPE
from statekeep_core.server.telemetry.observing import METRICS_PATH
from statekeep_core.server.telemetry.store_figures import store_figures

from . import responses
from .responses import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from statekeep_core.server.engine import Engine
    from statekeep_core.server.telemetry.metrics import Metrics

# The queues are looked at so often; the store only when somebody reads.
_SAMPLE_SECONDS = 1.0
# Several that read at once share a look at the store, which is given no longer than a scrape may take.
_SHARED_SECONDS = 5.0
_PATIENCE_SECONDS = 3.0


class MetricsPage:
    """Makes the page, and keeps what it shows of the moment up to date."""

    def __init__(self, metrics: Metrics, engine: Engine) -> None:
        self._metrics = metrics
        self._engine = engine
        self._looked_at = -_SHARED_SECONDS

    async def run(self) -> None:
        """Sample the queues until cancelled."""
        while True:
            self._sample()
            await asyncio.sleep(_SAMPLE_SECONDS)

    async def response(self) -> Response:
        """Return the page."""
        self._sample()
        if time.monotonic() - self._looked_at >= _SHARED_SECONDS:
            self._looked_at = time.monotonic()
            await self._look()
        # Some milliseconds of work, which no request should wait for.
        page = await asyncio.to_thread(self._metrics.page)
        return Response(200, page, CONTENT_TYPE)

    def _sample(self) -> None:
        self._metrics.sample(self._engine.waiting, self._engine.traffic)

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                self._metrics.store_is(await self._engine.transact(store_figures))
        except (StatekeepError, TimeoutError):
            self._metrics.store_is(None)


class MetricsApplication:
    """An ASGI application that shows the page to whoever asks, and nothing else."""

    def __init__(self, page: MetricsPage) -> None:
        self._page = page

    async def __call__(
        self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        del receive  # what is sent along interests nobody
        if scope["type"] != "http":
            raise RuntimeError(f"the metrics are read over HTTP, and were asked for over {scope['type']}")
        if scope["path"] == METRICS_PATH and scope["method"] in ("GET", "HEAD"):
            response = await self._page.response()
        else:
            response = responses.of_document({"problem": f"only {METRICS_PATH} is here"}, 404)
        headers = [
            (b"content-type", response.content_type),
            (b"content-length", b"%d" % len(response.body)),
        ]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})
