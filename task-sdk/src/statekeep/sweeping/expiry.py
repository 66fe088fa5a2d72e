"""Has the store remove what has expired, and each backend what it cleans up by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._shared.state import messages as m
from .report import CleanedUp, Expired, Failure, problem_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .._shared.state.backend import BaseStateBackend


def expire(
    ask: Callable[[Any], Any], *, dry_run: bool = False, is_enough: Callable[[], bool] = lambda: False
) -> Expired:
    """Remove expired entries, those of deactivated assets, and old request ids; a batch at a time.

    ``is_enough`` is asked between batches. Raises what ``ask`` raises.
    """
    expired = Expired(is_complete=False)
    cursor: str | None = None
    while not is_enough():
        step: m.Swept = ask(m.SweepStep(cursor, dry_run))
        cursor = step.cursor
        expired = Expired(
            expired.task_entries + step.task_entries,
            expired.asset_entries + step.asset_entries,
            expired.requests + step.requests,
            is_complete=cursor is None,
        )
        if cursor is None:
            break
    return expired


def clean_up(
    backends: Iterable[BaseStateBackend], *, is_enough: Callable[[], bool] = lambda: False
) -> CleanedUp:
    """Call each backend's ``cleanup``; what one raises is reported, and keeps no other from its own.

    ``is_enough`` is asked before each.
    """
    done: list[str] = []
    failures: list[Failure] = []
    for backend in backends:
        if is_enough():
            return CleanedUp(tuple(done), tuple(failures), is_complete=False)
        try:
            backend.cleanup()
        # A backend is somebody else's code.
        except Exception as error:
            failures.append(Failure(f"the clean-up of backend {backend.backend_id}", problem_of(error)))
        else:
            done.append(str(backend.backend_id))
    return CleanedUp(tuple(done), tuple(failures))
