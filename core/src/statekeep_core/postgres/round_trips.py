"""Several statements in one round trip: sent together, and answered together."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from .connection import BoundedConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg


@contextlib.contextmanager
def one_round_trip(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Send what the block executes together at its end; its results are there after it.

    Outside a transaction, its statements are one, which is committed. The first error is raised at the end,
    and then nothing is.
    """
    waits = connection.waits if isinstance(connection, BoundedConnection) else 0
    try:
        with connection.pipeline():
            yield
    finally:
        if isinstance(connection, BoundedConnection):
            # The driver asks for each statement whether it can be written, which is no wait for the database.
            connection.waits = waits + 1
