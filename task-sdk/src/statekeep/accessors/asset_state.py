"""The state of assets: by asset, and the assets that a try declared."""

from __future__ import annotations

from typing import Any

from .._shared.state.errors import AssetNotDeclaredError, InvalidRequestError
from ..asset import Asset
from . import flows
from .batch import Batch
from .drivers import Transport, arun, run
from .operations import StateOperations
from .reading import StateReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Literal, TypeAlias

    from .._shared.state import messages
    from .._shared.state.retention import Retention
    from .entries import StateChange

    Commit: TypeAlias = Literal["staged", "now"]


class AssetStateAccessor(StateReader):
    """Reads and writes the state of one asset that this try declared.

    A write is *staged* unless ``commit="now"`` is given: this try reads it back, nobody else sees it, and
    it takes effect in the transaction that records the try's success. A try that fails, dies or is
    superseded leaves nothing of it. With ``commit="now"`` it takes effect at once, for good. The two are
    not mixed on one key. Writes raise ``AssetNotDeclaredError`` for an asset that is an inlet only.
    """

    def __init__(self, grant: messages.Grant, max_value_bytes: int | None, transport: Transport) -> None:
        super().__init__(StateOperations(grant.asset_id, max_value_bytes), transport)
        self._at_once = StateOperations(grant.asset_id, max_value_bytes, apply_now=True)
        self._is_writable = grant.writable
        self._asset = Asset(grant.name, grant.uri)

    @property
    def asset(self) -> Asset:
        """The asset, with the name and the uri that the store knows it by."""
        return self._asset

    def set(
        self,
        key: str,
        value: Any,
        *,
        retention: Retention = None,
        if_version: int | None = None,
        if_absent: bool = False,
        commit: Commit = "staged",
    ) -> int | None:
        """Write ``value`` and return the entry's new version, None while it is staged.

        Asset state has no default retention; ``retention`` (a ``timedelta``) starts when the write takes
        effect. ``if_version`` and ``if_absent`` are as for task state; a staged condition is looked at
        again when the try finishes, which fails with ``ConflictError`` if it does not hold any more.
        """
        write = self._to(commit).set(key, value, keep=retention, if_version=if_version, if_absent=if_absent)
        return run(flows.one(write), self._transport)

    async def aset(
        self,
        key: str,
        value: Any,
        *,
        retention: Retention = None,
        if_version: int | None = None,
        if_absent: bool = False,
        commit: Commit = "staged",
    ) -> int | None:
        """As :meth:`set`, without blocking the event loop."""
        write = self._to(commit).set(key, value, keep=retention, if_version=if_version, if_absent=if_absent)
        return await arun(flows.one(write), self._transport)

    def delete(self, key: str, *, if_version: int | None = None, commit: Commit = "staged") -> None:
        """Remove the entry of ``key``; no effect when there is none. The history keeps a row of it."""
        run(flows.one(self._to(commit).delete(key, if_version)), self._transport)

    async def adelete(self, key: str, *, if_version: int | None = None, commit: Commit = "staged") -> None:
        """As :meth:`delete`, without blocking the event loop."""
        await arun(flows.one(self._to(commit).delete(key, if_version)), self._transport)

    def clear(self, *, commit: Commit = "staged") -> None:
        """Remove every entry of the asset. The history keeps a row of each."""
        run(flows.one(self._to(commit).clear()), self._transport)

    async def aclear(self, *, commit: Commit = "staged") -> None:
        """As :meth:`clear`, without blocking the event loop."""
        await arun(flows.one(self._to(commit).clear()), self._transport)

    def increment(
        self, key: str, by: float = 1, *, retention: Retention = None, commit: Commit = "staged"
    ) -> Any:
        """Add ``by`` to the number under ``key`` (an absent one counts as 0) and return the sum.

        While it is staged, the sum is as this try sees it; it is added anew when the try finishes, so it
        never conflicts. (A number that lies in a worker's backend, as all do under encryption, is read,
        reckoned and written if its version stands, as ``update`` does.)
        """
        return run(flows.one(self._to(commit).increment(key, by, retention)), self._transport)

    async def aincrement(
        self, key: str, by: float = 1, *, retention: Retention = None, commit: Commit = "staged"
    ) -> Any:
        """As :meth:`increment`, without blocking the event loop."""
        return await arun(flows.one(self._to(commit).increment(key, by, retention)), self._transport)

    def set_max(self, key: str, value: Any, *, retention: Retention = None, commit: Commit = "staged") -> Any:
        """Raise the entry to ``value`` if that is greater than what stands; return what stands then.

        A monotonic watermark in one call: compared anew when the try finishes, so it never conflicts and
        never moves backwards. Takes what task state's ``set_max`` takes.
        """
        return run(flows.one(self._to(commit).set_max(key, value, retention)), self._transport)

    async def aset_max(
        self, key: str, value: Any, *, retention: Retention = None, commit: Commit = "staged"
    ) -> Any:
        """As :meth:`set_max`, without blocking the event loop."""
        return await arun(flows.one(self._to(commit).set_max(key, value, retention)), self._transport)

    def update(
        self,
        key: str,
        fn: Callable[[Any], Any],
        default: Any = None,
        *,
        type: Any = None,  # noqa: A002 -- as in get()
        retention: Retention = None,
        commit: Commit = "staged",
    ) -> Any:
        """Replace the value of ``key`` by ``fn`` of it (of ``default`` when absent); return the new value.

        As task state's ``update``. Staged, it carries the version that it saw, and finishing the try
        fails with ``ConflictError`` if another one stands by then. What this try has staged itself has no
        version, so threads of one try must not update one staged key at the same time. Raises
        ``InvalidRequestError`` after an increment or set_max of the key that this try has staged: a fixed
        value in its place would undo what others write until the try finishes.
        """
        write = flows.update(self._to(commit), key, fn, default, type, retention)
        return run(write, self._transport)

    async def aupdate(
        self,
        key: str,
        fn: Callable[[Any], Any],
        default: Any = None,
        *,
        type: Any = None,  # noqa: A002 -- as in get()
        retention: Retention = None,
        commit: Commit = "staged",
    ) -> Any:
        """As :meth:`update`, without blocking the event loop (``fn`` is called in it)."""
        write = flows.update(self._to(commit), key, fn, default, type, retention)
        return await arun(write, self._transport)

    def batch(self, *, commit: Commit = "staged") -> Batch:
        """Return a batch for a ``with`` or ``async with`` block: one request, all or nothing, in order."""
        return Batch(self._to(commit), self._transport)

    def history(
        self,
        key: str | None = None,
        limit: int = 100,
        *,
        type: Any = None,  # noqa: A002 -- as in get()
    ) -> list[StateChange]:
        """Return the latest changes of ``key`` (of every key when it is None), newest first.

        The store keeps a few per key ([state_store] asset_history_versions); staged writes are not in it.
        """
        return run(flows.history(self._operations, key, limit, type), self._transport)

    async def ahistory(
        self,
        key: str | None = None,
        limit: int = 100,
        *,
        type: Any = None,  # noqa: A002 -- as in get()
    ) -> list[StateChange]:
        """As :meth:`history`, without blocking the event loop."""
        return await arun(flows.history(self._operations, key, limit, type), self._transport)

    def _to(self, commit: Commit) -> StateOperations:
        if not self._is_writable:
            raise AssetNotDeclaredError(asset=str(self._asset), needed="outlet")
        if commit == "staged":
            return self._operations
        if commit == "now":
            return self._at_once
        raise InvalidRequestError(
            what="commit", problem="is neither 'staged' nor 'now'", remedy="give one of them"
        )


