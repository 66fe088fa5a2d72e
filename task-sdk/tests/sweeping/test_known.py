"""What the store has counted, told apart by whether it is anybody's here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from backends.master_keys import keys
from statekeep._shared.state.messages import ObjectsOfBackend
from statekeep.backends import EncryptedBackend
from statekeep.sweeping.known import known
from statekeep.sweeping.report import CleanedUp, Disposed, Expired, Known, Report
from sweeping.place import Place

NOW = datetime(2026, 1, 3, tzinfo=UTC)


def due_for(duration: timedelta, backend_id: str = "away") -> ObjectsOfBackend:
    return ObjectsOfBackend(backend_id, 2, 1, round((NOW - duration).timestamp() * 1_000_000))


def report_of(*objects: Known) -> Report:
    return Report(False, Expired(), Disposed(), CleanedUp(), None, 0, objects)


def test_every_id_that_a_backend_here_reads_is_configured(place: Place) -> None:
    migrating = EncryptedBackend(place.new_backend(), keys(), allow_plaintext=True)
    ids = (migrating.backend_id, place.backend.backend_id, "away")
    counted = [ObjectsOfBackend(backend_id, 1) for backend_id in ids]
    assert [each.is_configured for each in known(counted, [migrating], now=NOW)] == [True, True, False]


@pytest.mark.parametrize(("hours", "is_forgotten"), [(0, False), (24, False), (25, True)])
def test_objects_that_are_due_for_more_than_a_day_elsewhere_are_forgotten(
    hours: int, is_forgotten: bool
) -> None:
    [found] = known([due_for(timedelta(hours=hours))], [], now=NOW)
    assert found[:4] == ("away", 2, 1, False)
    assert found.is_left_to_others
    assert report_of(found).forgotten == ((found,) if is_forgotten else ())


def test_those_of_a_backend_here_are_not(place: Place) -> None:
    [found] = known([due_for(timedelta(days=9), place.backend.backend_id)], [place.backend], now=NOW)
    assert not found.is_left_to_others
    assert report_of(found).forgotten == ()


def test_those_that_are_named_are_left_to_nobody() -> None:
    [found] = known([ObjectsOfBackend("away", 5)], [], now=NOW)
    assert not found.is_left_to_others
