"""What a sweep did and what it could not do, as facts."""

from __future__ import annotations

from typing import NamedTuple

from .._shared.state.errors import StatekeepError

_LONGEST_SAYING_CHARACTERS = 300  # of somebody else's error, which may hold a whole answer of a server


class Failure(NamedTuple):
    """Something that was not done, and why. A later sweep tries again."""

    what: str
    problem: str


class Removed(NamedTuple):
    """The objects that one backend removed (on a dry run: would remove), and their size."""

    backend_id: str
    objects: int
    size_bytes: int


class Expired(NamedTuple):
    """What the store itself removed. ``is_complete``: it was not stopped before the end."""

    task_entries: int = 0
    asset_entries: int = 0
    requests: int = 0
    is_complete: bool = True


class Disposed(NamedTuple):
    """Replaced and deleted values' objects; the sizes are those of the values.

    ``is_complete``: nothing that was due is left, except for what ``failures`` say. On a dry run it tells
    whether all that is due was counted.
    """

    removed: tuple[Removed, ...] = ()
    failures: tuple[Failure, ...] = ()
    is_complete: bool = True


class CleanedUp(NamedTuple):
    """The backends whose own clean-up ran, by id. ``is_complete``: it was not stopped before the last."""

    backend_ids: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    is_complete: bool = True


class Orphans(NamedTuple):
    """Objects that no record ever named, or none any more; the sizes are those of the objects.

    Of those ``listed``, ``too_young`` were left because of the grace period and ``not_understood`` because
    it is not clear whose they are. When a listing failed, nothing was removed.
    """

    listed: int = 0
    too_young: int = 0
    not_understood: int = 0
    removed: tuple[Removed, ...] = ()
    failures: tuple[Failure, ...] = ()
    is_complete: bool = True


class Known(NamedTuple):
    """The objects of one backend id that the store knows, after the sweep.

    ``named``: by an entry, the history or a staged write. ``due``: to be deleted, and not deleted.
    ``is_configured``: a backend here reads this id. ``is_overdue``: some have been due for so long that
    nobody elsewhere deletes them either.
    """

    backend_id: str
    named: int
    due: int
    is_configured: bool
    is_overdue: bool

    @property
    def is_left_to_others(self) -> bool:
        """Whether some are due that nothing here can delete."""
        return self.due > 0 and not self.is_configured


class Report(NamedTuple):
    """A whole sweep. ``orphans`` is None when they were not looked for.

    ``plain_objects_left``: how many objects of plain backends lost their record and are left.
    """

    dry_run: bool
    expired: Expired
    disposed: Disposed
    cleaned_up: CleanedUp
    orphans: Orphans | None
    plain_objects_left: int
    objects: tuple[Known, ...] = ()

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Everything that was not done."""
        of_orphans = () if self.orphans is None else self.orphans.failures
        return (*self.disposed.failures, *self.cleaned_up.failures, *of_orphans)

    @property
    def forgotten(self) -> tuple[Known, ...]:
        """The backends whose objects nobody deletes: not here, nor elsewhere for all that can be seen."""
        return tuple(each for each in self.objects if each.is_left_to_others and each.is_overdue)

    @property
    def is_complete(self) -> bool:
        """Whether no part of it was stopped before its end."""
        parts = (self.expired, self.disposed, self.cleaned_up, self.orphans)
        return all(part is None or part.is_complete for part in parts)


def problem_of(error: Exception) -> str:
    """Return what an error says, in one line; of one that is not Statekeep's own also its type."""
    first_line = str(error).strip().partition("\n")[0]
    # An error of another vendored copy is no instance of this one's class, and speaks as well.
    if isinstance(error, StatekeepError) or (hasattr(error, "code") and hasattr(error, "facts")):
        return first_line
    saying = first_line[:_LONGEST_SAYING_CHARACTERS]
    return f"{type(error).__name__}: {saying}" if saying else type(error).__name__
