"""Two copies of a store that share a folder of objects: neither deletes what the other may name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from statekeep import TaskScope
from statekeep._shared.state import messages as m
from statekeep.errors import StatekeepError
from statekeep.sweeping.disposal import dispose
from statekeep.sweeping.expiry import expire
from statekeep.sweeping.orphans import sweep_orphans
from statekeep_core.metastore.backup import back_up, restore
from statekeep_core.metastore.store_file import opened_to_read
from sweeping.place import DISPOSE_AFTER_SECONDS, TASK, MovedClock, Place, file_of

_LATER = timedelta(days=2)
_SCOPE = TaskScope(*TASK)


class Copy(Place):
    """The copy of a place's store: its own file and clock, the same folder of objects."""

    def __init__(self, path: Path, original: Place) -> None:
        assert isinstance(original.database, Path)
        with opened_to_read(original.database) as store:
            back_up(store, path / "backup.db")
        with opened_to_read(path / "backup.db") as backup:
            self.renewed = restore(backup, path / "state.db")
        super().__init__(path, MovedClock(time.time()))
        self.objects = original.objects
        self.backend = self.new_backend()


@pytest.fixture
def original(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "original").mkdir()
    place = Place(tmp_path / "original", MovedClock(time.time()))
    yield place
    place.close()


@pytest.fixture
def make_copy(original: Place, tmp_path: Path) -> Iterator[Any]:
    made: list[Copy] = []

    def make() -> Copy:
        folder = tmp_path / f"copy{len(made)}"
        folder.mkdir()
        made.append(Copy(folder, original))
        return made[-1]

    yield make
    for copy in made:
        copy.close()


def value(place: Place, key: str) -> str:
    """Read a value of the task as an accessor does."""
    external = place.as_(place.claims, m.Get(key)).external
    read: str = place.backend.deserialize_task_state_from_ref(
        external.reference, scope=_SCOPE, storage_key=external.storage_key
    )
    return read


def sweep(place: Place) -> int:
    """Sweep everything, long after; return how many objects it removed."""
    place.clock.advance(DISPOSE_AFTER_SECONDS + 1)
    expire(place.ask)
    place.clock.advance(DISPOSE_AFTER_SECONDS + 1)
    disposed = dispose(place.ask, [place.backend])
    orphans = sweep_orphans(place.ask, [place.backend], place.store_id, now=datetime.now(UTC) + _LATER)
    assert not disposed.failures
    assert not orphans.failures
    return sum(each.objects for each in (*disposed.removed, *orphans.removed))


def test_a_sweep_of_the_copy_removes_nothing_that_the_original_names(original: Place, make_copy: Any) -> None:
    for key in ("kept", "replaced", "deleted", "expired"):
        original.write(key, f'"{key}"')
    original.write("queued", '"old"')
    original.write("queued", '"new"')
    orphan = original.upload("orphan")
    copy = make_copy()
    after = original.write("after", '"after"')
    before = original.files()

    copy.write("replaced", '"of the copy"')
    copy.delete("deleted")
    copy.as_(copy.claims, m.Clear())
    copy.write("kept", '"of the copy"')
    assert sweep(copy) == 1  # what the copy wrote itself, and cleared

    assert before <= original.files()
    assert {file_of(after), file_of(orphan)} <= original.files()
    for key in ("kept", "replaced", "deleted", "expired", "after"):
        assert value(original, key) == f'"{key}"'
    assert value(original, "queued") == '"new"'


def test_a_sweep_of_the_original_removes_nothing_that_the_copy_wrote(original: Place, make_copy: Any) -> None:
    original.write("k", '"old"')
    copy = make_copy()
    written = copy.write("k", '"of the copy"')
    uploaded = copy.upload("not named yet")
    original.as_(original.claims, m.Clear())
    assert sweep(original) == 1
    assert {file_of(written), file_of(uploaded)} <= original.files()
    assert value(copy, "k") == '"of the copy"'
    copy.commit("not named yet", uploaded)


def test_what_was_written_before_is_read_in_both_and_in_a_copy_of_the_copy(
    original: Place, make_copy: Any, tmp_path: Path
) -> None:
    original.write("k", '"before"')
    first = make_copy()
    first.write("first", '"of the first"')
    (tmp_path / "second").mkdir()
    second = Copy(tmp_path / "second", first)
    assert len({original.store_id, first.store_id, second.store_id}) == 3
    for place in (original, first, second):
        assert value(place, "k") == '"before"'
    assert value(second, "first") == '"of the first"'
    second.as_(second.claims, m.Clear())
    assert sweep(second) == 0
    assert value(first, "first") == '"of the first"'
    second.close()


def test_each_disposes_of_its_own(original: Place, make_copy: Any) -> None:
    copy = make_copy()
    for place in (original, copy):
        place.write("k", '"old"')
        place.write("k", '"new"')
        place.upload("orphan")
    assert (sweep(original), sweep(copy)) == (2, 2)
    assert len(original.files()) == 2


def test_a_try_that_ran_when_the_copy_was_made_does_nothing_in_the_copy(
    original: Place, make_copy: Any
) -> None:
    external = original.upload("late")
    original.as_(original.claims, m.Set("k", b"1", 1))
    copy = make_copy()
    copy.claims = original.claims
    assert copy.renewed.ended_tries == 1
    for request in (m.Set("k", b"1"), m.Heartbeat(), m.Finish(succeeded=True), m.Get("k")):
        with pytest.raises(StatekeepError, match="try 1"):
            copy.as_(copy.claims, request)
    with pytest.raises(StatekeepError, match="try 1"):
        copy.commit("late", external)
    original.commit("late", external)
    original.as_(original.claims, m.Finish(succeeded=True))
