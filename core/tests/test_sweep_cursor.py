"""A cursor comes back as the place that it was, and a forged one is refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statekeep_core import sweep_cursor
from statekeep_core._shared.state.errors import InvalidRequestError
from statekeep_core.sweep_cursor import Place, Position

STARTS: list[Position] = [(-1, -1), (-1, ""), ()]
texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.integers(-1, 2**63 - 1)
places = st.one_of(
    st.builds(Place, st.just(0), st.tuples(numbers, numbers)),
    st.builds(Place, st.just(1), st.tuples(numbers, texts)),
    st.just(Place(2, ())),
)


@given(place=places)
def test_a_place_comes_back(place: Place) -> None:
    assert sweep_cursor.load(sweep_cursor.dump(place), STARTS) == place


def test_no_cursor_is_the_beginning() -> None:
    assert sweep_cursor.load(None, STARTS) == Place(0, (-1, -1))


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        "0",
        "[]",
        "{}",
        '"0"',
        "null",
        "[3]",
        "[-1]",
        "[true]",
        "[2.0]",
        "[2, 0]",
        "[0, 1]",
        "[0, 1, 2, 3]",
        '[0, 1, "2"]',
        "[0, 1, 2.0]",
        "[0, 1, true]",
        "[0, 1, null]",
        "[0, -2, 1]",
        f"[0, {2**63}, 1]",
        '[1, 1, "\\ud800"]',
        "[" * 100_000,
        "[0, " + "9" * 5_000 + ", 1]",
        "[0, NaN, 1]",
    ],
    ids=lambda text: text[:20],
)
def test_a_forged_cursor_is_refused(forged: str) -> None:
    with pytest.raises(InvalidRequestError, match="begin anew"):
        sweep_cursor.load(forged, STARTS)


@given(forged=st.text())
def test_no_text_is_a_fault(forged: str) -> None:
    with suppress(InvalidRequestError):
        sweep_cursor.load(forged, STARTS)