class DeclaredAssets:
    """The assets that this try declared, each with its state: ``context.asset_state[asset]``."""

    def __init__(
        self, grants: Iterable[messages.Grant], max_value_bytes: int | None, transport: Transport
    ) -> None:
        self._grants = {grant.asset_id: grant for grant in grants}
        self._max_value_bytes = max_value_bytes
        self._transport = transport

    def __getitem__(self, asset: Asset | str) -> AssetStateAccessor:
        """Return the accessor of an asset, which is named by an ``Asset``, a name, or a uri.

        Raises ``AssetNotDeclaredError`` when this try declared no such asset.
        """
        wanted = Asset.of(asset)
        for grant in tuple(self._grants.values()):
            if _is_named(wanted, grant):
                return AssetStateAccessor(grant, self._max_value_bytes, self._transport)
        raise AssetNotDeclaredError(asset=str(wanted), needed="inlet")

    def __contains__(self, asset: Asset | str) -> bool:
        wanted = Asset.of(asset)
        return any(_is_named(wanted, grant) for grant in tuple(self._grants.values()))

    def __iter__(self) -> Iterator[Asset]:
        return iter([Asset(grant.name, grant.uri) for grant in tuple(self._grants.values())])

    def __len__(self) -> int:
        return len(self._grants)

    def add(self, grant: messages.Grant) -> AssetStateAccessor:
        """Take in what the store granted during the try, and return the asset's accessor."""
        self._grants[grant.asset_id] = grant
        return AssetStateAccessor(grant, self._max_value_bytes, self._transport)


def _is_named(wanted: Asset, grant: messages.Grant) -> bool:
    """Whether a grant is of the wanted asset: what both know of name and uri agrees."""
    pairs = [(wanted.name, grant.name), (wanted.uri, grant.uri)]
    known = [(mine, theirs) for mine, theirs in pairs if mine is not None and theirs is not None]
    return bool(known) and all(mine == theirs for mine, theirs in known)
