"""Connections that break: every request takes effect once, and its answer says what is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from server_process import ServerProcess
from statekeep._shared.state import messages as m
from statekeep._shared.state.wire import Plain, to_plain
from statekeep.client.http import HttpClient
from statekeep.client.store_client import call, draw_request_id
from statekeep.errors import ConflictError, SupersededError, TryRunningError, UnavailableError

from tests.loopback_proxy import HOST
from tests.object_store.faulty_proxy import Fault, FaultyProxy

pytestmark = pytest.mark.slow

WORKER = m.WorkerClaims("tests")
OUTLET = m.AssetAddress("orders")
_numbers = count()

# What a request meets on its first attempt. Each is passed on whole the second time.
FAULTS = [fault for fault in Fault if fault is not Fault.SLOW]
COMMITTED = [Fault.CUT_ANSWER, Fault.SILENCE]


def a_task() -> m.TaskAddress:
    return m.TaskAddress("faults", "r", f"task-{next(_numbers)}")


@contextmanager
def client_through(
    server: ServerProcess, fault_of: Callable[[int, bytes], Fault | None], **options: Any
) -> Iterator[HttpClient]:
    given = {"patience_seconds": 30.0, "answer_seconds": 0.5, "say": lambda _message: None, **options}
    with FaultyProxy(server.port, fault_of) as proxy:
        client = HttpClient([f"http://{HOST}:{proxy.port}"], server.worker, **given)
        try:
            yield client
        finally:
            client.close()


def first_attempts_meet(fault: Fault) -> Callable[[int, bytes], Fault | None]:
    return lambda number, _head: fault if number % 2 == 0 else None


def started(client: HttpClient, task: m.TaskAddress, **options: Any) -> tuple[m.TryClaims, m.Started]:
    reply: m.Started = call(client, WORKER, m.Start(task, outlets=(OUTLET,), **options))
    return m.TryClaims(reply.instance_id, reply.try_number), reply


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_request_of_a_try_takes_effect_once(shared_server: ServerProcess, fault: Fault) -> None:
    with client_through(shared_server, first_attempts_meet(fault)) as client:
        task = a_task()
        claims, reply = started(client, task)
        assert reply.try_number == 1
        assert call(client, claims, m.Set("k", b'"v"')).version is not None
        for expected in (b"1", b"2", b"3"):
            assert call(client, claims, m.Increment("n", b"1")).value == expected
        version = call(client, claims, m.Set("once", b"1", if_absent=True)).version
        assert call(client, claims, m.Get("once")).version == version
        [grant] = reply.grants
        call(client, claims, m.Increment(task.task_id, b"1", grant.asset_id))
        assert call(client, claims, m.Heartbeat()).lease_seconds == 60
        assert call(client, claims, m.Finish(True, 0)) == m.Finished("succeeded", 1)
        assert call(client, claims, m.Finish(True, 0)) == m.Finished("succeeded", 1)


@pytest.mark.parametrize("fault", COMMITTED, ids=lambda fault: fault.name)
def test_a_refusal_after_a_lost_answer_is_not_the_first_answer(
    shared_server: ServerProcess, fault: Fault
) -> None:
    faults: list[Fault] = []
    with client_through(shared_server, lambda _number, _head: faults.pop() if faults else None) as client:
        claims, _ = started(client, a_task())
        call(client, claims, m.Set("k", b"1"))
        with pytest.raises(ConflictError) as refused:
            call(client, claims, m.Set("k", b"2", if_absent=True))
        assert refused.value.is_first_answer
        faults.append(fault)
        with pytest.raises(ConflictError) as refused:
            call(client, claims, m.Set("k", b"2", if_absent=True))
        assert not refused.value.is_first_answer


def test_a_retry_that_arrives_after_the_successor_has_started_is_answered_as_it_was(
    shared_server: ServerProcess,
) -> None:
    with (
        client_through(shared_server, lambda _number, _head: None) as client,
        client_through(shared_server, lambda _number, _head: None) as other,
    ):
        task = a_task()
        claims, _ = started(client, task, lease_seconds=0.05)
        request = to_plain(m.Increment("n", b"1"))
        request_id = draw_request_id()
        first = client.ask(to_plain(claims), request, request_id)
        successor = _started_when_lapsed(other, task)
        assert client.ask(to_plain(claims), request, request_id) == first
        with pytest.raises(SupersededError):
            call(client, claims, m.Increment("n", b"1"))
        assert call(other, successor, m.Get("n")).value == b"1"


def test_nobody_is_told_that_nothing_was_changed_when_that_is_not_known(shared_server: ServerProcess) -> None:
    faults: list[Fault | None] = [None]
    with client_through(
        shared_server, lambda _number, _head: faults[-1], patience_seconds=0.2, answer_seconds=0.2
    ) as client:
        claims, _ = started(client, a_task())
        for fault, said in [(Fault.CUT_ANSWER, "is not known"), (Fault.SILENCE, "is not known")]:
            faults.append(fault)
            with pytest.raises(UnavailableError, match=said) as refused:
                call(client, claims, m.Set("k", b"1"))
            assert not refused.value.is_first_answer


def test_a_request_that_could_not_be_sent_is_known_to_have_changed_nothing(
    shared_server: ServerProcess,
) -> None:
    with client_through(shared_server, lambda _number, _head: None, patience_seconds=0.0) as client:
        claims, _ = started(client, a_task())
        client._requests._connection.close()
        client._requests._connection._urls = ["http://127.0.0.1:1"]
        with pytest.raises(UnavailableError, match="nothing was changed") as refused:
            call(client, claims, m.Set("k", b"1"))
        assert refused.value.is_first_answer


def test_what_was_submitted_takes_effect_in_order_over_broken_connections(
    shared_server: ServerProcess,
) -> None:
    with client_through(
        shared_server, lambda number, _head: Fault.CUT_ANSWER if number % 5 == 3 else None
    ) as client:
        claims, _ = started(client, a_task())
        replies: list[Plain] = []
        for number in range(20):
            client.submit(
                to_plain(claims),
                to_plain(m.Set("k", b"%d" % number)),
                draw_request_id(),
                on_reply=replies.append,
            )
        assert call(client, claims, m.Get("k")).value == b"19"
        versions = [reply["version"] for reply in replies]
        assert versions == sorted(versions)


def test_heartbeats_do_not_wait_for_what_the_server_does_not_answer(shared_server: ServerProcess) -> None:
    def fault_of(_number: int, head: bytes) -> Fault | None:
        return Fault.SILENCE if b"/set " in head else None

    with client_through(shared_server, fault_of, patience_seconds=1.0) as client:
        claims, _ = started(client, a_task())
        answered: list[Plain] = []
        client.submit(to_plain(claims), to_plain(m.Set("k", b"1")), "s", on_reply=answered.append)
        assert call(client, claims, m.Heartbeat()).lease_seconds == 60
        assert not answered


def test_closing_does_not_wait_for_a_server_that_is_away(shared_server: ServerProcess) -> None:
    with client_through(shared_server, lambda number, _head: Fault.BUSY if number else None) as client:
        claims, _ = started(client, a_task())
        answered: list[Plain] = []
        client.submit(to_plain(claims), to_plain(m.Set("k", b"1")), "s", on_reply=answered.append)
        client.close()
        assert answered[0]["code"] == "unavailable"


def _started_when_lapsed(client: HttpClient, task: m.TaskAddress) -> m.TryClaims:
    while True:
        try:
            return started(client, task)[0]
        except TryRunningError:
            continue
