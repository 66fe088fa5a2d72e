"""What a request costs: a small number of statements, each of which finds its rows through an index."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import apsw
import pytest
from statekeep_core._shared.state import messages as m

from core.tests.conftest import TASK, WORKER, Client
from core.tests.execution_api.conftest import FLIGHTS, OPERATOR, LiveTry, Operator

TABLES = (
    "task_instances",
    "tries",
    "task_entries",
    "assets",
    "asset_grants",
    "asset_entries",
    "asset_history",
    "staged_operations",
    "request_log",
    "external_objects",
    "condemned_objects",
)


@pytest.fixture
def engine() -> str:
    """These are about SQLite's plans; what PostgreSQL does for a request is in `postgres/`."""
    return "sqlite"


@contextmanager
def traced(client: Client) -> Iterator[list[str]]:
    """Collect the statements that the store executes."""
    statements: list[str] = []

    def note(_: apsw.Cursor, sql: str, __: object) -> bool:
        statements.append(sql)
        return True

    connection = client.store._connection
    connection.exec_trace = note
    try:
        yield statements
    finally:
        connection.exec_trace = None


def scans(client: Client, statements: list[str]) -> list[str]:
    """Return the steps of the statements' plans that read a whole table, or a whole index."""
    connection = client.store._connection
    found = []
    for sql in statements:
        # A plain insert reads nothing; its plan shows how SQLite would look for children of the new row if
        # a foreign key stood violated.
        if sql.split()[0] not in ("SELECT", "UPDATE", "DELETE", "WITH"):
            continue
        nulls = (None,) * sql.count("?")
        for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {sql}", nulls):
            words = str(step).split()
            if words[0] == "SCAN" and any(word in TABLES or len(word) == 1 for word in words[1:2]):
                found.append(f"{step}: {sql}")
    return found


class Cost(NamedTuple):
    """What a request made SQLite do: instructions of its machine, and rows that scans stepped over."""

    steps: int
    scanned_rows: int


def cost_of(client: Client, one: LiveTry, request: Any) -> Cost:
    totals = Counter[str]()
    connection = client.store._connection
    connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, lambda event: totals.update(event["stmt_status"]))
    try:
        one.ask(request)
    finally:
        connection.trace_v2(0)
    return Cost(totals["SQLITE_STMTSTATUS_VM_STEP"], totals["SQLITE_STMTSTATUS_FULLSCAN_STEP"])


