"""Batches: several operations in one request, all or nothing."""

from __future__ import annotations

from typing import Any

from . import flows
from .drivers import Transport, arun, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from .._shared.state.retention import Retention
    from .operations import Operation, StateOperations


class Batch:
    """Collects operations, and sends them as one request when its ``with`` (or ``async with``) block ends.

    They take effect in order and all or none; nothing is sent when the block raises. What breaks a rule is
    refused when it is added. A batch is for one thread and one block.
    """

    def __init__(self, operations: StateOperations, transport: Transport) -> None:
        self._make = operations
        self._transport = transport
        self._added: list[Operation[Any]] = []
        self._results: list[Any] | None = None

    @property
    def results(self) -> list[Any]:
        """What each operation returned, in the order in which they were added.

        The version for a set (None while it is staged), the new value for ``increment`` and ``set_max``,
        the value for a get, None for ``delete`` and ``clear``. Raises ``RuntimeError`` before the block has
        ended well.
        """
        if self._results is None:
            raise RuntimeError("the results of a batch are there when its block has ended")
        return self._results

    def get(self, key: str, default: Any = None, *, type: Any = None) -> None:  # noqa: A002 -- as in every get()
        """Add the reading of a value, which sees what the batch wrote before it."""
        self._added.append(self._make.get(key, default, type))

    def set(
        self,
        key: str,
        value: Any,
        *,
        retention: Retention = None,
        if_version: int | None = None,
        if_absent: bool = False,
    ) -> None:
        """Add a write. A condition that does not hold fails the whole batch with ``ConflictError``."""
        self._added.append(
            self._make.set(key, value, keep=retention, if_version=if_version, if_absent=if_absent)
        )

    def delete(self, key: str, *, if_version: int | None = None) -> None:
        """Add a removal."""
        self._added.append(self._make.delete(key, if_version))

    def clear(self) -> None:
        """Add the removal of every entry."""
        self._added.append(self._make.clear())

    def increment(self, key: str, by: float = 1, *, retention: Retention = None) -> None:
        """Add an addition to a number."""
        self._added.append(self._make.increment(key, by, retention))

    def set_max(self, key: str, value: Any, *, retention: Retention = None) -> None:
        """Add the raising of a value."""
        self._added.append(self._make.set_max(key, value, retention))

    def __enter__(self) -> Batch:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error_type is None:
            self._results = run(flows.all_or_nothing(self._added), self._transport)

    async def __aenter__(self) -> Batch:
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error_type is None:
            self._results = await arun(flows.all_or_nothing(self._added), self._transport)
