"""The header that numbers a sending."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statekeep_shared.state.errors import InvalidRequestError
from statekeep_shared.state.sendings import Sending, sending_of

numbers = st.integers(0, 10**18 - 1)


@given(numbers, numbers)
def test_a_sending_is_read_back_as_it_was_sent(one: int, other: int) -> None:
    sending = Sending(max(one, other), floor=min(one, other))
    assert sending_of(sending.header) == sending


@pytest.mark.parametrize(
    "header",
    ["", "x", "-1", "1.5", "7;", "7; floor=", "7; floor=8", "7; ceiling=1", " 7", "7\n", "1" * 19, "\u0667"],
)
def test_anything_else_is_refused(header: str) -> None:
    with pytest.raises(InvalidRequestError):
        sending_of(header)
