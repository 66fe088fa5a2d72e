"""The steps of a sweep become as large as a request can wait for, whatever a row costs."""

import pytest
from statekeep_core.server.sweep_pace import Pace, rest_seconds


@pytest.mark.parametrize(("row_seconds", "rows"), [(0.000_005, 1_000), (0.000_04, 250), (0.01, 30)])
def test_a_step_takes_ten_milliseconds_as_far_as_its_bounds_allow(row_seconds: float, rows: int) -> None:
    pace = Pace()
    for _ in range(10):
        pace = pace.after(pace.rows * row_seconds)
    assert pace.rows == pytest.approx(rows, abs=1)


def test_one_slow_step_does_not_make_the_next_ones_tiny() -> None:
    assert Pace(1_000).after(60).rows == 500
    assert Pace(200).after(0).rows == 400


def test_others_get_a_tenth_of_the_time() -> None:
    assert rest_seconds(0.009) == pytest.approx(0.001)
    assert rest_seconds(0.090) == pytest.approx(0.010)
    assert rest_seconds(0) > 0
