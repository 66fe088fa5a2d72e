"""Opens the way to the store that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._shared.settings import data_directory
from ..tracing.following import NO_TRACING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ..config import Settings
    from ..tracing.following import Tracing
    from .store_client import StoreClient


def _say_nothing(_message: str) -> None:
    """Where nobody listens."""


def open_client(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    say: Callable[[str], object] = _say_nothing,
    tracing: Tracing = NO_TRACING,
) -> StoreClient:
    """Open a client of the store that is configured: the embedded one, unless there is an API server.

    ``say`` is told when no server answers for a while.
    """
    if settings.api.url:
        return _open_http(settings, say, tracing)
    from .embedded import open_embedded

    return open_embedded(environ)


def open_client_apart(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    say: Callable[[str], object] = _say_nothing,
    tracing: Tracing = NO_TRACING,
) -> StoreClient:
    """As :func:`open_client`; an embedded store is used in a thread of its own only.

    For a process that runs other people's code, whose interrupts must not strike the store in the middle.
    """
    if settings.api.url:
        return _open_http(settings, say, tracing)
    from .embedded import open_embedded_apart

    return open_embedded_apart(environ)


def lock_directory(settings: Settings, environ: Mapping[str, str]) -> Path:
    """Return the folder of the locks that tell which tries run on this machine.

    Beside the embedded store's file, or, for the store behind a server, among the user's data.
    """
    if settings.api.url:
        from hashlib import sha256
        from pathlib import Path

        store = sha256(",".join(sorted(settings.api.url)).encode()).hexdigest()[:16]
        return Path(data_directory(environ)) / "servers" / f"{store}.locks"
    from .embedded import store_path

    path = store_path(environ)
    return path.with_name(f"{path.name}.locks")  # each store its own, also when two share a folder


def _open_http(settings: Settings, say: Callable[[str], object], tracing: Tracing) -> StoreClient:
    from .http import HttpClient

    api = settings.api
    return HttpClient(
        api.url,
        api.credential,
        patience_seconds=api.patience_seconds,
        answer_seconds=api.answer_seconds,
        say=say,
        tracing=tracing,
    )
