"""Where a sweep goes on, as text that its callers hand back and never read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from ._shared.state.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

# The row that was looked at last: the columns of the index that a stage walks along.
Position = tuple[int | str, ...]


class Place(NamedTuple):
    """A stage of the sweep, by its number, and a position in it."""

    stage: int
    position: Position


def dump(place: Place) -> str:
    """Return a place as text."""
    return json.dumps([place.stage, *place.position], separators=(",", ":"))


def load(text: str | None, starts: Sequence[Position]) -> Place:
    """Return the place that :func:`dump` wrote; for None the first, of the stages that start like this.

    Raises :class:`InvalidRequestError` for a text that is none of its.
    """
    if text is None:
        return Place(0, starts[0])
    try:
        stage, *position = json.loads(text)
        if _is_like([stage], [0]) and 0 <= stage < len(starts) and _is_like(position, starts[stage]):
            return Place(stage, tuple(position))
    except (ValueError, TypeError, RecursionError):
        pass
    raise InvalidRequestError(
        what="cursor of the sweep",
        problem="is none that a step of this release answered",
        remedy="begin anew, without one",
    )


def _is_like(found: Sequence[Any], start: Sequence[int | str]) -> bool:
    return len(found) == len(start) and all(
        type(value) is type(first) and _is_storable(value) for value, first in zip(found, start, strict=True)
    )


def _is_storable(value: int | str) -> bool:
    """Return whether SQLite takes the value: 64 bits, no lone surrogate (whose encoding is a ValueError)."""
    return -1 <= value < 2**63 if isinstance(value, int) else value.encode() is not None
