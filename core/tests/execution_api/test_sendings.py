"""A change that its try has given up changes nothing, however late it comes; what was done is answered so."""

from typing import Any

import pytest
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.sendings import Sending

from core.tests.conftest import TASK, Client
from core.tests.execution_api.conftest import FLIGHTS, OPERATOR, LiveTry

BLIND = [m.Set("k", b"1"), m.Delete("k")]


@pytest.mark.parametrize("request_id", ["", "r"])
@pytest.mark.parametrize("write", BLIND, ids=repr)
def test_what_was_given_up_changes_nothing(client: Client, write: Any, request_id: str) -> None:
    claims = client.start()
    client.send(claims, write, Sending(2, floor=2), request_id)
    client.send(claims, m.Set("k", b"2"), Sending(3), "other")
    with pytest.raises(errors.OvertakenError) as refused:
        client.send(claims, write, Sending(1), request_id)
    assert refused.value.facts == {"number": 1, "floor": 2}
    assert client.ask(claims, m.Get("k")).value == b"2"


@pytest.mark.parametrize("write", BLIND, ids=repr)
def test_what_nobody_gave_up_is_done_in_whatever_order_it_comes(client: Client, write: Any) -> None:
    claims = client.start()
    for number in (5, 3, 4):
        client.send(claims, write, Sending(number))
    client.send(claims, write, Sending(9, floor=3))
    client.send(claims, write, Sending(3))


def test_a_floor_never_sinks_and_is_its_trys_alone(client: Client) -> None:
    claims, other = client.start(), client.start(TASK._replace(task_id="other"))
    client.send(claims, m.Set("k", b"1"), Sending(9, floor=9))
    client.send(claims, m.Set("k", b"2"), Sending(10, floor=4))
    client.send(other, m.Set("k", b"3"), Sending(1))
    with pytest.raises(errors.OvertakenError):
        client.send(claims, m.Set("k", b"4"), Sending(8, floor=8))
    successor = client.start(holds_lock=True)
    client.send(successor, m.Set("k", b"5"), Sending(1))


def test_a_repetition_that_is_refused_gives_nothing_up(client: Client) -> None:
    claims = client.start()
    with pytest.raises(errors.InvalidValueError):
        client.send(claims, m.Set("k", b"NaN"), Sending(2, floor=2))
    client.send(claims, m.Set("k", b"1"), Sending(1))


RECORDED = [
    m.Set("k", b"1", if_absent=True),
    m.Increment("n", b"1"),
    m.SetMax("n", b"1"),
    m.Clear(),
    m.Batch((m.Set("a", b"1"),)),
]


@pytest.mark.parametrize("request_", RECORDED, ids=repr)
def test_any_other_write_gives_up_what_was_before_it_also_when_it_was_answered_before(
    client: Client, request_: Any
) -> None:
    claims = client.start()
    client.send(claims, request_, Sending(2), "r")
    client.send(claims, request_, Sending(3, floor=2), "r")
    with pytest.raises(errors.OvertakenError):
        client.send(claims, m.Set("late", b"1"), Sending(1))
    assert client.ask(claims, m.Get("late")) == m.Absent("late")


@pytest.mark.parametrize("request_", RECORDED, ids=repr)
def test_any_other_write_that_was_given_up_before_it_was_done_changes_nothing(
    client: Client, request_: Any
) -> None:
    claims = client.start()
    client.ask(claims, m.Set("n", b"-5"))
    client.send(claims, m.Delete("k"), Sending(2, floor=2))
    before = client.ask(claims, m.ListEntries())
    with pytest.raises(errors.OvertakenError):
        client.send(claims, request_, Sending(1), "r")
    assert client.ask(claims, m.ListEntries()) == before
    client.send(claims, request_, Sending(3), "r")  # which its client still wants
    assert client.ask(claims, m.ListEntries()) != before


@pytest.mark.parametrize("request_", [m.Set("k", b"1", 1), m.Increment("k", b"1", 1), m.Clear(1)], ids=repr)
def test_what_was_given_up_is_not_staged(client: Client, request_: Any) -> None:
    claims = client.start(outlets=(FLIGHTS,))
    client.send(claims, m.Set("k", b"7", 1), Sending(2, floor=2), "kept")
    with pytest.raises(errors.OvertakenError):
        client.send(claims, request_, Sending(1), "r")
    assert client.ask(claims, m.Get("k", 1)).value == b"7"


@pytest.mark.parametrize("request_", RECORDED, ids=repr)
def test_what_is_recorded_is_answered_as_it_was_under_whatever_number(client: Client, request_: Any) -> None:
    claims = client.start()
    reply = client.send(claims, request_, Sending(1), "r")
    client.send(claims, m.Set("other", b"1"), Sending(7, floor=7), "s")
    assert client.send(claims, request_, Sending(2), "r") == reply


def test_a_try_that_numbers_nothing_is_served_as_ever(client: Client) -> None:
    claims = client.start()
    client.send(claims, m.Set("k", b"1"), Sending(9, floor=9))
    client.ask(claims, m.Set("k", b"2"))
    client.ask(claims, m.Delete("k"))
    assert client.ask(claims, m.Get("k")) == m.Absent("k")


def test_a_read_gives_nothing_up_and_is_never_late(client: Client) -> None:
    claims = client.start()
    client.send(claims, m.Set("k", b"1"), Sending(5, floor=5))
    assert client.send(claims, m.Get("k"), Sending(1)).value == b"1"
    assert client.send(claims, m.Get("k"), Sending(9, floor=9)).value == b"1"
    client.send(claims, m.Set("k", b"2"), Sending(6))


def test_a_clear_that_is_repeated_after_later_writes_leaves_them(live_try: LiveTry, client: Client) -> None:
    client.ask(live_try.claims, m.Clear(), "r")
    client.ask(live_try.claims, m.Set("k", b"1"))
    client.ask(live_try.claims, m.Clear(), "r")
    assert live_try.keys() == ["k"]


@pytest.mark.parametrize("write", [m.Set("k", b"1", TASK), m.Delete("k", TASK), m.Clear(TASK)], ids=repr)
def test_an_operators_write_that_is_repeated_after_later_ones_changes_nothing(
    client: Client, write: Any
) -> None:
    claims = client.start()
    client.ask(claims, m.Set("k", b"0"))
    client.ask(OPERATOR, write, "r")
    client.ask(claims, m.Set("k", b"2"))
    client.ask(OPERATOR, write, "r")
    assert client.ask(claims, m.Get("k")).value == b"2"
