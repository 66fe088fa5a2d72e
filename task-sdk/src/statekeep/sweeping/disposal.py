"""Deletes the objects of values that were replaced or deleted, as the store has queued them."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, Any

from .._shared.state import messages as m
from ..accessors.origins import scope_of
from .answering import answering
from .removal import Removal, remove
from .report import Disposed, Failure, Removed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .._shared.state.backend import BaseStateBackend
    from .answering import Answering

    Origins = tuple[m.TaskAddress | m.AssetAddress, ...]

PAGE_OBJECTS = 1_000


def dispose(
    ask: Callable[[Any], Any],
    backends: Iterable[BaseStateBackend],
    *,
    origins: Origins = (),
    is_enough: Callable[[], bool] = lambda: False,
    dry_run: bool = False,
    page_objects: int = PAGE_OBJECTS,
) -> Disposed:
    """Delete what is due of the backends' objects; with ``origins``, only theirs.

    The store leases each page to this caller and is told what is gone. What could not be deleted is due
    again when the lease has lapsed, and the other backends' objects go all the same. ``is_enough`` is asked
    between pages. Stopped anywhere, by a kill too, it leaves a state that the next call completes.

    Raises what ``ask`` raises, and nothing that a backend does.
    """
    pages = _Pages(ask, origins, page_objects, is_enough)
    each = [_counted(pages, one) if dry_run else _disposed(pages, one) for one in answering(backends)]
    return Disposed(
        removed=tuple(removed for one in each for removed in one.removed if removed.objects),
        failures=tuple(failure for one in each for failure in one.failures),
        is_complete=all(one.is_complete for one in each),
    )


class _Pages:
    """The store's side: what is due, a page at a time."""

    def __init__(
        self, ask: Callable[[Any], Any], origins: Origins, page_objects: int, is_enough: Callable[[], bool]
    ) -> None:
        self.ask = ask
        self.is_enough = is_enough
        self.page_objects = page_objects
        self._origins = origins

    def next(self, one: Answering, *, dry_run: bool = False) -> tuple[m.Disposal, ...]:
        request = m.FetchDisposals(one.backend_ids, self._origins, self.page_objects, dry_run)
        disposals: tuple[m.Disposal, ...] = self.ask(request).disposals
        return disposals


def _disposed(pages: _Pages, one: Answering) -> Disposed:
    objects, size_bytes = 0, 0
    stuck, problem = 0, None
    is_complete = False
    while not is_complete and not pages.is_enough():
        page = pages.next(one)
        removal = _removal(one, page)
        gone = tuple(compress(page, removal.are_gone))
        if gone:
            pages.ask(m.AcknowledgeDisposals(tuple(each.object_id for each in gone)))
        objects += len(gone)
        size_bytes += _size_bytes(gone)
        stuck, problem = stuck + len(page) - len(gone), problem or removal.problem
        # Those that stay fall due again behind all others, so a page of nothing else is the end.
        is_complete = removal.is_away or not gone
    what = f"deleting {stuck:,} object{'' if stuck == 1 else 's'} of backend {one.backend_ids[0]}"
    failures = () if problem is None else (Failure(what, problem),)
    return Disposed((Removed(one.backend_ids[0], objects, size_bytes),), failures, is_complete)


def _removal(one: Answering, page: tuple[m.Disposal, ...]) -> Removal:
    origins = [(scope_of(each.external.origin), each.external.storage_key) for each in page]
    return remove(one.backend, origins) if origins else Removal(())


def _counted(pages: _Pages, one: Answering) -> Disposed:
    # Nothing is leased on a dry run, so a second page would be the first again.
    page = pages.next(one, dry_run=True)
    removed = Removed(one.backend_ids[0], len(page), _size_bytes(page))
    return Disposed((removed,), is_complete=len(page) < pages.page_objects)


def _size_bytes(disposals: Iterable[m.Disposal]) -> int:
    return sum(each.external.size_bytes for each in disposals)
