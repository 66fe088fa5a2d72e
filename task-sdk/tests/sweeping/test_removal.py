"""Deleting objects: many at once, singly where one is in the way, and not for ever."""

from __future__ import annotations

from collections.abc import Iterable

from statekeep import StateScope, TaskScope
from statekeep._shared.state.testing.objects import ImmutableMemoryObjects
from statekeep.errors import StoreUnusableError, UnavailableError
from statekeep.sweeping.removal import remove
from sweeping.place import TASK

ORIGINS = [(TaskScope(*TASK), f"k{number}~{'A' * 26}") for number in range(5)]


class Stubborn(ImmutableMemoryObjects):
    """Cannot delete some of its objects; counts what it tries."""

    def __init__(self, *stuck: int) -> None:
        super().__init__("store")
        self._stuck = {ORIGINS[number][1] for number in stuck}
        self.tried = 0

    def delete(self, scope: StateScope, key: str) -> None:
        self.tried += 1
        if key in self._stuck:
            raise UnavailableError(what=key, problem="it is locked")
        super().delete(scope, key)


class StubbornInBulk(Stubborn):
    """Deletes many at once, or none."""

    def delete_objects(self, origins: Iterable[tuple[StateScope, str]]) -> None:
        for scope, key in origins:
            self.delete(scope, key)


def test_a_backend_that_deletes_singly_deletes_all_but_the_stuck_one() -> None:
    removal = remove(Stubborn(2), ORIGINS)
    assert removal.are_gone == (True, True, False, True, True)
    assert "it is locked" in str(removal.problem)


def test_after_two_failures_in_a_row_no_further_one_is_waited_for() -> None:
    backend = Stubborn(0, 2, 3, 4)
    removal = remove(backend, ORIGINS)
    assert removal.are_gone == (False, True, False, False, False)
    assert removal.is_away
    assert backend.tried == 4


class Forbidding(ImmutableMemoryObjects):
    """Has objects that nobody may delete."""

    def __init__(self, *locked: int) -> None:
        super().__init__("store")
        self._locked = {f"k{number}" for number in locked}

    def delete(self, scope: StateScope, key: str) -> None:
        if key.partition("~")[0] in self._locked:
            raise StoreUnusableError(what=key, problem="it is locked", remedy="unlock it")
        super().delete(scope, key)


def test_what_lies_behind_locked_objects_is_deleted_all_the_same() -> None:
    removal = remove(Forbidding(0, 1, 2), ORIGINS)
    assert removal.are_gone == (False, False, False, True, True)
    assert not removal.is_away


def test_a_backend_that_refuses_everything_is_not_asked_for_ever() -> None:
    many = [(TaskScope(*TASK), f"k{number}~{'A' * 26}") for number in range(200)]
    removal = remove(Forbidding(*range(150)), many)
    assert removal.is_away
    assert removal.are_gone == (False,) * 200


def test_what_fails_in_bulk_is_tried_singly() -> None:
    assert remove(StubbornInBulk(0), ORIGINS).are_gone == (False, True, True, True, True)
    assert remove(StubbornInBulk(), ORIGINS) == ((True,) * 5, None, False)
