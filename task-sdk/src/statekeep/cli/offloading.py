"""How a command's values come from and go to the backends of this machine, as those of a task do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from .._shared.state import messages as m
from ..accessors.drivers import Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..backends.configured import Backends
    from ..channel.client import ChannelClient
    from ..config import Workers

    OriginOf = Callable[[m.Target], m.TaskAddress | m.AssetAddress]


class _Place(NamedTuple):
    """Where values may lie, whose they are, and which the store takes itself."""

    backends: Backends
    origin_of: OriginOf
    max_value_bytes: int


class Fetching:
    """Answers requests with values in the place of references. ``unread``: which of a listing could not be
    read, by key and version, and why."""

    def __init__(self, transport: Transport, place: _Place) -> None:
        from ..accessors.offloading import Offloading, OffloadingTransport

        self.unread: dict[tuple[str, int | None], Exception] = {}
        self._offloading = OffloadingTransport(transport, Offloading(*place, self.unread))

    def __call__(self, request: Any) -> Any:
        from ..client.store_client import draw_request_id

        return self._offloading.call(request, draw_request_id())


class _Asking(Transport):
    """What answers requests, as a transport. A command has no event loop."""

    def __init__(self, call: Callable[[Any, str | None], Any]) -> None:
        self._call = call

    def call(self, request: Any, request_id: str | None = None) -> Any:
        return self._call(request, request_id)

    async def acall(self, request: Any, request_id: str | None = None) -> Any:
        return self._call(request, request_id)


def with_values_of_task(client: ChannelClient, context: m.Context) -> Fetching | None:
    """Return what answers a task's requests with values in the place of references.

    None when its worker has no backend.
    """
    if not context.state_backend and not context.read_backends:
        return None
    from ..backends.configured import Backends

    addresses = {grant.asset_id: m.AssetAddress(grant.name, grant.uri) for grant in context.grants}

    def origin_of(target: m.Target) -> m.TaskAddress | m.AssetAddress:
        return addresses[target] if isinstance(target, int) else context.task

    return Fetching(client, _Place(Backends.of_context(context), origin_of, context.max_value_bytes))


def with_values_of_operator(call: Callable[[Any, str | None], Any], workers: Workers) -> Fetching | None:
    """Return what answers an operator's requests with values in the place of references.

    None when no backend is configured. Raises ``SettingsError``, of a backend that cannot be made when it is
    first needed.
    """
    if not workers.state_backend and not workers.read_backends:
        return None
    from ..backends.configured import Backends

    store: m.StoreDescription = call(m.DescribeStore(), None)
    backends = Backends.of_settings(workers)
    backends.belong_to(store.store_id)

    def origin_of(target: m.Target) -> m.TaskAddress | m.AssetAddress:
        if isinstance(target, m.AssetAddress):
            found: m.AssetRow = call(m.FindAsset(target), None)  # whatever it was called on the command line
            return m.AssetAddress(found.name, found.uri)
        if isinstance(target, m.TaskAddress):
            return target
        raise TypeError("an operator addresses by name")

    return Fetching(_Asking(call), _Place(backends, origin_of, store.max_value_bytes))
