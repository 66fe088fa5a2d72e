"""Whose a value is: as an address in records, as a scope for backends, and as people write it."""

from __future__ import annotations

from .._shared.state.messages import AssetAddress, TaskAddress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._shared.state.scope import StateScope


def canonical(address: TaskAddress | AssetAddress) -> TaskAddress | AssetAddress:
    """Return an asset by its name alone, or by its uri when it has no name; a task as it is.

    So an asset that is declared by name here and by uri there has one external home.
    """
    if isinstance(address, AssetAddress) and address.name is not None:
        return AssetAddress(name=address.name)
    return address


def scope_of(address: TaskAddress | AssetAddress) -> StateScope:
    """Return the scope that a backend is given for an address."""
    from .._shared.state.scope import AssetScope, TaskScope  # dataclasses, for those who use a backend

    if isinstance(address, TaskAddress):
        return TaskScope(address.dag_id, address.run_id, address.task_id, address.map_index)
    own = canonical(address)
    return AssetScope(name=own.name, uri=own.uri)  # type: ignore[union-attr]  # of an asset, an asset


def shown(address: TaskAddress | AssetAddress) -> str:
    """Return the address as people write it: ``dag/run/task`` with its map index, or the asset's name."""
    if isinstance(address, TaskAddress):
        name = f"{address.dag_id}/{address.run_id}/{address.task_id}"
        return name if address.map_index == -1 else f"{name}[{address.map_index}]"
    return f"asset {address.uri if address.name is None else address.name}"
