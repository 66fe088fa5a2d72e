"""What a supervisor disposes of when its job has ended: objects of its own task and of its outlets."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from .._shared.state import messages as m
from .answering import answering
from .disposal import dispose
from .report import problem_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._shared.state.backend import BaseStateBackend

# A page of which one may be under way when the time is up; what it deleted is then deleted again.
_PAGE_OBJECTS = 100
# The store looks up no more pairs of a backend and an origin at once.
_MOST_PAIRS = 1_000


def dispose_own(
    ask: Callable[[Any], Any],
    backends: Sequence[BaseStateBackend],
    origins: Sequence[m.TaskAddress | m.AssetAddress],
    *,
    say: Callable[[str], object],
    time_limit_seconds: float = 5.0,
) -> None:
    """Delete what is due of these origins, for no longer than the limit; the sweep does the rest.

    ``origins`` is not empty. Never raises, and says at most one line: when something could not be deleted.
    ``ask`` is not called any more after this returns. When nothing is due, which is the rule, no thread is
    started.
    """
    try:
        ids = tuple(backend_id for one in answering(backends) for backend_id in one.backend_ids)
        if not ids:
            return
        some = tuple(origins)[: _MOST_PAIRS // len(ids)]
        due = ask(m.FetchDisposals(ids, some, limit=1, dry_run=True)).disposals
        problem = _within(time_limit_seconds, ask, backends, some) if due else None
    # The job has ended well or badly, and nothing here may change how.
    except Exception as error:
        problem = problem_of(error)
    if problem is not None:
        say(f"replaced values were not all deleted: {problem}; `statekeep sweep` will")


class _Leash:
    """Lets the thread ask the store until its time is up; the store may be closed then."""

    def __init__(self, ask: Callable[[Any], Any]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self.is_cut = False

    def ask(self, request: Any) -> Any:
        with self._lock:
            if self.is_cut:
                raise TimeoutError
            return self._ask(request)

    def cut(self) -> None:
        """Wait for the answer that is under way; let no further request through."""
        with self._lock:
            self.is_cut = True


def _within(
    seconds: float,
    ask: Callable[[Any], Any],
    backends: Sequence[BaseStateBackend],
    origins: tuple[m.TaskAddress | m.AssetAddress, ...],
) -> str | None:
    """Return what went wrong; None when the time was up, which is no fault."""
    leash = _Leash(ask)
    problems: list[str] = []

    def run() -> None:
        try:
            disposed = dispose(
                leash.ask,
                backends,
                origins=origins,
                is_enough=lambda: leash.is_cut,
                page_objects=_PAGE_OBJECTS,
            )
            problems.extend(failure.problem for failure in disposed.failures)
        except Exception as error:  # of the store, or because the time is up
            problems.append(problem_of(error))

    # A daemon: a backend's request that hangs keeps no process from its end.
    thread = threading.Thread(target=run, name="statekeep disposal", daemon=True)
    thread.start()
    thread.join(seconds)
    is_done = not thread.is_alive()
    leash.cut()
    return problems[0] if problems and is_done else None
