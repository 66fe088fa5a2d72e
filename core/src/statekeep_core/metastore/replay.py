"""What operations make of one entry, step by step. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from statekeep_core._shared.state.errors import ConflictError
from statekeep_core._shared.state.messages import Entry

from . import objects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .expiry import Retention
    from .operation import Operation


class Replay:
    """An entry as everybody sees it (``base``; None: there is none), and what has become of it since.

    ``change`` is None until an operation touches the entry; then set, delete or clear.
    """

    def __init__(self, key: str, base: Entry | None, *, is_relative: bool = True) -> None:
        self.key = key
        self.base = base
        self.value = None if base is None else objects.entry_content(base)
        self.change: str | None = None
        self.retention: Retention = None
        # Until an operation says what the value is, whatever stood before.
        self._is_relative = is_relative and (base is None or base.version is not None or base.is_relative)

    def entry(self) -> Entry | None:
        """Return the entry as it is now: without a version once an operation has touched it."""
        if self.change is None:
            return self.base
        if self.value is None:
            return None
        value, external = objects.wire_fields(self.value)
        return Entry(
            self.key,
            value,
            None,
            objects.size_bytes(self.value),
            is_relative=self._is_relative,
            external=external,
        )

    def take_all(self, operations: Iterable[Operation]) -> Replay:
        """Take operations in order, whatever their conditions; return itself."""
        for operation in operations:
            self.take(operation)
        return self

    def take(self, operation: Operation) -> None:
        """Take one operation, whatever its conditions.

        What removes nothing, or does not raise a maximum, touches nothing.
        """
        value = operation.outcome(self.value)
        if operation.kind not in ("increment", "set_max"):
            self._is_relative = False
        if value is None:
            if self.value is not None:
                self.value, self.change = None, operation.kind
        elif operation.kind != "set_max" or value != self.value:
            self.value, self.change, self.retention = value, "set", operation.retention

    def judge(self, operation: Operation) -> None:
        """Raise :class:`ConflictError` when the entry does not stand as the operation requires."""
        judge(self.key, self.entry(), operation.if_version, if_absent=operation.if_absent)


def judge(key: str, entry: Entry | None, if_version: int | None, *, if_absent: bool) -> None:
    """Raise :class:`ConflictError` unless the entry has the version, or is absent, as wanted."""
    version = None if entry is None else entry.version
    if if_version is not None and version != if_version:
        raise ConflictError(key=key, version=version, wanted=if_version)
    if if_absent and entry is not None:
        raise ConflictError(key=key, version=version, wanted="absent")
