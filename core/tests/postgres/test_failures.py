"""What PostgreSQL refuses is told in the contract's errors, and never in words that may quote a value."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import psycopg
import pytest
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m
from statekeep_core.postgres.failures import contract_error
from statekeep_core.postgres.store import open_store

from core.tests.conftest import Client

# As somebody may have added one to audit what is written.
QUOTING = """
CREATE FUNCTION quote_it() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION 'not allowed: %', convert_from(NEW.value, 'UTF8') USING TABLE = 'task_entries'; END$$;
CREATE TRIGGER quotes BEFORE INSERT ON task_entries FOR EACH ROW EXECUTE FUNCTION quote_it();
"""


@pytest.fixture
def client(new_database: str) -> Iterator[Client]:
    store = open_store(new_database, connections=2)
    with psycopg.connect(new_database, autocommit=True) as connection:
        connection.execute(QUOTING)
    yield Client(store)
    store.close()


def test_a_fault_is_told_by_its_kind_and_logged_by_its_names(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    claims = client.start()
    with caplog.at_level(logging.ERROR), pytest.raises(errors.InternalFaultError) as told:
        client.ask(claims, m.Set("k", b'"secret"'))
    assert told.value.facts["problem"] == "RaiseException, P0001"
    [record] = caplog.records
    assert record.__dict__["event"] == "fault"
    fields = record.__dict__["fields"]
    assert (fields["sqlstate"], fields["table_name"]) == ("P0001", "task_entries")
    assert "RaiseException" in fields["traceback"]
    assert "secret" not in f"{told.value} {told.value.facts} {record.__dict__}"


def test_a_session_that_was_given_to_others_is_no_fault_and_can_be_tried_again() -> None:
    told = contract_error(psycopg.errors.InvalidSqlStatementName("no such statement"), "a place")
    assert isinstance(told, errors.UnavailableError)
    assert "pool_mode" in str(told)
