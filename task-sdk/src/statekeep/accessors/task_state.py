"""The state of the current task instance."""

from __future__ import annotations

from typing import Any

from . import flows
from .batch import Batch
from .drivers import arun, run
from .reading import StateReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .._shared.state.retention import Retention


class TaskStateAccessor(StateReader):
    """Reads and writes the state of this task instance, which all its tries share.

    A write that has returned is durable and visible to every later read, in this try and the next ones. One
    that was refused has changed nothing. When the supervisor is lost in between (``SupervisorGoneError``),
    the outcome is unknown. Keys have 1 to 512 characters and no control characters.
    """

    def set(
        self,
        key: str,
        value: Any,
        *,
        retention: Retention = None,
        if_version: int | None = None,
        if_absent: bool = False,
    ) -> int | None:
        """Write ``value`` and return the entry's new version.

        ``retention`` is a ``timedelta``, ``NEVER``, or None for the store's default. With ``if_version``
        the write happens only if that version stands, with ``if_absent`` only if there is no entry; the
        loser gets ``ConflictError`` with the version that stands. Raises ``InvalidValueError`` for what
        would not come back as it was given, and ``ValueTooLargeError``.
        """
        return run(
            flows.one(
                self._operations.set(key, value, keep=retention, if_version=if_version, if_absent=if_absent)
            ),
            self._transport,
        )

    async def aset(
        self,
        key: str,
        value: Any,
        *,
        retention: Retention = None,
        if_version: int | None = None,
        if_absent: bool = False,
    ) -> int | None:
        """As :meth:`set`, without blocking the event loop.

        A cancelled call (this and every other async one) writes nothing later: it is withdrawn when it was
        not sent yet, and otherwise ``CancelledError`` is raised when its reply has come. So what follows the
        ``await`` is not overtaken by it, and a timeout can take as long as the supervisor's answer.
        """
        return await arun(
            flows.one(
                self._operations.set(key, value, keep=retention, if_version=if_version, if_absent=if_absent)
            ),
            self._transport,
        )

    def delete(self, key: str, *, if_version: int | None = None) -> None:
        """Remove the entry of ``key``; no effect when there is none.

        With ``if_version`` it must be there at that version, else ``ConflictError``.
        """
        run(flows.one(self._operations.delete(key, if_version)), self._transport)

    async def adelete(self, key: str, *, if_version: int | None = None) -> None:
        """As :meth:`delete`, without blocking the event loop."""
        await arun(flows.one(self._operations.delete(key, if_version)), self._transport)

    def clear(self) -> None:
        """Remove every entry of this task instance; other map indices keep theirs."""
        run(flows.one(self._operations.clear()), self._transport)

    async def aclear(self) -> None:
        """As :meth:`clear`, without blocking the event loop."""
        await arun(flows.one(self._operations.clear()), self._transport)

    def increment(self, key: str, by: float = 1, *, retention: Retention = None) -> Any:
        """Add ``by`` to the number under ``key`` (an absent one counts as 0) and return the sum.

        No addition is lost or doubled, however many threads and children add at once. Raises
        ``InvalidValueError`` when what stands is no number.
        """
        return run(flows.one(self._operations.increment(key, by, retention)), self._transport)

    async def aincrement(self, key: str, by: float = 1, *, retention: Retention = None) -> Any:
        """As :meth:`increment`, without blocking the event loop."""
        return await arun(flows.one(self._operations.increment(key, by, retention)), self._transport)

    def set_max(self, key: str, value: Any, *, retention: Retention = None) -> Any:
        """Raise the entry to ``value`` if that is greater than what stands; return what stands then.

        Takes int, float, str (by code point), date and aware ``datetime``. Raises ``InvalidValueError``
        when what stands is not alike.
        """
        return run(flows.one(self._operations.set_max(key, value, retention)), self._transport)

    async def aset_max(self, key: str, value: Any, *, retention: Retention = None) -> Any:
        """As :meth:`set_max`, without blocking the event loop."""
        return await arun(flows.one(self._operations.set_max(key, value, retention)), self._transport)

    def update(
        self,
        key: str,
        fn: Callable[[Any], Any],
        default: Any = None,
        *,
        type: Any = None,  # noqa: A002 -- as in get()
        retention: Retention = None,
    ) -> Any:
        """Replace the value of ``key`` by ``fn`` of it (of ``default`` when absent); return the new value.

        The write happens only if nobody wrote in between; otherwise ``fn`` is called again with what was
        written, so it must have no other effect. Raises the last ``ConflictError`` after 30 lost rounds,
        having changed nothing, and whatever ``fn`` raises.
        """
        return run(flows.update(self._operations, key, fn, default, type, retention), self._transport)

    async def aupdate(
        self,
        key: str,
        fn: Callable[[Any], Any],
        default: Any = None,
        *,
        type: Any = None,  # noqa: A002 -- as in get()
        retention: Retention = None,
    ) -> Any:
        """As :meth:`update`, without blocking the event loop (``fn`` is called in it)."""
        return await arun(flows.update(self._operations, key, fn, default, type, retention), self._transport)

    def batch(self) -> Batch:
        """Return a batch for a ``with`` or ``async with`` block: one request, all or nothing, in order."""
        return Batch(self._operations, self._transport)
