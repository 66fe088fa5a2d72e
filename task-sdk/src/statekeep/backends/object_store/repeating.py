"""Repeating what the client library leaves alone: a request that may have taken effect, and was not answered.

Every flow here can stand that: creating what is there already is no fault when it is the very value, and
deleting what is gone is none at all.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from .failures import UnansweredError
from .patience import MAX_PAUSE_SECONDS
from .steps import Pause

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .patience import Patience
    from .steps import Step

Outcome = TypeVar("Outcome")

_FIRST_PAUSE_SECONDS = 0.1


def repeated(
    patience: Patience,
    begun: Callable[[], Generator[Step, object, Outcome]],
    now_seconds: Callable[[], float] = time.monotonic,
) -> Generator[Step, object, Outcome]:
    """Run a flow, and again from its beginning after an ``UnansweredError``, within the bounds of patience.

    The last such error is raised; so is any other one, at once.
    """
    started_seconds = now_seconds()
    for attempt in range(patience.max_retries):
        try:
            return (yield from begun())
        except UnansweredError:
            if now_seconds() - started_seconds >= patience.retry_seconds:
                raise
        yield Pause(min(_FIRST_PAUSE_SECONDS * 2**attempt, MAX_PAUSE_SECONDS))
    return (yield from begun())
