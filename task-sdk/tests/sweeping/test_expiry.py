"""Expiry and the backends' own clean-up."""

from __future__ import annotations

from statekeep._shared.state import messages as m
from statekeep._shared.state.testing.memory import MemoryStateBackend
from statekeep.sweeping.expiry import clean_up, expire
from statekeep.sweeping.report import CleanedUp, Disposed, Expired, Report
from sweeping.place import Place

_MANY = 2_500  # more than one batch


def fill(place: Place) -> None:
    for start in range(0, _MANY, 500):
        sets = [m.Set(f"k{start + number}", b"1", retention=60) for number in range(500)]
        place.as_(place.claims, m.Batch(tuple(sets)))
    place.clock.advance(61)


def test_what_has_expired_goes_in_several_steps_and_is_counted(place: Place) -> None:
    fill(place)
    assert expire(place.ask) == Expired(task_entries=_MANY)
    assert expire(place.ask) == Expired()
    assert len(place.requests) > 2


def test_a_dry_run_counts_the_same_and_changes_nothing(place: Place) -> None:
    fill(place)
    before = place.tables()
    assert expire(place.ask, dry_run=True) == Expired(task_entries=_MANY)
    assert place.tables() == before


def test_it_stops_between_steps_and_says_so(place: Place) -> None:
    fill(place)
    answers = iter([False, True])
    stopped = expire(place.ask, is_enough=lambda: next(answers))
    assert not stopped.is_complete
    assert expire(place.ask) == Expired(task_entries=_MANY - stopped.task_entries)


class Tidy(MemoryStateBackend):
    """Counts how often it was cleaned up."""

    cleaned = 0

    def cleanup(self) -> None:
        self.cleaned += 1


class Broken(MemoryStateBackend):
    """Cannot clean up."""

    def cleanup(self) -> None:
        raise RuntimeError("no such bucket")


def test_every_backend_cleans_up_and_one_that_fails_keeps_no_other_from_it() -> None:
    broken, tidy = Broken(), Tidy()
    cleaned_up = clean_up([broken, tidy])
    assert tidy.cleaned == 1
    assert cleaned_up.backend_ids == (tidy.backend_id,)
    [failure] = cleaned_up.failures
    assert failure.problem == "RuntimeError: no such bucket"
    assert broken.backend_id in failure.what


def test_a_clean_up_that_is_stopped_between_two_backends_is_not_complete() -> None:
    first, second = Tidy(), Tidy()
    cleaned_up = clean_up([first, second], is_enough=lambda: bool(first.cleaned))
    assert (first.cleaned, second.cleaned) == (1, 0)
    assert cleaned_up.backend_ids == (first.backend_id,)
    report = Report(False, Expired(), Disposed(), cleaned_up, None, 0)
    assert not report.is_complete
    assert report._replace(cleaned_up=CleanedUp()).is_complete
