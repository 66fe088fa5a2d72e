"""Finds objects that no record names, has the store condemn them, and deletes them.

The store is asked after the listing, so whatever was committed before is known to it. A write that names an
object which is condemned is refused, and uploads again: deleting a condemned one loses nothing, however late
its writer is. The grace period only spares slow writers that trouble.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from itertools import compress
from typing import TYPE_CHECKING, Any

from .._shared.state import messages as m
from .._shared.state.errors import InvalidRequestError
from .answering import answering
from .candidates import Candidates
from .removal import Removal, remove
from .report import Failure, Orphans, Removed, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from .._shared.state.backend import BaseStateBackend
    from .answering import Answering
    from .candidates import Candidate

MIN_GRACE_SECONDS = 3_600.0
DEFAULT_GRACE_SECONDS = 86_400.0
_BATCH_OBJECTS = 1_000


def check_grace(grace_seconds: float) -> None:
    """Raise :class:`InvalidRequestError` for a grace period under an hour."""
    if not grace_seconds >= MIN_GRACE_SECONDS:  # NaN is not
        raise InvalidRequestError(
            what="the grace period of the orphan sweep",
            problem=f"is {grace_seconds:,g} s, under the least of {MIN_GRACE_SECONDS:,g}",
            remedy="give an hour or more",
        )


def sweep_orphans(
    ask: Callable[[Any], Any],
    backends: Iterable[BaseStateBackend],
    store_id: str,
    *,
    now: datetime,
    grace_seconds: float = DEFAULT_GRACE_SECONDS,
    dry_run: bool = False,
    is_enough: Callable[[], bool] = lambda: False,
) -> Orphans:
    """Delete the objects below the store's id that no record names and that are older than the grace period.

    ``now`` is an aware instant. All listings are read to the end before anything is condemned; when one
    fails, or ``is_enough`` says so meanwhile, nothing is removed. Killed between condemning and deleting, it
    leaves orphans that the next sweep finds and deletes.

    Raises :class:`InvalidRequestError` for too short a grace period, and what ``ask`` raises; nothing that a
    backend does.
    """
    check_grace(grace_seconds)
    before = now - timedelta(seconds=grace_seconds)
    with ExitStack() as stack:
        read = [(one, stack.enter_context(Candidates())) for one in answering(backends)]
        failures = _read_all(read, store_id, before, is_enough)
        is_complete = bool(failures) or all(candidates.is_complete for _, candidates in read)
        swept = _counts([candidates for _, candidates in read], failures)
        if failures or not is_complete:
            return swept._replace(is_complete=is_complete)
        return _with_removed(swept, _Removing(ask, dry_run=dry_run, is_enough=is_enough), read)


def _read_all(
    read: Sequence[tuple[Answering, Candidates]],
    store_id: str,
    before: datetime,
    is_enough: Callable[[], bool],
) -> tuple[Failure, ...]:
    for one, candidates in read:
        try:
            candidates.read(one.backend, store_id, before, is_enough)
        # A backend is somebody else's code, and whatever it raises, its listing is not complete.
        except Exception as error:
            what = f"listing the objects of backend {one.backend.backend_id}, so no orphan was removed,"
            return (Failure(what, problem_of(error)),)
    return ()


def _counts(read: Sequence[Candidates], failures: tuple[Failure, ...]) -> Orphans:
    return Orphans(
        listed=sum(candidates.listed for candidates in read),
        too_young=sum(candidates.too_young for candidates in read),
        not_understood=sum(candidates.not_understood for candidates in read),
        failures=failures,
    )


def _with_removed(
    swept: Orphans, removing: _Removing, read: Sequence[tuple[Answering, Candidates]]
) -> Orphans:
    removed = [removing.of(one, candidates) for one, candidates in read]
    return swept._replace(
        removed=tuple(each for each in removed if each.objects),
        failures=tuple(removing.failures),
        is_complete=not removing.is_stopped,
    )


class _Removing:
    """Condemns and deletes, a batch at a time.

    An object that two backends list (one that encrypts, and one that reads what lies there from before)
    counts once.
    """

    def __init__(self, ask: Callable[[Any], Any], *, dry_run: bool, is_enough: Callable[[], bool]) -> None:
        self.failures: list[Failure] = []
        self.is_stopped = False
        self._ask = ask
        self._dry_run = dry_run
        self._is_enough = is_enough
        self._counted: set[str] = set()

    def of(self, one: Answering, candidates: Candidates) -> Removed:
        objects, size_bytes = 0, 0
        problem: str | None = None
        for batch in candidates.batches(_BATCH_OBJECTS):
            if self._is_enough():
                self.is_stopped = True
                break
            condemned = self._condemned(batch)
            removal = self._removed(one, condemned)
            for each in compress(condemned, removal.are_gone):
                if each.storage_key not in self._counted:
                    self._counted.add(each.storage_key)
                    objects += 1
                    size_bytes += each.size_bytes
            problem = problem or removal.problem
            if removal.is_away:
                break
        if problem is not None:
            self.failures.append(Failure(f"deleting orphans of backend {one.backend.backend_id}", problem))
        return Removed(str(one.backend.backend_id), objects, size_bytes)

    def _condemned(self, batch: Sequence[Candidate]) -> list[Candidate]:
        request = m.Condemn(tuple(each.storage_key for each in batch), self._dry_run)
        condemned = frozenset(self._ask(request).storage_keys)
        return [each for each in batch if each.storage_key in condemned]

    def _removed(self, one: Answering, condemned: list[Candidate]) -> Removal:
        """Return which are gone (on a dry run: would be), and what kept others from it."""
        if self._dry_run or not condemned:
            return Removal((True,) * len(condemned))
        return remove(one.backend, [(each.scope, each.storage_key) for each in condemned])
