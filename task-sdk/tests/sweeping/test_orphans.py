"""The orphan sweep: what nobody names goes, whatever a late writer does; anything doubtful stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from backends.master_keys import keys
from statekeep import TaskScope
from statekeep._shared.state import messages as m
from statekeep._shared.state.testing.objects import ImmutableMemoryObjects
from statekeep.backends import EncryptedBackend, ObjectStoreBackend
from statekeep.errors import CondemnedError, InvalidRequestError, StoreUnusableError, UnavailableError
from statekeep.sweeping.disposal import dispose
from statekeep.sweeping.orphans import DEFAULT_GRACE_SECONDS, sweep_orphans
from statekeep.sweeping.report import Orphans
from sweeping.place import DISPOSE_AFTER_SECONDS, TASK, Place, file_of

Sweep = Callable[..., Orphans]


@pytest.fixture
def sweep(place: Place) -> Sweep:
    """Sweeps a day and a second from now, when what the test makes is old enough."""

    def sweep(*backends: Any, later_seconds: float = DEFAULT_GRACE_SECONDS + 1, **options: Any) -> Orphans:
        now = datetime.now(UTC) + timedelta(seconds=later_seconds)
        return sweep_orphans(place.ask, backends or [place.backend], place.store_id, now=now, **options)

    return sweep


def test_an_upload_that_nobody_committed_goes_after_the_grace_and_what_is_named_stays(
    place: Place, sweep: Sweep
) -> None:
    orphan, named = place.upload("k"), place.write("k")
    young = sweep(later_seconds=DEFAULT_GRACE_SECONDS - 60)
    assert (young.listed, young.too_young, young.removed) == (2, 2, ())
    assert place.files() == {file_of(orphan), file_of(named)}
    old = sweep()
    assert [each.objects for each in old.removed] == [1]
    assert old.removed[0].size_bytes > len('"v"')  # the object's, with its header
    assert (old.listed, old.too_young, old.failures, old.is_complete) == (2, 0, (), True)
    assert place.files() == {file_of(named)}


def test_a_commit_of_a_condemned_object_is_refused_and_another_upload_is_not(
    place: Place, sweep: Sweep
) -> None:
    late = place.upload("k")
    sweep()
    with pytest.raises(CondemnedError):
        place.commit("k", late)
    again = place.write("k")
    assert place.files() == {file_of(again)}


def test_a_commit_between_the_listing_and_the_condemnation_keeps_its_object(place: Place) -> None:
    external = place.upload("k")

    def committing_first(request: Any) -> Any:
        if isinstance(request, m.Condemn):
            place.commit("k", external)
        return place.ask(request)

    later = datetime.now(UTC) + timedelta(days=2)
    assert sweep_orphans(committing_first, [place.backend], place.store_id, now=later).removed == ()
    assert place.files() == {file_of(external)}


def test_what_waits_for_its_disposal_is_no_orphan(place: Place, sweep: Sweep) -> None:
    old, new = place.write("k"), place.write("k")
    assert sweep().removed == ()
    assert place.files() == {file_of(old), file_of(new)}
    place.clock.advance(DISPOSE_AFTER_SECONDS + 1)
    dispose(place.ask, [place.backend])
    assert sweep().removed == ()
    assert place.files() == {file_of(new)}


class CutListing(ObjectStoreBackend):
    """Its listing breaks off before the end."""

    def list_objects(self, store_id: str) -> Iterator[Any]:
        yield from list(super().list_objects(store_id))[:-1]
        raise UnavailableError(what="the listing", problem="the connection was cut")


def test_when_a_listing_fails_nothing_is_condemned_or_deleted_anywhere(
    place: Place, sweep: Sweep, tmp_path: Path
) -> None:
    for number in range(3):
        place.upload(f"k{number}")
    cut = CutListing(f"file://{tmp_path}/cut", store_id=place.store_id, threshold_bytes=0)
    (tmp_path / "cut").mkdir()
    place.upload("a", backend=cut)
    place.upload("b", backend=cut)
    before = place.tables(), place.files()
    swept = sweep(place.backend, cut)
    assert (swept.removed, swept.is_complete) == ((), True)
    assert "the connection was cut" in swept.failures[0].problem
    assert (place.tables(), place.files()) == before
    assert place.requests == []


def test_when_it_is_stopped_while_it_lists_nothing_is_removed(place: Place, sweep: Sweep) -> None:
    place.upload("a")
    place.upload("b")
    answers = iter([False, True])
    swept = sweep(is_enough=lambda: next(answers))
    assert (swept.removed, swept.is_complete, swept.failures) == ((), False, ())
    assert len(place.files()) == 2


def test_a_dry_run_counts_and_changes_nothing(place: Place, sweep: Sweep) -> None:
    place.upload("orphan")
    place.write("named")
    before = place.tables(), place.files()
    assert [each.objects for each in sweep(dry_run=True).removed] == [1]
    assert (place.tables(), place.files()) == before


def test_another_stores_objects_in_the_same_folder_are_never_touched(place: Place, sweep: Sweep) -> None:
    theirs = place.upload("k", backend=place.new_backend(store_id="another-store"))
    orphan = place.upload("k")
    assert sweep().listed == 1
    assert place.files() == {file_of(theirs)}
    assert file_of(orphan) not in place.files()


def test_every_backend_is_listed_and_its_orphans_are_its_own(
    place: Place, sweep: Sweep, tmp_path: Path
) -> None:
    before = place.new_backend(tmp_path / "before")
    orphans = [place.upload("k"), place.upload("k", backend=before)]
    named = place.write("k", backend=before)
    swept = sweep(place.backend, before)
    assert [(each.backend_id, each.objects) for each in swept.removed] == [
        (place.backend.backend_id, 1),
        (before.backend_id, 1),
    ]
    assert [Path(file_of(each)).exists() for each in (*orphans, named)] == [False, False, True]


def test_an_object_that_two_backends_list_counts_once(place: Place, sweep: Sweep) -> None:
    encrypting = EncryptedBackend(place.new_backend(), keys())
    place.upload("k", backend=encrypting)
    swept = sweep(encrypting, place.backend)
    assert [(each.backend_id, each.objects) for each in swept.removed] == [(encrypting.backend_id, 1)]
    assert place.files() == set()


@pytest.mark.parametrize("grace_seconds", [0, 3_599, -1, float("nan")])
def test_a_grace_period_under_an_hour_is_refused(place: Place, sweep: Sweep, grace_seconds: float) -> None:
    place.upload("k")
    with pytest.raises(InvalidRequestError, match="3,600"):
        sweep(grace_seconds=grace_seconds)
    assert len(place.files()) == 1
    assert [each.objects for each in sweep(grace_seconds=3_600, later_seconds=3_601).removed] == [1]


def test_what_was_condemned_and_not_deleted_is_found_again(place: Place, sweep: Sweep) -> None:
    stuck = Path(file_of(place.upload("k")))

    class Stuck(ObjectStoreBackend):
        def _delete(self, paths: list[str]) -> Any:
            raise UnavailableError(what="the disk", problem="it does not answer")

    swept = sweep(Stuck(f"file://{place.objects}", store_id=place.store_id, threshold_bytes=0))
    assert swept.removed == ()
    assert "it does not answer" in swept.failures[0].problem
    assert stuck.exists()
    assert [each.objects for each in sweep().removed] == [1]
    assert not stuck.exists()


def test_objects_that_do_not_tell_whose_they_are_are_counted_and_left(place: Place, sweep: Sweep) -> None:
    memory = ImmutableMemoryObjects(place.store_id)
    scope = TaskScope(*TASK)
    for storage_key in ("no generation", "k" * 40, f"~{'A' * 26}", f"line\nbreak~{'A' * 26}"):
        memory.serialize_task_state_to_ref(
            value="1", key=storage_key, ti_id=scope.ti_id, scope=scope, storage_key=storage_key
        )
    place.upload("k", backend=memory)
    swept = sweep(memory)
    assert (swept.listed, swept.not_understood) == (5, 4)
    assert len(memory.objects) == 4


def test_thousands_are_condemned_a_thousand_at_a_time_and_deleted_singly_where_need_be(
    place: Place, sweep: Sweep
) -> None:
    memory = ImmutableMemoryObjects(place.store_id)
    for number in range(2_500):
        place.upload(f"k{number}", backend=memory)
    named = place.write("k", backend=memory)
    assert sweep(memory).removed[0].objects == 2_500
    assert place.requests == ["Condemn"] * 3
    assert [each.storage_key for each in memory.objects.values()] == [named.storage_key]


def test_locked_objects_in_one_batch_keep_no_other_batch_from_going(place: Place, sweep: Sweep) -> None:
    class Locking(ImmutableMemoryObjects):
        def delete(self, scope: Any, key: str) -> None:
            if key.startswith("locked"):
                raise StoreUnusableError(what=key, problem="it is locked", remedy="unlock it")
            super().delete(scope, key)

    memory = Locking(place.store_id)
    for number in range(1_500):
        place.upload("locked" if number in (0, 1, 2, 1_200) else f"k{number}", backend=memory)
    swept = sweep(memory)
    assert swept.removed[0].objects == 1_496
    assert len(memory.objects) == 4
    [failure] = swept.failures
    assert "it is locked" in failure.problem


def test_it_stops_between_batches_and_the_next_sweep_goes_on(place: Place, sweep: Sweep) -> None:
    memory = ImmutableMemoryObjects(place.store_id)
    for number in range(1_500):
        place.upload(f"k{number}", backend=memory)
    looks = iter([False] * 1_501 + [True])
    stopped = sweep(memory, is_enough=lambda: next(looks))
    assert (stopped.removed[0].objects, stopped.is_complete) == (1_000, False)
    assert sweep(memory).removed[0].objects == 500
