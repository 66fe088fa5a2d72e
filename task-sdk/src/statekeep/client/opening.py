"""Opens the way to the store that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._shared.state.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..config import Settings
    from .store_client import StoreClient


def open_client(settings: Settings, environ: Mapping[str, str]) -> StoreClient:
    """Open a client of the store that is configured: the embedded one, unless there is an API server."""
    _check_embedded(settings)
    from .embedded import open_embedded

    return open_embedded(environ)


def open_client_apart(settings: Settings, environ: Mapping[str, str]) -> StoreClient:
    """As :func:`open_client`; an embedded store is used in a thread of its own only.

    For a process that runs other people's code, whose interrupts must not strike the store in the middle.
    """
    _check_embedded(settings)
    from .embedded import open_embedded_apart

    return open_embedded_apart(environ)


def lock_directory(settings: Settings, environ: Mapping[str, str]) -> Path:
    """Return the folder of the locks that tell which tries run on this machine, beside the store's file."""
    _check_embedded(settings)
    from .embedded import store_path

    path = store_path(environ)
    return path.with_name(f"{path.name}.locks")  # each store its own, also when two share a folder


def _check_embedded(settings: Settings) -> None:
    if settings.api.url:
        raise UnsupportedError(
            what=f"the server {settings.api.url}",
            problem="this release has the embedded store only; unset [api] url",
        )
