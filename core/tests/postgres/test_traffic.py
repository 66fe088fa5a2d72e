"""What is counted between a process and PostgreSQL."""

from __future__ import annotations

import pytest
from statekeep_core._shared.state.errors import StatekeepError
from statekeep_core.policy import Work
from statekeep_core.postgres.store import open_store
from statekeep_core.server.telemetry.store_figures import store_figures


def test_each_wait_for_the_database_is_counted_and_what_it_refuses_by_its_kind(
    postgres_store_url: str,
) -> None:
    store = open_store(postgres_store_url, connections=1)
    try:
        store.transact(lambda work: work.tx.store_id())
        before = store.traffic()
        store.transact(lambda work: work.tx.store_id())
        after = store.traffic()
        # One for BEGIN with the clock, one for the statement, one for COMMIT.
        assert after.round_trips - before.round_trips == 3
        assert after.errors == {}

        def fail(work: Work) -> None:
            work.tx.rows("SELECT 1 / 0")

        with pytest.raises(StatekeepError):
            store.transact(fail)
        assert store.traffic().errors == {"DivisionByZero": 1}
    finally:
        store.close()


def test_the_figures_of_an_empty_store_are_nothing(postgres_store_url: str) -> None:
    store = open_store(postgres_store_url, connections=1)
    try:
        figures = store.transact(store_figures)
    finally:
        store.close()
    assert (figures.running_tries, figures.pending_disposals, figures.oldest_due_at_us) == (0, 0, 0)
