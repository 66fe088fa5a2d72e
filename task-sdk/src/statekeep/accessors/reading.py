"""What both kinds of state offer to readers."""

from __future__ import annotations

from typing import Any

from . import flows
from .drivers import Transport, arun, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .entries import StateEntry
    from .operations import StateOperations


class StateReader:
    """Reads the entries of one target. May be used from any thread and any event loop at once.

    Every method raises ``SupersededError`` or ``TryFinishedError`` when this try may not read any more,
    and never takes that for an absent key.
    """

    def __init__(self, operations: StateOperations, transport: Transport) -> None:
        self._operations = operations
        self._transport = transport

    def get(self, key: str, default: Any = None, *, type: Any = None) -> Any:  # noqa: A002 -- the word of msgspec
        """Return the value of ``key``, or ``default`` when there is none.

        ``type`` names what the value was written from (``datetime``, a dataclass), to get that back.
        Raises ``InvalidValueError`` when the value does not read as ``type``.
        """
        return run(flows.one(self._operations.get(key, default, type)), self._transport)

    async def aget(self, key: str, default: Any = None, *, type: Any = None) -> Any:  # noqa: A002 -- as above
        """As :meth:`get`, without blocking the event loop."""
        return await arun(flows.one(self._operations.get(key, default, type)), self._transport)

    def entry(self, key: str, *, type: Any = None) -> StateEntry | None:  # noqa: A002 -- as above
        """Return the entry of ``key`` with its version, instants and writer, or None when there is none."""
        return run(flows.one(self._operations.entry(key, type)), self._transport)

    async def aentry(self, key: str, *, type: Any = None) -> StateEntry | None:  # noqa: A002 -- as above
        """As :meth:`entry`, without blocking the event loop."""
        return await arun(flows.one(self._operations.entry(key, type)), self._transport)

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with ``prefix``, in order of code points.

        A long list is read in pages; what is written meanwhile may be in it or not.
        """
        return run(flows.keys(self._operations, prefix), self._transport)

    async def akeys(self, prefix: str = "") -> list[str]:
        """As :meth:`keys`, without blocking the event loop."""
        return await arun(flows.keys(self._operations, prefix), self._transport)

    def entries(self, prefix: str = "") -> list[StateEntry]:
        """Return the entries whose keys begin with ``prefix``, in order of keys, as ``keys`` does."""
        return run(flows.entries(self._operations, prefix), self._transport)

    async def aentries(self, prefix: str = "") -> list[StateEntry]:
        """As :meth:`entries`, without blocking the event loop."""
        return await arun(flows.entries(self._operations, prefix), self._transport)
