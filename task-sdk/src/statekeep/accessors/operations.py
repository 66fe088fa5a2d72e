"""Operations: one request each, checked and encoded, with what to make of the reply. No I/O."""

from __future__ import annotations

import os
from typing import Any, Generic, NamedTuple, TypeVar

from .._shared.state import messages, retention
from .._shared.state.errors import InvalidRequestError, ValueTooLargeError
from .._shared.state.rules import check_key
from .._shared.state.values import decode, encode, encode_text
from .entries import StateEntry, entry_from, value_from
from .text_values import held

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .._shared.state.retention import Retention

T = TypeVar("T")

# The store ends a page earlier when its values would not fit into a frame.
_PAGE_ENTRIES = 1000

NO_BACKEND_REMEDY = "set [workers] state_backend to keep large values on the worker"


class Operation(NamedTuple, Generic[T]):
    """A request, and the function that reads what its reply says."""

    request: Any
    read: Callable[[Any], T]


class StateOperations:
    """Makes the operations on one target: the task's own state (None), or an asset's (its id).

    What breaks a rule is refused here, before anything is sent. ``max_value_bytes`` is None where a backend
    may take large values.
    """

    def __init__(self, target: int | None, max_value_bytes: int | None, *, apply_now: bool = False) -> None:
        self._target = target
        self._max_value_bytes = max_value_bytes
        self._apply_now = apply_now

    def get(self, key: str, default: Any, value_type: Any) -> Operation[Any]:
        """Read a value, ``default`` when there is none."""
        return Operation(self._get(key), lambda reply: _value(reply, default, value_type))

    def entry(self, key: str, value_type: Any) -> Operation[StateEntry | None]:
        """Read an entry with its version, None when there is none."""
        return Operation(
            self._get(key),
            lambda reply: None if isinstance(reply, messages.Absent) else entry_from(reply, value_type),
        )

    def set(
        self,
        key: str,
        value: Any,
        *,
        keep: Retention = None,
        if_version: int | None = None,
        if_absent: bool = False,
    ) -> Operation[int | None]:
        """Write a value; the operation reads the new version, None while it is staged."""
        if if_version is not None and if_absent:
            raise InvalidRequestError(
                what=f"set of {key!r}", problem="has both if_version and if_absent", remedy="give one of them"
            )
        check_key(key)
        request = messages.Set(
            key,
            self._encoded(key, value),
            self._target,
            retention=retention.to_wire(keep),
            if_version=if_version,
            if_absent=if_absent,
            apply_now=self._apply_now,
        )
        return Operation(request, lambda reply: reply.version)

    def delete(self, key: str, if_version: int | None) -> Operation[None]:
        """Remove an entry."""
        check_key(key)
        return Operation(
            messages.Delete(key, self._target, if_version=if_version, apply_now=self._apply_now), _nothing
        )

    def clear(self) -> Operation[None]:
        """Remove every entry."""
        return Operation(messages.Clear(self._target, apply_now=self._apply_now), _nothing)

    def increment(self, key: str, by: float, keep: Retention) -> Operation[Any]:
        """Add to a number; the operation reads the sum."""
        from .._shared.state.arithmetic import incremented

        check_key(key)
        addend = incremented(None, by, what=repr(key))
        request = messages.Increment(
            key, addend, self._target, retention=retention.to_wire(keep), apply_now=self._apply_now
        )
        return Operation(request, lambda reply: decode(reply.value))

    def set_max(self, key: str, value: Any, keep: Retention) -> Operation[Any]:
        """Raise a value; the operation reads what stands afterwards, in the type that was given."""
        from .._shared.state.arithmetic import encode_for_max

        check_key(key)
        request = messages.SetMax(
            key,
            self._fitting(key, encode_for_max(value, what=_value_of(key))),
            self._target,
            retention=retention.to_wire(keep),
            apply_now=self._apply_now,
        )
        return Operation(request, lambda reply: _alike(decode(reply.value), value))

    def page(self, prefix: str, after: str | None, *, with_values: bool) -> messages.ListEntries:
        """Return the request for the page of entries that follows the key ``after``."""
        if prefix:
            check_key(prefix)
        return messages.ListEntries(self._target, prefix, after, _PAGE_ENTRIES, with_values)

    def history(self, key: str | None, limit: int, before: int | None) -> messages.ListHistory:
        """Return the request for the page of an asset's changes before the version ``before``."""
        if key is not None:
            check_key(key)
        return messages.ListHistory(self._target, key, limit, before)

    def _get(self, key: str) -> messages.Get:
        check_key(key)
        return messages.Get(key, self._target)

    def _encoded(self, key: str, value: Any) -> bytes:
        if self._max_value_bytes is None:
            return held(encode_text(value, what=_value_of(key)))
        return self._fitting(key, encode(value, what=_value_of(key)))

    def _fitting(self, key: str, encoded: bytes) -> bytes:
        if self._max_value_bytes is not None:
            check_size(key, encoded, self._max_value_bytes, remedy=NO_BACKEND_REMEDY)
        return encoded


def check_size(key: str, encoded: bytes, limit_bytes: int, *, remedy: str) -> None:
    """Refuse a value that the store would not take (:class:`ValueTooLargeError`)."""
    if len(encoded) > limit_bytes:
        raise ValueTooLargeError(
            what=_value_of(key), size_bytes=len(encoded), limit_bytes=limit_bytes, remedy=remedy
        )


def request_id_for(request: Any) -> str | None:
    """Return a new request id where repeating the request could change more than doing it once.

    None for reads, and for blind writes of the task's own state, which has one writer. (A repetition that
    names an object could name one that was deleted in between.)
    """
    if isinstance(request, messages.Get | messages.ListEntries | messages.ListHistory):
        return None
    if isinstance(request, messages.Set | messages.Delete | messages.Clear) and request.target is None:
        marks = ("if_version", "external")
        is_blind = all(getattr(request, mark, None) is None for mark in marks)
        if is_blind and not getattr(request, "if_absent", False):
            return None
    return os.urandom(16).hex()


def _value(reply: Any, default: Any, value_type: Any) -> Any:
    return default if isinstance(reply, messages.Absent) else value_from(reply, value_type)


def _value_of(key: str) -> str:
    return f"value for {key!r}"


def _nothing(reply: Any) -> None:  # noqa: ARG001 -- it reads a reply that says nothing
    return None


def _alike(stored: Any, given: Any) -> Any:
    # Dates and instants are stored as text; this spares a watermark the import of msgspec.
    return given.fromisoformat(stored) if hasattr(given, "isoformat") else stored
