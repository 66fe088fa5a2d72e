"""The calls of a worker-side backend, as steps of a flow: what the contract has each method told."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeVar

from .._shared.state.messages import TaskAddress
from .flows import BackendCall
from .origins import canonical, scope_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._shared.state.messages import AssetAddress, External
    from .._shared.state.scope import StateScope
    from .flows import Flow

T = TypeVar("T")

# What one step may hash or encode on an event loop: some hundredths of a millisecond.
_INLINE_BYTES = 32_768


def serialize(backend: Any, origin: TaskAddress | AssetAddress, text: str, storage_key: str) -> BackendCall:
    """Put a value where it should live; the answer is its reference."""
    told: dict[str, Any] = {"value": text, "key": storage_key, **_told(backend, origin, storage_key)}
    if isinstance(origin, TaskAddress):
        from .._shared.state.identity import ti_id_of

        return call(backend, "serialize_task_state_to_ref", **told, ti_id=ti_id_of(*origin))
    own = canonical(origin)
    asset_ref = own.uri if own.name is None else own.name  # type: ignore[union-attr]  # of an asset, an asset
    return call(backend, "serialize_asset_state_to_ref", **told, asset_ref=asset_ref)


def deserialize(backend: Any, external: External) -> BackendCall:
    """Fetch the value of a reference; the answer is its text."""
    kind = "task" if isinstance(external.origin, TaskAddress) else "asset"
    told = _told(backend, external.origin, external.storage_key)
    return call(backend, f"deserialize_{kind}_state_from_ref", external.reference, **told)


def delete(backend: Any, objects: Sequence[tuple[StateScope, str]]) -> list[BackendCall]:
    """Remove objects, each by its scope and storage key; in one call where the backend can do that."""
    if hasattr(backend, "delete_objects"):
        return [call(backend, "delete_objects", objects)]
    return [call(backend, "delete", scope, storage_key) for scope, storage_key in objects]


def call(backend: Any, name: str, /, *arguments: Any, **told: Any) -> BackendCall:
    """Call a method, or its twin where that stands for the same code."""
    twin = _twin_of(backend, name)
    return BackendCall(
        partial(getattr(backend, name), *arguments, **told),
        None if twin is None else partial(twin, *arguments, **told),
        # The twin may run a thread, which goes on when it is cancelled, and in place it would undo what its
        # caller writes next.
        must_end=not backend.immutable_refs,
    )


def computed(function: Callable[[], T], size_bytes: int) -> Flow[T]:
    """Call a function that needs the processor; not on an event loop when it is much."""
    if size_bytes <= _INLINE_BYTES:
        return function()
    result: T = yield BackendCall(function)
    return result


def _told(backend: Any, origin: TaskAddress | AssetAddress, storage_key: str) -> dict[str, Any]:
    """What a hook is told beside the contract's plain signature: an immutable backend's, the origin."""
    return {"scope": scope_of(origin), "storage_key": storage_key} if backend.immutable_refs else {}


def _twin_of(backend: Any, name: str) -> Any:
    """Return the async twin; None without one, or where a subclass overrides the blocking half only."""
    for cls in type(backend).__mro__:
        if f"a{name}" in vars(cls):
            return getattr(backend, f"a{name}")
        if name in vars(cls):
            return None
    return None
