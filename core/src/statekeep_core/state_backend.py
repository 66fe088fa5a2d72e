"""The metastore as a state backend, for whoever holds the contract and not the protocol."""

from __future__ import annotations

import asyncio
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from . import retention
from ._shared.state import messages as m
from ._shared.state.backend import BaseStateBackend
from ._shared.state.errors import BackendMismatchError, InvalidRequestError, NotFoundError
from ._shared.state.rules import check_scope
from ._shared.state.scope import TaskScope
from .execution_api import state
from .execution_api.caller import OperatorCaller

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._shared.state.scope import StateScope
    from .policy import Work
    from .retention import Store

_Result = TypeVar("_Result")


class MetastoreStateBackend(BaseStateBackend):
    """The contract over an open store, as an operator sees it: every write applies at once and is durable.

    An asset's scope needs its ``asset_id``. Safe to use from several threads; the async methods run the
    blocking ones in a thread. The store must not be used by anybody else meanwhile, and is not closed.
    Methods raise what the store refuses: :class:`AssetInactiveError` for a write to an inactive asset,
    :class:`NotFoundError` for an asset that does not exist, :class:`ValueTooLargeError`; nothing is changed
    then. What lies in a worker's backend is :class:`BackendMismatchError`: its credentials are not here.
    """

    def __init__(self, store: Store, principal: str = "operator:state-backend") -> None:
        self._store = store
        self._caller = OperatorCaller(principal)
        self._lock = Lock()

    def get(self, scope: StateScope, key: str) -> str | None:
        target = _target(scope)
        try:
            entry = self._transact(lambda work: state.get(work, self._caller, m.Get(key, target)))
        except NotFoundError:
            if isinstance(target, m.TaskAddress):
                return None  # a task that nothing was ever written for
            raise
        if not isinstance(entry, m.Entry):
            return None
        if entry.external is not None:
            raise BackendMismatchError(
                scope=str(scope),
                key=key,
                reference=entry.external.reference,
                backend_id=entry.external.backend_id,
            )
        return str(entry.value, "utf-8")

    def set(self, scope: StateScope, key: str, value: str) -> None:
        request = m.Set(key, _encoded(value), _target(scope))
        self._transact(lambda work: state.set_(work, self._caller, request))

    def delete(self, scope: StateScope, key: str) -> None:
        request = m.Delete(key, _target(scope))
        self._remove(lambda work: state.delete(work, self._caller, request), scope)

    def clear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        request = m.Clear(_target(scope), all_map_indices)
        self._remove(lambda work: state.clear(work, self._caller, request), scope)

    async def aget(self, scope: StateScope, key: str) -> str | None:
        return await asyncio.to_thread(self.get, scope, key)

    async def aset(self, scope: StateScope, key: str, value: str) -> None:
        await asyncio.to_thread(self.set, scope, key, value)

    async def adelete(self, scope: StateScope, key: str) -> None:
        await asyncio.to_thread(self.delete, scope, key)

    async def aclear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        await asyncio.to_thread(self.clear, scope, all_map_indices=all_map_indices)

    def cleanup(self) -> None:
        """Remove what has expired, and the state of assets that were deactivated too long ago."""
        with self._lock:
            retention.sweep(self._store)

    def _remove(self, operation: Callable[[Work], Any], scope: StateScope) -> None:
        try:
            self._transact(operation)
        except NotFoundError:
            if not isinstance(scope, TaskScope):
                raise

    def _transact(self, operation: Callable[[Work], _Result]) -> _Result:
        with self._lock:
            result: _Result = self._store.transact(operation)
        return result


def _target(scope: StateScope) -> m.Target:
    check_scope(scope)
    if isinstance(scope, TaskScope):
        return m.TaskAddress(scope.dag_id, scope.run_id, scope.task_id, scope.map_index)
    if scope.asset_id is None:
        raise InvalidRequestError(
            what="asset scope",
            problem="has no asset_id, by which the metastore knows an asset",
            remedy="give the id that the store answered when the asset was declared",
        )
    return scope.asset_id


def _encoded(value: str) -> bytes:
    # A lone surrogate has no UTF-8 form; as these bytes it is refused with the other invalid values.
    return value.encode("utf-8", "surrogatepass")
