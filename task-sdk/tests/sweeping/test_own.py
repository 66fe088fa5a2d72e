"""What a supervisor disposes of: its own, for a short time, and whatever happens in silence or in a line."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from statekeep.backends import ObjectStoreBackend
from statekeep.errors import StoreUnusableError
from statekeep.sweeping.disposal import dispose
from statekeep.sweeping.own import dispose_own
from sweeping.place import DISPOSE_AFTER_SECONDS, LEASE_SECONDS, ORDERS, TASK, Place, file_of


def test_what_is_due_of_its_own_goes_and_nothing_is_said(place: Place) -> None:
    old, new = place.replaced("k")
    said: list[str] = []
    dispose_own(place.ask, [place.backend], [ORDERS], say=said.append)
    assert place.files() == {file_of(old), file_of(new)}
    dispose_own(place.ask, [place.backend], [TASK, ORDERS], say=said.append)
    assert place.files() == {file_of(new)}
    assert said == []


def test_when_nothing_is_due_the_store_is_asked_once_and_no_thread_starts(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write("k")
    place.write("k")
    monkeypatch.setattr(threading.Thread, "start", None)
    dispose_own(place.ask, [place.backend], [TASK], say=pytest.fail)
    assert place.requests == ["FetchDisposals"]


@pytest.mark.parametrize("fails_at", [0, 1, 2])
def test_a_store_that_fails_is_said_in_one_line_and_raises_nothing(place: Place, fails_at: int) -> None:
    place.replaced("k")
    said: list[str] = []

    def failing(request: Any) -> Any:
        if len(place.requests) == fails_at:
            raise StoreUnusableError(what="the store", problem="was moved away", remedy="put it back")
        return place.ask(request)

    dispose_own(failing, [place.backend], [TASK], say=said.append)
    assert len(said) == 1
    assert "was moved away" in said[0]
    assert "statekeep sweep" in said[0]


def test_a_backend_that_fails_is_said_in_one_line(place: Place) -> None:
    place.replaced("k")
    place.objects.rename(place.objects.with_name("away"))
    said: list[str] = []
    dispose_own(place.ask, [place.backend], [TASK], say=said.append)
    assert len(said) == 1
    assert "does not exist" in said[0]


def test_a_backend_that_hangs_is_left_behind_and_asks_the_store_nothing_more(place: Place) -> None:
    go_on, is_through = threading.Event(), threading.Event()

    class Hanging(ObjectStoreBackend):
        def delete_objects(self, origins: Any) -> None:
            go_on.wait()
            super().delete_objects(origins)
            is_through.set()

    old, _ = place.replaced("k")
    hanging = Hanging(f"file://{place.objects}", store_id=place.store_id)
    dispose_own(place.ask, [hanging], [TASK], say=pytest.fail, time_limit_seconds=0)
    asked = list(place.requests)
    go_on.set()
    assert is_through.wait(60)
    for thread in threading.enumerate():
        if thread.name == "statekeep disposal":
            thread.join(60)
    assert place.requests == asked
    assert not Path(file_of(old)).exists()
    # It was not acknowledged, so the sweep finds it gone.
    place.clock.advance(LEASE_SECONDS + DISPOSE_AFTER_SECONDS)
    assert dispose(place.ask, [place.backend]).removed[0].objects == 1
