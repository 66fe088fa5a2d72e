"""The numbers of a try's sendings grow, and what may be lost is given up until it is known to be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from statekeep._shared.state import messages as m
from statekeep._shared.state.sendings import Sending
from statekeep._shared.state.wire import to_plain
from statekeep.client.sendings import Sendings, TrySendings

SET = to_plain(m.Set("k", b"1"))


def claims(try_number: int) -> dict[str, object]:
    return to_plain(m.TryClaims(1, try_number))


@given(st.lists(st.tuples(st.sampled_from(["ok", "refused", "lost"]), st.integers(0, 20)), max_size=30))
def test_whatever_was_lost_lies_below_the_floor_of_the_next_change_that_is_done(
    fates: list[tuple[str, int]],
) -> None:
    """A server refuses what lies below the floor, and somebody else may raise it, too."""
    numbers, lost, floor, last = TrySendings(), set[int](), 0, 0
    for fate, raised in fates:
        floor = max(floor, raised)
        sending = numbers.draw()
        assert sending.number > last
        assert sending.floor <= sending.number
        last = sending.number
        if fate == "lost":
            numbers.lose(sending)
            lost.add(sending.number)
        elif sending.number < floor:
            numbers.overtake(floor)
        elif fate == "ok":
            floor = max(floor, sending.floor)
            numbers.acknowledge(sending)
            assert all(number < floor for number in lost)


def test_what_was_lost_meanwhile_is_not_forgotten() -> None:
    numbers = TrySendings()
    first, second = numbers.draw(), numbers.draw()
    numbers.lose(first)
    third = numbers.draw()
    numbers.lose(second)
    numbers.acknowledge(third)
    assert numbers.draw() == Sending(4, floor=3)


def test_each_try_has_numbers_of_its_own_and_those_of_old_ones_are_forgotten() -> None:
    sendings = Sendings()
    first = sendings.of(claims(1), SET)
    assert first is not None
    assert sendings.of(claims(1), SET) is first
    assert sendings.of(claims(2), SET) is not first
    for number in range(3, 40):
        sendings.of(claims(number), SET)
    assert sendings.of(claims(39), SET) is sendings.of(claims(39), SET)
    assert sendings.of(claims(1), SET) is not first
