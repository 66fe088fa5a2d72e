"""A job: what its numbers may be."""

from __future__ import annotations

import math
from typing import Any

import pytest
from statekeep._shared.state.errors import InvalidRequestError
from statekeep._shared.state.messages import TaskAddress
from statekeep.supervisor.job import Job, check

JOB = Job(TaskAddress("etl", "2026-01-01", "load"), ("true",))


@pytest.mark.parametrize(
    "numbers",
    [
        {"retries": -1},
        {"retries": 1_000_000},
        {"retries": math.inf},
        {"retries": 1.5},
        *(
            {name: number}
            for name in ("retry_delay_seconds", "wait_seconds")
            for number in (math.nan, math.inf, -1, 1e9, "1")
        ),
    ],
)
def test_numbers_that_cannot_be_counted_or_waited_for_are_refused(numbers: dict[str, Any]) -> None:
    [name] = numbers
    with pytest.raises(InvalidRequestError, match=name):
        check(JOB._replace(**numbers))


def test_whole_and_broken_seconds_are_taken() -> None:
    check(JOB._replace(retries=3, retry_delay_seconds=0.5, wait_seconds=60))
