"""A database that goes away makes the store unavailable, never wrong, and never hanging."""

import select
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m
from statekeep_core.metastore import tries
from statekeep_core.policy import Work
from statekeep_core.postgres import connection as connection_module
from statekeep_core.postgres.store import open_store

from core.tests.conftest import TASK, WORKER, Client
from core.tests.execution_api.conftest import LiveTry
from tests.postgresql.cluster import Cluster, running_cluster

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """One that these tests may kill; what it has acknowledged is on the disk."""
    with running_cluster("fsync=on", "full_page_writes=on") as cluster:
        yield cluster


@pytest.fixture
def client(own_cluster: Cluster) -> Iterator[Client]:
    store = open_store(own_cluster.conninfo(own_cluster.make_database()), connections=4)
    yield Client(store)
    store.close()


def until_available(client: Client, claims: m.Claims, request: Any, request_id: str = "") -> Any:
    while True:
        try:
            return client.ask(claims, request, request_id)
        except errors.UnavailableError:
            time.sleep(0.02)  # leaves the processor to the database that is starting


@pytest.mark.parametrize("ends", ["kill", "stop"])
def test_what_was_acknowledged_outlives_the_database(own_cluster: Cluster, client: Client, ends: str) -> None:
    claims = client.start()
    for number in range(20):
        client.ask(claims, m.Set(f"{number}", b"1"))
    getattr(own_cluster, ends)()
    for asked in (m.Get("1"), m.Set("new", b"1"), m.Increment("n", b"1"), m.Heartbeat()):
        with pytest.raises(errors.UnavailableError) as refusal:
            client.ask(claims, asked, "id")
        assert refusal.value.retryable
    with pytest.raises(errors.UnavailableError):
        open_store(client.store._pool._url)
    own_cluster.start()
    assert len(until_available(client, claims, m.ListEntries()).entries) == 20


def test_a_request_repeated_through_kills_takes_effect_once(own_cluster: Cluster, client: Client) -> None:
    """Four tries count while the database is killed and restarted; a lost answer is asked for again."""
    one = LiveTry(client)
    claims = [one.claims, *(client.start(TASK._replace(map_index=index)) for index in range(3))]

    def count(who: m.TryClaims) -> None:
        for number in range(40):
            until_available(client, who, m.Increment("n", b"1"), f"{number}")

    with ThreadPoolExecutor(4) as threads:
        counting = [threads.submit(count, who) for who in claims]
        for _ in range(4):
            own_cluster.kill()
            own_cluster.start()
        for each in counting:
            each.result()
    assert [client.ask(who, m.Get("n")).value for who in claims] == [b"40"] * 4


@pytest.mark.parametrize(
    ("request_", "last"),
    [(m.Increment("n", b"1.5"), "COMMIT"), (m.Increment("n", b"1"), "INSERT INTO request_log")],
    ids=["of a transaction", "of a statement that is its own"],
)
def test_a_commit_whose_answer_was_lost_is_answered_again(
    client: Client, monkeypatch: pytest.MonkeyPatch, request_: Any, last: str
) -> None:
    claims = client.start()
    lost = _losing_the_answer_to(last, monkeypatch)
    with pytest.raises(errors.UnavailableError):
        client.ask(claims, request_, "id")
    assert lost == [last]
    assert client.ask(claims, request_, "id").value == request_.by
    assert client.ask(claims, m.Get("n")).value == request_.by


def test_a_start_whose_answer_was_lost_is_one_start(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    _losing_the_answer_to("COMMIT", monkeypatch)
    with pytest.raises(errors.UnavailableError):
        client.ask(WORKER, m.Start(TASK), "id")
    assert client.ask(WORKER, m.Start(TASK), "id").try_number == 1
    with pytest.raises(errors.TryRunningError):
        client.ask(WORKER, m.Start(TASK), "another")


def test_a_transaction_that_the_database_ended_because_it_was_idle_can_be_asked_again(client: Client) -> None:
    """As happens when a server's process, or its machine, is stopped in the middle of one for long."""
    one = LiveTry(client)

    def idle(work: Work) -> None:
        tries.renew_lease(work.tx, one.claims.instance_id, one.claims.try_number, 1)
        work.tx.run("SET LOCAL idle_in_transaction_session_timeout = '1ms'")
        cut_off = select.poll()
        cut_off.register(work.tx._connection, 0)  # type: ignore[attr-defined]  # PostgreSQL's has one
        assert cut_off.poll(60_000)
        work.tx.run("SELECT 1")

    # It says why, too, unless the end of the connection is met before the database's last words.
    with pytest.raises(errors.UnavailableError):
        client.store.transact(idle)
    client.ask(one.claims, m.Set("k", b"1"))


def _losing_the_answer_to(word: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Cut the connection once, when the database has executed a statement with this word."""
    lost: list[str] = []
    execute = connection_module.BoundedConnection.execute

    def cut(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        cursor = execute(self, query, *arguments, **options)
        if word in str(query) and not lost:
            lost.append(word)
            self.close()
            raise psycopg.OperationalError("the connection was cut")
        return cursor

    monkeypatch.setattr(connection_module.BoundedConnection, "execute", cut)
    return lost


def test_a_connection_that_was_ended_is_replaced(client: Client) -> None:
    claims = client.start()
    with psycopg.connect(client.store._pool._url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'statekeep'"
        )
    with pytest.raises(errors.UnavailableError):
        client.ask(claims, m.Set("k", b"1"))
    assert client.ask(claims, m.Set("k", b"1")).version is not None


def test_a_row_that_is_held_for_long_makes_a_write_unavailable(client: Client) -> None:
    claims = client.start()
    with psycopg.connect(client.store._pool._url) as holder:
        holder.execute("SELECT FROM tries FOR UPDATE")
        with pytest.raises(errors.UnavailableError, match="did not answer in time") as refusal:
            client.ask(claims, m.Increment("n", b"1"))
        assert refusal.value.facts["changed"] is False
        holder.rollback()
    assert client.ask(claims, m.Increment("n", b"1")).value == b"1"


def test_a_database_that_is_silent_is_waited_for_no_longer_than_was_said(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = client.start()
    monkeypatch.setattr(connection_module, "SILENCE_SECONDS", 0.2)
    with psycopg.connect(client.store._pool._url) as holder:
        holder.execute("SELECT FROM tries FOR UPDATE")  # as if it were the network that holds the answer back
        with pytest.raises(errors.UnavailableError):
            client.ask(claims, m.Increment("n", b"1"))
        holder.rollback()
    monkeypatch.undo()
    assert client.ask(claims, m.Increment("n", b"1")).value == b"1"


def test_more_threads_than_connections_wait_their_turn(client: Client) -> None:
    claims = client.start()
    with ThreadPoolExecutor(16) as threads:
        asked = [threads.submit(client.ask, claims, m.Increment("n", b"1")) for _ in range(64)]
        assert {each.result().key for each in asked} == {"n"}
    assert client.ask(claims, m.Get("n")).value == b"64"


def test_a_closed_store_is_unavailable(client: Client) -> None:
    claims = client.start()
    client.store.close()
    client.store.close()
    with pytest.raises(errors.UnavailableError, match="closed"):
        client.ask(claims, m.Get("k"))


def test_what_is_acknowledged_is_on_the_disk_whatever_the_databases_default(client: Client) -> None:
    """The tests' PostgreSQL has synchronous_commit off."""
    assert client.rows("SHOW synchronous_commit") == [("on",)]
