"""A repeated request takes effect once, and each caller asks only what is for it."""

from typing import Any

import pytest
from statekeep_core._shared.state import errors, wire
from statekeep_core._shared.state import messages as m
from statekeep_core.execution_api import service

from core.tests.conftest import Client

TASK = m.TaskAddress("flights", "2013", "load")
WORKER = m.WorkerClaims("here")
OPERATOR = m.OperatorClaims("ann")


def test_a_repeated_increment_adds_once(client: Client) -> None:
    claims = client.start()
    first = client.ask(claims, m.Increment("n", b"1"), "id-1")
    assert client.ask(claims, m.Increment("n", b"1"), "id-1") == first
    assert client.ask(claims, m.Increment("n", b"1"), "id-2").value == b"2"


def test_a_repeated_request_is_answered_after_its_try_has_ended(client: Client) -> None:
    claims = client.start()
    first = client.ask(claims, m.Set("k", b"1", if_absent=True), "id-1")
    client.start(holds_lock=True)
    assert client.ask(claims, m.Set("k", b"1", if_absent=True), "id-1") == first


def test_a_repeated_start_is_the_same_try(client: Client) -> None:
    first = client.ask(WORKER, m.Start(TASK), "id-1")
    assert client.ask(WORKER, m.Start(TASK), "id-1") == first


def test_an_id_that_comes_back_with_another_body_is_refused(client: Client) -> None:
    claims = client.start()
    client.ask(claims, m.Increment("n", b"1"), "id-1")
    with pytest.raises(errors.InvalidRequestError, match="id-1"):
        client.ask(claims, m.Increment("n", b"2"), "id-1")
    assert client.ask(claims, m.Get("n")).value == b"1"


def test_ids_of_two_callers_do_not_meet(client: Client) -> None:
    first = client.start()
    second = client.start(m.TaskAddress("flights", "2013", "other"))
    client.ask(first, m.Increment("n", b"1"), "id-1")
    client.ask(second, m.Increment("n", b"5"), "id-1")
    assert client.ask(second, m.Get("n")).value == b"5"


def test_a_refused_request_is_judged_anew(client: Client) -> None:
    claims = client.start()
    version = client.ask(claims, m.Set("k", b"1")).version
    request = m.Set("k", b"2", if_version=version + 1)
    with pytest.raises(errors.ConflictError):
        client.ask(claims, request, "id-1")
    client.ask(claims, m.Set("k", b"3"))
    assert client.ask(claims, request, "id-1").version == version + 2


def test_a_request_id_beyond_the_limit_is_refused(client: Client) -> None:
    with pytest.raises(errors.InvalidRequestError, match="over 64 characters"):
        client.ask(WORKER, m.Start(TASK), "i" * 65)


@pytest.mark.parametrize("asked", [m.ListTries(), m.ListAssets(), m.Deactivate(m.AssetAddress("a"))])
def test_a_try_cannot_ask_what_is_for_operators(client: Client, asked: Any) -> None:
    with pytest.raises(errors.ForbiddenError):
        client.ask(client.start(), asked)


@pytest.mark.parametrize("asked", [m.Heartbeat(), m.Finish(succeeded=True)])
def test_an_operator_cannot_live_a_try(client: Client, asked: Any) -> None:
    with pytest.raises(errors.ForbiddenError):
        client.ask(OPERATOR, asked)


def test_claims_of_another_store_are_told_so(client: Client) -> None:
    with pytest.raises(errors.UnauthenticatedError, match="not known to this store"):
        client.ask(m.TryClaims(77, 1), m.Get("k"))


@pytest.mark.parametrize(
    "asked", [m.FetchDisposals(("b",)), m.Condemn(()), m.SweepStep()], ids=lambda asked: type(asked).__name__
)
def test_a_dry_run_is_a_read_that_waits_for_no_writer(asked: Any) -> None:
    for is_dry in (False, True):
        plain = wire.to_plain(asked._replace(dry_run=is_dry))
        assert service.is_read(service.parse(wire.to_plain(WORKER), "", plain)) is is_dry
