"""One write as it was asked for, and what it does to a value. No I/O."""

from __future__ import annotations

import json
from typing import NamedTuple

from statekeep_core._shared.state.arithmetic import encode_for_max, incremented, maximum
from statekeep_core._shared.state.errors import InvalidValueError, UnsupportedError
from statekeep_core._shared.state.messages import External
from statekeep_core._shared.state.values import decode

from .expiry import Retention  # noqa: TC001 -- type checkers of the tuple's users follow it
from .objects import Content  # noqa: TC001 -- as above

_LONGEST_DATE = len("2026-01-31")


class Operation(NamedTuple):
    """A write. ``key`` is None for a clear, which concerns every key.

    ``kind`` is set, delete, clear, increment or set_max; ``value`` is the operand, which
    delete and clear have none of; only that of a set may lie elsewhere. Conditions are judged when it is
    applied.
    """

    key: str | None
    kind: str
    value: Content | None = None
    retention: Retention = None
    if_version: int | None = None
    if_absent: bool = False

    @property
    def is_conditional(self) -> bool:
        return self.if_version is not None or self.if_absent

    def outcome(self, value: Content | None) -> Content | None:
        """Return what the operation leaves where ``value`` stood (None: nothing).

        Raises :class:`InvalidValueError` when the two cannot be added or compared, and
        :class:`UnsupportedError` when what stands lies elsewhere, where the store cannot read it.
        """
        if self.value is None or isinstance(self.value, External) or self.kind == "set":
            return self.value
        if isinstance(value, External):
            raise UnsupportedError(
                what=f"{self.kind} of {self.key!r}",
                problem="its value lies in a worker's backend; read it, and set it if that version stands",
            )
        combine = incremented if self.kind == "increment" else maximum
        return combine(value, self.value, what=repr(self.key))

    def folded_with(self, later: Operation) -> Operation | None:
        """Return one operation that does what this and then ``later`` do, or None when there is none.

        So a key that is written ten thousand times in a try is replayed in one step, not ten thousand.
        ``later`` has no condition of its own. Increments are summed first and then added to what stands,
        which for floats can differ in the last digit from adding them one by one.
        Raises what :meth:`outcome` raises, for a sum that is out of range among others.
        """
        if later.kind in ("set", "delete"):
            return later._replace(if_version=self.if_version, if_absent=self.if_absent)
        if self.kind in ("set", "delete"):
            return self._then(later)
        if self.kind != later.kind or self.retention != later.retention:
            return None
        if self.kind == "set_max" and not _compares_in_any_order(self, later):
            return None
        return self._replace(value=later.outcome(self.value))

    def _then(self, later: Operation) -> Operation:
        value = later.outcome(self.value)
        if later.kind == "set_max" and value == self.value:
            return self  # what does not raise the entry does not touch its retention
        return self._replace(kind="set", value=value, retention=later.retention)


def _compares_in_any_order(*operations: Operation) -> bool:
    """Return whether all compare alike with whatever they meet.

    An instant in another spelling than the canonical one compares by time with an instant, and by code
    point otherwise. A string of up to ten characters is too short for one.
    """
    operands = [operation.value for operation in operations]
    values = [decode(operand) for operand in operands if isinstance(operand, bytes)]
    return not any(
        type(value) is str and len(value) > _LONGEST_DATE and _is_respelt_instant(value) for value in values
    )


def _is_respelt_instant(text: str) -> bool:
    from datetime import datetime  # few tries compare instants, and each start would pay 2 ms for the import

    try:
        instant = datetime.fromisoformat(text)
        return instant.tzinfo is not None and bool(decode(encode_for_max(instant)) != text)
    except ValueError:  # no instant
        return False
    except InvalidValueError:  # an instant out of range has no canonical spelling
        return True


def dump_retention(retention: Retention) -> str | None:
    """Return a retention as the table holds it."""
    return None if retention is None else json.dumps(retention)


def load_retention(text: str | None) -> Retention:
    """Return the retention that :func:`dump_retention` wrote."""
    return None if text is None else json.loads(text)
