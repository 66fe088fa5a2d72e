"""An object that a sweep finds before it is committed: the commit is refused, and the value written again."""

from __future__ import annotations

import pytest

from tests.crash.external.final_check import check
from tests.crash.external.place import ExternalPlace
from tests.crash.steps import Kill

pytestmark = pytest.mark.slow

# Each writes one value, which is offloaded; and where the sweep is killed, if it is.
COURSES = {
    "": ("set", "set_if", "update", "stage", "set_at_once", "set_brief"),
    "told_Condemn": ("set", "stage"),
    "delete_begun": ("set_at_once",),
    "delete_done": ("update", "stage"),
}


@pytest.mark.parametrize("step", COURSES)
def test_a_sweep_between_upload_and_commit_loses_nothing(place: ExternalPlace, step: str) -> None:
    for operation in COURSES[step]:
        steps = place.path / f"steps of {operation}"
        work = place.work(3)._replace(script=(operation,), sizes_bytes=(3_000,), steps=str(steps))
        with place.swept_meanwhile(work, Kill("supervisor", step) if step else None) as gated:
            assert place.run_job(gated) == 0, place.said()[-2000:]
        assert steps.read_text().split().count("put_done") == 2
        place.snapshot()
    assert place.kills == (len(COURSES[step]) if step else 0)
    check(place)


def test_a_batch_of_which_a_sweep_took_an_object_is_written_again(place: ExternalPlace) -> None:
    work = place.work(3)._replace(script=("set", "batch", "widen", "batch"), sizes_bytes=(3_000,))
    with place.swept_meanwhile(work) as gated:
        assert place.run_job(gated) == 0, place.said()[-2000:]
    place.snapshot()
    check(place)


def test_a_sweep_that_was_not_killed_took_the_object(place: ExternalPlace) -> None:
    """Otherwise the tests above would show nothing."""
    steps = place.path / "steps"
    work = place.work(3)._replace(script=("set",), sizes_bytes=(3_000,), steps=str(steps))
    with place.swept_meanwhile(work, ahead_seconds=0.0) as gated:  # too young to be an orphan
        assert place.run_job(gated) == 0, place.said()[-2000:]
    assert steps.read_text().split().count("put_done") == 1
