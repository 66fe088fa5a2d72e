"""State as its caller sees and changes it, and the steps of a write that everybody sees at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from statekeep_core._shared.state.messages import Written
from statekeep_core.metastore.replay import Replay

if TYPE_CHECKING:
    from statekeep_core._shared.state.messages import Entry
    from statekeep_core.metastore.expiry import Retention
    from statekeep_core.metastore.key_range import KeyRange
    from statekeep_core.metastore.objects import Content
    from statekeep_core.metastore.operation import Operation


class State(ABC):
    """The entries under one target, in one transaction. What has expired is not among them."""

    @abstractmethod
    def entry(self, key: str) -> Entry | None:
        """Return the entry that the caller sees, or None."""

    @abstractmethod
    def page(self, keys: KeyRange, limit: int, *, with_values: bool) -> list[Entry]:
        """Return up to ``limit`` of the entries that the caller sees, in the order of their keys."""

    @abstractmethod
    def write(self, operation: Operation) -> Written:
        """Do a set, a delete or a clear. Raises :class:`ConflictError` when its condition does not hold."""

    @abstractmethod
    def combine(self, operation: Operation) -> Entry:
        """Do an increment or a set_max, and return the entry that comes of it.

        Raises :class:`InvalidValueError` when the operand and what stands do not go together, and
        :class:`UnsupportedError` when what stands lies in a worker's backend.
        """


class AppliedState(State):
    """State whose writes everybody sees at once. What is left to subclasses is one statement or two."""

    @abstractmethod
    def put(self, key: str, content: Content, retention: Retention) -> int:
        """Write an entry and return its version."""

    @abstractmethod
    def remove(self, key: str) -> int:
        """Remove an entry and return how many there were."""

    @abstractmethod
    def remove_all(self) -> int:
        """Remove every entry and return how many there were."""

    def write(self, operation: Operation) -> Written:
        if operation.key is None:
            return Written(removed=self.remove_all())
        if operation.is_conditional:
            Replay(operation.key, self.entry(operation.key)).judge(operation)
        if operation.value is None:
            return Written(removed=self.remove(operation.key))
        return Written(self.put(operation.key, operation.value, operation.retention))

    def combine(self, operation: Operation) -> Entry:
        key = str(operation.key)
        standing = self.entry(key)
        replay = Replay(key, standing)
        replay.take(operation)
        if replay.value is not None and replay.change is not None:
            self.put(key, replay.value, operation.retention)
            standing = self.entry(key)
        if standing is None:
            raise AssertionError(f"an entry stands after {operation.kind}")
        return standing
