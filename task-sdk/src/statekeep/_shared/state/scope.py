"""The scopes: whose state an entry is.

Scopes of different vendored copies are equal, have equal hashes, and match each other's class patterns.
"""

from __future__ import annotations

from dataclasses import dataclass

from .copies import OneContract
from .identity import ti_id_of


@dataclass(frozen=True, eq=False)
class TaskScope(OneContract):
    """The state of one task instance in one run, all its tries included.

    ``map_index`` is -1 for a task that is not mapped. The dataclass checks nothing; ``check_scope`` does.
    """

    __contract_id__ = "statekeep.state.TaskScope/1"

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1

    @property
    def ti_id(self) -> str:
        """The id of the task instance: the same for every try, on every machine, for ever."""
        return ti_id_of(self.dag_id, self.run_id, self.task_id, self.map_index)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TaskScope):
            return NotImplemented
        return (
            self.map_index == other.map_index
            and self.task_id == other.task_id
            and self.run_id == other.run_id
            and self.dag_id == other.dag_id
        )

    def __hash__(self) -> int:
        return hash(("task", self.dag_id, self.run_id, self.task_id, self.map_index))


@dataclass(frozen=True, eq=False)
class AssetScope(OneContract):
    """The state of one asset. Server-side backends get ``asset_id``; worker-side ones ``name`` or ``uri``.

    Raises ``ValueError`` when nothing is given. A zero id and an empty name are given, not absent.
    """

    __contract_id__ = "statekeep.state.AssetScope/1"

    asset_id: int | None = None
    name: str | None = None
    uri: str | None = None

    def __post_init__(self) -> None:
        if self.asset_id is None and self.name is None and self.uri is None:
            raise ValueError("an asset scope needs at least one of asset_id, name, uri")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AssetScope):
            return NotImplemented
        return self.asset_id == other.asset_id and self.name == other.name and self.uri == other.uri

    def __hash__(self) -> int:
        return hash(("asset", self.asset_id, self.name, self.uri))


StateScope = TaskScope | AssetScope
