"""Reads objects as a person with other tools would: not through the backend, nor through its own reader."""

from __future__ import annotations

import json
from typing import Any

from backports import zstd
from statekeep import AssetScope, StateScope, TaskScope
from statekeep.backends.object_store.layout import Origin, object_path
from statekeep.backends.testing import Capabilities

# A worker-side backend is not told the ids of assets.
CAPABILITIES = Capabilities(asset_addresses=frozenset({"name", "uri"}), external_objects=True)


def taken_apart(data: bytes) -> tuple[dict[str, Any], str]:
    """Return an object's header and its value."""
    size_bytes = int.from_bytes(data[4:8], "little")
    header: dict[str, Any] = json.loads(data[8 : 8 + size_bytes])
    rest = data[8 + size_bytes :]
    return header, (zstd.decompress(rest) if header["codec"] == "zstd" else rest).decode()


def entry_path(scope: StateScope, key: str) -> str:
    """Return where the object of a user's key lies."""
    return object_path("_entries", Origin(scope, key))


def task(
    dag_id: str = "sales", run_id: str = "2026-01-01", task_id: str = "load", map_index: int = -1
) -> TaskScope:
    """Return a task's scope."""
    return TaskScope(dag_id, run_id, task_id, map_index)


ORDERS = AssetScope(name="orders")
GENERATION = "0123456789ABCDEFGHJKMNPQRS"
