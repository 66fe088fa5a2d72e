"""Statements that go together are one wait for the database, and are counted so."""

from __future__ import annotations

import os
import tempfile

from statekeep_core.postgres.round_trips import one_round_trip

from core.tests.conftest import Client


def test_statements_that_go_together_are_answered_at_once(live: Client) -> None:
    """As the driver's own trace has it: one sign from the database that it is ready for more."""
    with live.store._pool.connection() as connection, tempfile.TemporaryFile() as trace:
        connection.pgconn.trace(trace.fileno())
        before = connection.waits
        with one_round_trip(connection):
            cursors = [connection.execute("SELECT %s::bigint", (number,)) for number in range(3)]
        assert connection.waits - before == 1
        connection.pgconn.untrace()
        trace.seek(0, os.SEEK_SET)
        assert trace.read().count(b"ReadyForQuery") == 1
    assert [cursor.fetchall() for cursor in cursors] == [[(0,)], [(1,)], [(2,)]]
