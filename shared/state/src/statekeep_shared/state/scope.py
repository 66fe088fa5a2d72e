"""The scopes: whose state an entry is.

Scopes of different vendored copies are equal, have equal hashes, and match each other's class patterns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from .copies import OneContract

# uuid5(NAMESPACE_URL, "statekeep:task-instance"). Frozen: every stored ti_id derives from it.
TASK_INSTANCE_NAMESPACE = "83d3bfbe-4db5-598e-bde2-3f7822b09800"


def _uuid5(namespace: str, name: str) -> str:
    """Return a version 5 UUID (RFC 9562, section 5.5).

    Not the standard library's, whose import of ``platform`` takes every supervised run 8 ms.
    """
    from hashlib import sha1  # a task process that never asks does not pay for it

    named = bytes.fromhex(namespace.replace("-", "")) + name.encode()
    digest = bytearray(sha1(named, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50  # the version
    digest[8] = digest[8] & 0x3F | 0x80  # the variant
    text = digest.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


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
        """The id of the task instance: the same for every try, on every machine, for ever.

        A UUIDv5 (RFC 9562) over the four fields as a JSON list without spaces and in ASCII, which no two
        scopes share: quotes delimit the fields, and a quote inside a field is escaped.
        """
        fields = [self.dag_id, self.run_id, self.task_id, self.map_index]
        return _uuid5(TASK_INSTANCE_NAMESPACE, json.dumps(fields, separators=(",", ":")))

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
