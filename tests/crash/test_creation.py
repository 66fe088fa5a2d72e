"""A store whose maker was killed while it made it: the next one to open it finds none of that, or all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from itertools import takewhile

import apsw
import pytest

from tests.crash.checker import judge
from tests.crash.steps import FILE_STEPS, Kill
from tests.crash.workplace import Workplace

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def steps_of_creation(make_workplace: object) -> Sequence[str]:
    """The steps that an undisturbed first run goes through before its try has started."""
    assert callable(make_workplace)
    place: Workplace = make_workplace()
    steps = place.path / "steps"
    assert place.run(steps=str(steps)) == 0
    return list(takewhile(lambda step: step != "try_started", steps.read_text().split()))


def test_a_store_that_was_half_made_is_made_by_the_next(
    workplace: Workplace, steps_of_creation: Sequence[str]
) -> None:
    kills = [
        Kill("supervisor", step, occurrence)
        for step in ("statement", "commit", *FILE_STEPS)
        for occurrence in spread(steps_of_creation.count(step.replace("torn", "written")), 5)
    ]
    for kill in kills:
        assert workplace.run(kill=kill) == -9, kill
    assert workplace.run() == 0
    with closing(apsw.Connection(str(workplace.store_path))) as connection:
        assert connection.pragma("integrity_check") == "ok"
        assert connection.execute("SELECT count(*) FROM store").get == 1
    workplace.snapshot()
    assert judge(workplace.ledger.read()) == []
    assert workplace.left_behind() == []


def spread(count: int, at_most: int) -> list[int]:
    """Return numbers from 1 to ``count``, both included, evenly spread."""
    return sorted({1 + (count - 1) * n // (at_most - 1) for n in range(at_most)}) if count else []
