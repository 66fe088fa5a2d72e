"""Two servers on one PostgreSQL: either may be killed, and so may the database; what counts is said once."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from server_process import ServerProcess, server_process
from statekeep.client.store_client import draw_request_id
from statekeep_command import THE_TASK, Statekeep

from tests.postgresql.cluster import Cluster, running_cluster
from tests.server.asking import answered, post, until
from tests.server.counters import CLIENTS, Counters

pytestmark = pytest.mark.slow

TASK = {"kind": "TaskAddress", "dag_id": "two", "run_id": "r", "task_id": "servers"}
GO_ON = "echo here; read go_on; "


@pytest.fixture(scope="module")
def engine() -> str:
    """A file has one server."""
    return "postgresql"


@pytest.fixture
def other(server: ServerProcess, tmp_path: Path) -> Iterator[ServerProcess]:
    with server_process(tmp_path / "other", beside=server) as other:
        yield other


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """One that these tests may kill; what it has acknowledged is on the disk."""
    with running_cluster("fsync=on", "full_page_writes=on") as cluster:
        yield cluster


def test_the_other_server_goes_on_when_one_is_killed_under_load(
    server: ServerProcess, other: ServerProcess
) -> None:
    counters = Counters(server, other)
    with ThreadPoolExecutor(1) as background:
        counting = background.submit(counters.count, 100, 20)
        for killed in (server, other, server):
            for _ in range(CLIENTS):
                counters.are_under_way.acquire(timeout=60)
            killed.kill()
            killed.start()
        other.kill()
        assert counting.result() == [100] * CLIENTS
    counters.close()


def test_a_task_changes_servers_without_noticing(
    server: ServerProcess, other: ServerProcess, worker: Statekeep
) -> None:
    script = f"statekeep state set a 1; {GO_ON} statekeep state set b 2; {GO_ON} statekeep state set c 3"
    with worker.started(script, STATEKEEP__API__URL=f"{server.url},{other.url}") as run:
        for killed, back in ((server, None), (other, server)):
            assert run.line() == "here"
            if back is not None:
                back.start()
            killed.kill()
            run.say("go on")
        assert run.wait() == 0
    listed = worker("state", "list", *THE_TASK, "--json", **server.settings(server.operator))
    assert [listed.stdout.count(f'"{key}"') for key in "abc"] == [1, 1, 1]
    assert worker.statuses() == ["succeeded"]


def test_a_request_takes_effect_once_whichever_servers_are_asked(
    server: ServerProcess, other: ServerProcess
) -> None:
    token = post(server, "start", server.worker, {"task": TASK}, draw_request_id()).document["token"]
    with ThreadPoolExecutor(4) as threads:
        for number in range(25):
            asked = [
                threads.submit(post, each, "increment", token, {"key": "n", "by": 1}, f"request-{number}")
                for each in (server, other, server, other)
            ]
            answers = [one.result() for one in asked]
            assert answers[0].status == 200
            assert answers == [answers[0]] * 4
    assert post(other, "get", token, {"key": "n"}).document["value"] == 25


def test_what_one_server_acknowledged_the_other_shows_at_once(
    server: ServerProcess, other: ServerProcess
) -> None:
    token = post(server, "start", server.worker, {"task": TASK}, draw_request_id()).document["token"]
    for number in range(20):
        post(server, "set", token, {"key": "k", "value": number})
        assert post(other, "get", token, {"key": "k"}).document["value"] == number


def test_a_database_that_is_killed_under_load_loses_nothing_and_is_waited_for(
    own_cluster: Cluster, tmp_path: Path
) -> None:
    url = own_cluster.url(own_cluster.make_database())
    with (
        server_process(tmp_path, url=url) as server,
        server_process(tmp_path / "other", beside=server) as other,
        ThreadPoolExecutor(1) as background,
    ):
        counters = Counters(server, other)
        counting = background.submit(counters.count, 60, 20)
        for _ in range(2):
            for _ in range(CLIENTS):
                counters.are_under_way.acquire(timeout=60)
            own_cluster.kill()
            own_cluster.start()
        assert counting.result() == [60] * CLIENTS
        counters.close()


def test_while_the_database_is_away_requests_are_refused_at_once_and_a_server_that_starts_waits(
    own_cluster: Cluster, tmp_path: Path
) -> None:
    url = own_cluster.url(own_cluster.make_database())
    with server_process(tmp_path, url=url) as server, server_process(tmp_path / "o", beside=server) as other:
        other.stop()
        token = post(server, "start", server.worker, {"task": TASK}, draw_request_id()).document["token"]
        own_cluster.kill()
        # Those of its processes that still answered end by themselves.
        until(lambda: post(server, "set", token, {"key": "k", "value": 1}).status == 503)
        for operation, body in [("set", {"value": 1}), ("get", {}), ("increment", {"by": 1})]:
            refused = post(server, operation, token, {"key": "k"} | body)
            assert (refused.status, refused.retry_after) == (503, "1")
            assert refused.document["code"] == "unavailable"
        assert answered(f"{server.url}/health/live").status == 200
        until(lambda: answered(f"{server.url}/health/ready").status == 503)
        problem = answered(f"{server.url}/health/ready").document["problem"]
        # Anybody may ask, and is told neither where the database is nor who the server is there.
        assert problem == "the store does not answer"
        with ThreadPoolExecutor(1) as background:
            other.said.clear()
            starting = background.submit(other.start)
            until(lambda: any("waiting for the database" in line for line in other.said))
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", other.port))
            other.signal(signal.SIGTERM)
            with pytest.raises(AssertionError, match="did not start"):
                starting.result()
            assert other.wait() == 0
            other.close()
            starting = background.submit(other.start)
            own_cluster.start()
            starting.result()
        until(lambda: answered(f"{server.url}/health/ready").status == 200)
        for each in (server, other):
            assert post(each, "set", token, {"key": "k", "value": 1}).status == 200


def test_the_sweep_of_a_server_that_is_killed_is_taken_over(tmp_path: Path, database_url: str) -> None:
    with server_process(tmp_path, url=database_url, sweep_every_seconds="0.1") as server:
        token = post(server, "start", server.worker, {"task": TASK}, draw_request_id()).document["token"]
        post(server, "set", token, {"key": "k", "value": 1})
        with psycopg.connect(database_url, autocommit=True) as database:
            database.execute(
                "INSERT INTO task_entries (instance_id, key, value, version, updated_at, keeps_default,"
                " expires_at, writer_try_number, writer_principal)"
                " SELECT instance_id, 'k' || number, value, version, updated_at, 0, number,"
                " writer_try_number, writer_principal FROM task_entries, generate_series(1, 20000) AS number"
            )

            def left() -> int:
                [[count]] = database.execute("SELECT count(*) FROM task_entries").fetchall()
                return int(count)

            until(lambda: left() < 20_001)
            server.kill()
            assert left() > 1
            with server_process(tmp_path / "other", beside=server, sweep_every_seconds="0.1") as other:
                [[holder]] = database.execute("SELECT holder FROM leases").fetchall()
                database.execute("UPDATE leases SET until = 0")  # as its time would have passed
                until(lambda: left() == 1)
                assert (
                    database.execute("SELECT 1 FROM leases WHERE holder = %s", (holder,)).fetchone() is None
                )
                assert post(other, "get", token, {"key": "k"}).document["value"] == 1
