"""What an accessor returns of an entry beside its value."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._shared.state.errors import BackendMismatchError
from .._shared.state.messages import Writer
from .._shared.state.values import decode
from .origins import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from .._shared.state import messages

__all__ = ["StateChange", "StateEntry", "Writer", "change_from", "entry_from", "value_from"]


class StateEntry(NamedTuple):
    """One entry as it stood when it was read. Instants are aware, in UTC, by the store's clock.

    ``version`` and ``updated_at`` are None for what this try has staged. ``expires_at`` is None when no
    time is set at which the entry goes.
    """

    key: str
    value: Any
    version: int | None
    updated_at: datetime | None
    expires_at: datetime | None
    writer: Writer | None


class StateChange(NamedTuple):
    """One row of an asset's history. ``change`` is set, delete, clear, rewind or sweep.

    ``value`` is what the change left, None where it left nothing.
    """

    key: str
    version: int
    change: str
    changed_at: datetime
    value: Any
    writer: Writer | None


def value_from(entry: messages.Entry | messages.Change, value_type: Any) -> Any:
    """Return the value that a reply carries, read as ``value_type``; None when it carries none.

    Raises :class:`BackendMismatchError` for one that lies elsewhere: no backend has fetched it.
    """
    if entry.external is not None:
        raise not_fetched(entry.key, entry.external)
    return None if entry.value is None else decode(entry.value, value_type)


def not_fetched(key: str, external: messages.External) -> BackendMismatchError:
    """Return the error for a value that lies elsewhere and that no backend here could fetch."""
    return BackendMismatchError(
        scope=shown(external.origin),
        key=key,
        reference=external.reference,
        backend_id=external.backend_id,
    )


def entry_from(entry: messages.Entry, value_type: Any) -> StateEntry:
    """Return the entry that a reply carries, its value read as ``value_type``."""
    return StateEntry(
        key=entry.key,
        value=value_from(entry, value_type),
        version=entry.version,
        updated_at=None if entry.updated_at is None else _instant(entry.updated_at),
        expires_at=None if entry.expires_at is None else _instant(entry.expires_at),
        writer=entry.writer,
    )


def change_from(change: messages.Change, value_type: Any) -> StateChange:
    """Return the row of the history that a reply carries, its value read as ``value_type``."""
    return StateChange(
        key=change.key,
        version=change.version,
        change=change.change,
        changed_at=_instant(change.changed_at),
        value=value_from(change, value_type),
        writer=change.writer,
    )


def _instant(instant_us: int) -> datetime:
    from datetime import UTC, datetime, timedelta

    # Whole microseconds: a float of seconds would lose the last digit.
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant_us)
