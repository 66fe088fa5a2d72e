"""Which objects the store knows, and whether anybody deletes those that are due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ..backends.configured import ids_of
from .report import Known

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._shared.state.backend import BaseStateBackend
    from .._shared.state.messages import ObjectsOfBackend

# Whoever sweeps for another place's backend has done so within a day; objects that are due longer are
# those of a backend that was taken out of every configuration.
_OVERDUE_AFTER = timedelta(days=1)


def known(
    counted: Iterable[ObjectsOfBackend], backends: Iterable[BaseStateBackend], *, now: datetime
) -> tuple[Known, ...]:
    """Return what the store has counted, told apart by whether these backends have the ids.

    ``now`` is an aware instant, and need agree with the store's clock to some hours only.
    """
    ids = {backend_id for backend in backends for backend_id in ids_of(backend)}
    return tuple(
        Known(
            each.backend_id,
            each.named,
            each.due,
            is_configured=each.backend_id in ids,
            is_overdue=each.oldest_due_at is not None and now - _instant(each.oldest_due_at) > _OVERDUE_AFTER,
        )
        for each in counted
    )


def _instant(instant_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant_us)
