"""Disposal: what the store queued goes, what is named stays, and whatever fails is due again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from backends.master_keys import keys
from statekeep._shared.state import messages as m
from statekeep.backends import EncryptedBackend
from statekeep.errors import UnavailableError
from statekeep.sweeping.disposal import dispose
from sweeping.place import DISPOSE_AFTER_SECONDS, LEASE_SECONDS, ORDERS, TASK, Place, file_of


def test_a_replaced_values_object_goes_after_5_minutes_and_the_current_one_stays(place: Place) -> None:
    old, new = place.write("k", '"old"'), place.write("k", '"new"')
    place.clock.advance(DISPOSE_AFTER_SECONDS - 1)
    assert dispose(place.ask, [place.backend]).removed == ()
    assert place.files() == {file_of(old), file_of(new)}
    place.clock.advance(2)
    disposed = dispose(place.ask, [place.backend])
    assert [(each.objects, each.size_bytes) for each in disposed.removed] == [(1, len('"old"'))]
    assert disposed.is_complete
    assert place.files() == {file_of(new)}


def test_a_deleted_keys_object_goes_and_is_not_due_again(place: Place) -> None:
    place.write("k")
    place.delete("k")
    place.clock.advance(DISPOSE_AFTER_SECONDS + 1)
    assert dispose(place.ask, [place.backend]).removed[0].objects == 1
    place.clock.advance(LEASE_SECONDS + 1)
    assert dispose(place.ask, [place.backend]).removed == ()
    assert place.files() == set()


def test_an_object_that_is_gone_already_counts_as_deleted(place: Place) -> None:
    old, _ = place.replaced("k")
    Path(file_of(old)).unlink()
    assert dispose(place.ask, [place.backend]).removed[0].objects == 1
    place.clock.advance(LEASE_SECONDS + 1)
    assert dispose(place.ask, [place.backend]).removed == ()


def test_a_backend_that_fails_is_reported_and_its_objects_are_due_again_while_the_others_go(
    place: Place, tmp_path: Path
) -> None:
    elsewhere = place.new_backend(tmp_path / "elsewhere")
    kept = place.write("a", backend=elsewhere)
    place.delete("a")
    old, new = place.replaced("b")
    away = (tmp_path / "elsewhere").rename(tmp_path / "away")
    disposed = dispose(place.ask, [elsewhere, place.backend])
    [failure] = disposed.failures
    assert elsewhere.backend_id in failure.what
    assert "does not exist" in failure.problem
    assert [each.backend_id for each in disposed.removed] == [place.backend.backend_id]
    assert place.files() == {file_of(new)}

    away.rename(tmp_path / "elsewhere")
    assert dispose(place.ask, [elsewhere]).removed == ()  # it is leased still
    place.clock.advance(LEASE_SECONDS + 1)
    assert dispose(place.ask, [elsewhere]).removed[0].objects == 1
    assert not Path(file_of(kept)).exists()
    assert not Path(file_of(old)).exists()


def test_one_object_that_cannot_be_deleted_keeps_no_other_from_going(place: Place) -> None:
    externals = [place.write(f"k{number}") for number in range(5)]
    for number in range(5):
        place.delete(f"k{number}")
    place.clock.advance(DISPOSE_AFTER_SECONDS + 1)
    stuck = Path(file_of(externals[2]))
    stuck.unlink()
    stuck.mkdir()  # which no deletion of a file takes away
    disposed = dispose(place.ask, [place.backend])
    assert disposed.removed[0].objects == 4
    assert "deleting 1 object" in disposed.failures[0].what
    assert place.files() == set()
    stuck.rmdir()
    place.clock.advance(LEASE_SECONDS + 1)
    assert dispose(place.ask, [place.backend]).removed[0].objects == 1


def test_a_page_with_one_that_cannot_be_deleted_keeps_no_other_page_from_its_turn(place: Place) -> None:
    externals = [place.write(f"k{number}") for number in range(6)]
    for number in range(6):
        place.delete(f"k{number}")
    place.clock.advance(DISPOSE_AFTER_SECONDS + 1)
    stuck = Path(file_of(externals[0]))
    stuck.unlink()
    stuck.mkdir()
    disposed = dispose(place.ask, [place.backend], page_objects=2)
    assert disposed.removed[0].objects == 5
    assert [failure.what.partition(" of")[0] for failure in disposed.failures] == ["deleting 1 object"]
    place.clock.advance(LEASE_SECONDS + 1)
    place.requests.clear()
    again = dispose(place.ask, [place.backend], page_objects=2)  # which has an end
    assert (again.removed, len(again.failures), place.requests) == ((), 1, ["FetchDisposals"])


def test_origins_narrow_it_down(place: Place) -> None:
    old, _ = place.replaced("k")
    assert dispose(place.ask, [place.backend], origins=(ORDERS,)).removed == ()
    assert Path(file_of(old)).exists()
    assert dispose(place.ask, [place.backend], origins=(ORDERS, TASK)).removed[0].objects == 1


def test_a_backend_that_encrypts_disposes_of_what_was_written_before_it_did(place: Place) -> None:
    old, _ = place.replaced("k")
    some_keys = keys()
    strict = EncryptedBackend(place.new_backend(), some_keys)
    assert dispose(place.ask, [strict]).removed == ()
    migrating = EncryptedBackend(place.new_backend(), some_keys, allow_plaintext=True)
    assert dispose(place.ask, [migrating]).removed[0].objects == 1
    assert not Path(file_of(old)).exists()


def test_another_stores_objects_are_never_touched(place: Place, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Place(tmp_path / "other")
    theirs = other.new_backend(place.objects)
    assert theirs.backend_id == place.backend.backend_id
    externals = [other.write("k", f'"{number}"', theirs) for number in range(2)]
    other.clock.advance(DISPOSE_AFTER_SECONDS + 1)
    other.close()
    place.clock.advance(DISPOSE_AFTER_SECONDS + 1)
    assert dispose(place.ask, [place.backend]).removed == ()
    assert place.files() == {file_of(each) for each in externals}


def test_a_dry_run_counts_and_changes_nothing(place: Place) -> None:
    place.replaced("k")
    before = place.tables(), place.files()
    disposed = dispose(place.ask, [place.backend], dry_run=True)
    assert (disposed.removed[0].objects, disposed.is_complete) == (1, True)
    assert (place.tables(), place.files()) == before
    assert not dispose(place.ask, [place.backend], dry_run=True, page_objects=1).is_complete


def test_it_stops_between_pages_and_goes_on_the_next_time(place: Place) -> None:
    for number in range(5):
        place.write(f"k{number}")
        place.delete(f"k{number}")
    place.clock.advance(DISPOSE_AFTER_SECONDS + 1)
    answers = iter([False, False, True])
    stopped = dispose(place.ask, [place.backend], page_objects=2, is_enough=lambda: next(answers))
    assert (stopped.removed[0].objects, stopped.is_complete) == (4, False)
    assert len(place.files()) == 1
    assert dispose(place.ask, [place.backend]).removed[0].objects == 1
    assert place.files() == set()


def test_many_pages_are_fetched_until_nothing_is_due(place: Place) -> None:
    for number in range(7):
        place.write(f"k{number}")
        place.delete(f"k{number}")
    place.clock.advance(DISPOSE_AFTER_SECONDS + 1)
    assert dispose(place.ask, [place.backend], page_objects=3).removed[0].objects == 7
    assert place.requests == ["FetchDisposals", "AcknowledgeDisposals"] * 3 + ["FetchDisposals"]


def test_an_acknowledgement_that_is_lost_is_made_up_for(place: Place) -> None:
    old, new = place.replaced("k")

    def cut(request: Any) -> Any:
        if isinstance(request, m.AcknowledgeDisposals):
            raise UnavailableError(what="the store", problem="the connection was cut")
        return place.ask(request)

    with pytest.raises(UnavailableError):
        dispose(cut, [place.backend])
    assert place.files() == {file_of(new)}
    place.clock.advance(LEASE_SECONDS + 1)
    assert dispose(place.ask, [place.backend]).removed[0].objects == 1
    assert (old.storage_key,) not in place.rows("external_objects", "storage_key")


def test_nothing_is_asked_of_the_store_without_an_immutable_backend(place: Place) -> None:
    assert dispose(place.ask, []).is_complete
    assert place.requests == []