def data_statements(statements: list[str]) -> list[str]:
    return [sql for sql in statements if sql.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE")]


# Of a write, one asks for objects that it leaves in plain backends, and one per group settles the others.
REQUESTS: list[tuple[Any, int]] = [
    (m.Get("k"), 2),
    (m.Set("k", b"1"), 6),
    (m.Delete("k"), 4),
    (m.Set("k", b"1", if_version=1), 7),
    (m.Increment("n", b"1"), 8),
    (m.ListEntries(prefix="a", after="ab", with_values=True), 2),
    (m.Clear(), 5),
]


@pytest.mark.parametrize(("request_", "count"), REQUESTS, ids=lambda part: type(part).__name__)
def test_task_state_costs_few_statements(
    client: Client, live_try: LiveTry, request_: Any, count: int
) -> None:
    live_try.ask(m.Set("k", b"1"))
    with traced(client) as statements:
        live_try.ask(request_)
    assert len(data_statements(statements)) <= count, statements
    assert scans(client, statements) == []


@pytest.mark.parametrize("staged_before", [0, 500])
@pytest.mark.parametrize("apply_now", [False, True])
def test_asset_state_costs_few_statements(
    client: Client, live_try: LiveTry, staged_before: int, apply_now: bool
) -> None:
    outlet = live_try.outlet
    if staged_before:
        live_try.ask(m.Batch(tuple(m.Increment("n", b"1", outlet) for _ in range(staged_before))))
    for request_ in (
        m.Set("k", b"1", outlet, apply_now=apply_now),
        m.Get("n", outlet),
        m.ListEntries(outlet, "a", "ab", with_values=True),
        m.ListHistory(outlet, "k"),
    ):
        with traced(client) as statements:
            live_try.ask(request_)
        assert len(data_statements(statements)) <= 10, statements
        assert scans(client, statements) == []


@pytest.mark.parametrize(
    "of_try", [m.Finish(True), m.Finish(False), m.Heartbeat()], ids=["succeed", "fail", "heartbeat"]
)
def test_the_life_of_a_try_reads_no_whole_table(client: Client, live_try: LiveTry, of_try: Any) -> None:
    for key in ("a", "b"):
        live_try.ask(m.Set(key, b"1", live_try.outlet))
    with traced(client) as statements:
        live_try.ask(of_try)
        LiveTry(client, TASK._replace(task_id="next"))
    assert scans(client, statements) == []


def test_operators_reach_one_entry_through_indexes(
    client: Client, live_try: LiveTry, operator: Operator
) -> None:
    live_try.ask(m.Set("k", b"1", live_try.outlet, apply_now=True))
    with traced(client) as statements:
        operator.ask(m.Get("k", TASK))
        operator.ask(m.Get("k", FLIGHTS))
        operator.ask(m.Set("k", b"2", FLIGHTS))
        operator.ask(m.Rewind(FLIGHTS, "k", 1))
    assert scans(client, statements) == []


OF_A_TRY: list[Any] = [
    m.Get("k"),
    m.Set("k", b"1"),
    m.Increment("n", b"1"),
    m.Delete("k"),
    m.ListEntries(limit=10),
    m.ListEntries(prefix="o"),
    m.ListEntries(after="o"),
]
OF_ITS_ASSET: list[Any] = [
    *OF_A_TRY,
    m.Set("at once", b"1", apply_now=True),
    m.ListHistory(None, "k"),
]


def fill(client: Client, count: int) -> None:
    """Give every table of the store rows that a request for one entry has nothing to do with."""
    other = LiveTry(client, TASK._replace(task_id="other"), holds_lock=True)
    for one in (other, LiveTry(client, TASK, holds_lock=True)):
        outlet = one.outlet
        client.ask_together(
            *[(one.claims, m.Increment(f"log {n}", b"1"), f"id {n}") for n in range(count)],
            *[(one.claims, m.Set(f"now {n}", b"1", outlet, apply_now=True)) for n in range(count)],
            *[(one.claims, m.Set("busy", b"1", outlet, apply_now=True)) for n in range(count)],
            *[(one.claims, m.Set(f"staged {n}", b"1", outlet)) for n in range(count)],
        )
    client.ask_together(
        *[(OPERATOR, m.Set("k", b"1", TASK._replace(map_index=index))) for index in range(count)],
        *[(WORKER, m.Start(TASK, holds_lock=True, outlets=(m.AssetAddress(f"a{n}"),))) for n in range(count)],
    )


@pytest.mark.parametrize("target", ["task", "asset"])
def test_a_request_costs_the_same_in_a_large_store(client: Client, target: str) -> None:
    requests = OF_A_TRY if target == "task" else OF_ITS_ASSET

    def costs() -> list[Cost]:
        one = LiveTry(client, holds_lock=True)
        asked = [request._replace(target=None if target == "task" else one.outlet) for request in requests]
        one.ask(asked[1])
        return [cost_of(client, one, request) for request in asked]

    fill(client, 20)
    small = costs()
    fill(client, 600)
    large = costs()
    for request, before, after in zip(requests, small, large, strict=True):
        assert after.steps < before.steps * 1.5 + 50, request
        assert after.scanned_rows <= before.scanned_rows + 1, request


def test_a_write_costs_the_same_however_much_its_try_has_staged(client: Client, live_try: LiveTry) -> None:
    outlet = live_try.outlet
    requests = [request._replace(target=outlet) for request in OF_A_TRY[:4]]

    def costs() -> list[Cost]:
        return [cost_of(client, live_try, request) for request in requests]

    live_try.ask(m.Batch(tuple(m.Set(f"{n}", b"1", outlet) for n in range(10))))
    costs()
    small = costs()
    live_try.ask(m.Batch(tuple(m.Set(f"x{n}", b"1", outlet) for n in range(900))))
    for request, before, after in zip(requests, small, costs(), strict=True):
        assert after.steps < before.steps * 1.5 + 50, request


def test_a_scan_would_be_noticed(client: Client) -> None:
    assert scans(client, ["SELECT * FROM task_entries WHERE key = ?"])


def test_a_key_that_is_staged_over_and_over_is_one_row(client: Client, live_try: LiveTry) -> None:
    for request_ in (m.Set("k", b"1"), m.Increment("n", b"1"), m.SetMax("w", b'"2013-01-01"'), m.Delete("d")):
        live_try.ask(m.Batch((request_._replace(target=live_try.outlet),) * 50))
    [(rows,)] = client.store._connection.execute("SELECT count(*) FROM staged_operations")
    assert rows == 4
    assert live_try.finish().applied_operations == 200
    [(rows,)] = client.store._connection.execute("SELECT count(*) FROM staged_operations")
    assert rows == 0
