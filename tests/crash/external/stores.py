"""The store of a place: a file, under a clock that is ahead, or one behind a server, with the true time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from statekeep import config
from statekeep.client import opening
from statekeep.client.embedded import EmbeddedClient
from statekeep_core.embedded import open_store
from statekeep_core.policy import Policy

from tests.crash.external.moved_clock import MovedClock
from tests.crash.killing_files import AnsweringStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from statekeep.client.store_client import StoreClient

    from tests.crash.steps import Killer

# Few, so that a history loses rows, and with them objects.
POLICY = Policy(asset_history_versions=3)


def is_served(environ: Mapping[str, str]) -> bool:
    """Return whether workers reach the store through a server."""
    return "STATEKEEP__API__URL" in environ


def open_directly(store: str, environ: Mapping[str, str], ahead_seconds: float) -> Any:
    """Open a file, or a database by its url, past any server."""
    if store.startswith("postgresql:"):
        from statekeep_core.postgres.store import open_store as open_database

        return open_database(store, POLICY, connections=2)
    return open_store(Path(store), POLICY, None if is_served(environ) else MovedClock(ahead_seconds))


def open_client(store: str, environ: Mapping[str, str], ahead_seconds: float, killer: Killer) -> StoreClient:
    """Open the store as a worker does: that of a server, or a file with steps in it."""
    if is_served(environ):
        return opening.open_client(config.load(environ), environ, say=say)
    return EmbeddedClient(AnsweringStore(open_directly(store, environ, ahead_seconds), killer))


def say(message: str) -> None:
    """Say it as the command does."""
    sys.stderr.write(f"statekeep: {message}\n")
