"""Whether the objects of a store are exactly those that its records name, and its counts are right."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from statekeep import AssetScope, TaskScope
from statekeep.backends.object_store.layout import Origin, object_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from statekeep_core.embedded import EmbeddedStore

_NAMING_TABLES = ("task_entries", "asset_entries", "asset_history", "staged_operations")
# Where a disk's objects are until they are whole.
TEMPORARY = ".temporary"


class Known(NamedTuple):
    """An object as the store knows it: its path below the backend's url, and how many records it counts."""

    path: str
    records: int


class Evidence(NamedTuple):
    """What a store knows, what its records name (a path for each), and what there is."""

    known: tuple[Known, ...]
    named: tuple[str, ...]
    there: tuple[str, ...]


def gather(store: EmbeddedStore, store_id: str, there: Iterable[str]) -> Evidence:
    """Look into a store that nobody uses; ``there`` are the paths of all objects."""

    def rows(sql: str) -> list[tuple[Any, ...]]:
        return list(store.transact(lambda work: work.tx.rows(sql)))

    objects = rows("SELECT object_id, origin, storage_key, records FROM external_objects")
    paths = {object_id: _path(store_id, origin, storage_key) for object_id, origin, storage_key, _ in objects}
    named = [
        paths.get(object_id, f"an unknown object, named in {table}")
        for table in _NAMING_TABLES
        for (object_id,) in rows(f"SELECT object_id FROM {table} WHERE object_id IS NOT NULL")
    ]
    known = tuple(Known(paths[object_id], records) for object_id, _, _, records in objects)
    return Evidence(known, tuple(named), tuple(there))


def wrong_objects(evidence: Evidence, *, after_sweep: bool = True) -> list[str]:
    """Return what is wrong, in words. Before a sweep there may be more than is named, never less."""
    named = Counter(evidence.named)
    counted = {each.path: each.records for each in evidence.known}
    wrong = [
        f"{path} is counted {counted.get(path, 0)} times and named {named.get(path, 0)} times"
        for path in sorted({*named, *counted})
        if counted.get(path, 0) != named.get(path, 0)
    ]
    there = set(evidence.there)
    wrong += [f"{path} is named and gone" for path in sorted(set(named) - there)]
    if after_sweep:
        wrong += [f"{path} is there and nothing names it" for path in sorted(there - set(named))]
        wrong += [f"{each.path} is still queued" for each in evidence.known if each.records == 0]
    return wrong


def paths_in_folder(folder: Path) -> list[str]:
    """Return the paths of all files in a folder of objects, seen without the backend's own listing."""
    found = []
    for parent, _, names in os.walk(folder):
        found += [str(Path(parent, name).relative_to(folder)) for name in names]
    return [path for path in found if not path.startswith(f"{TEMPORARY}/")]


def _path(store_id: str, origin: str, storage_key: str) -> str:
    names: list[Any] = json.loads(origin)
    is_asset = len(names) == 2  # its name and its uri
    scope = AssetScope(name=names[0], uri=names[1]) if is_asset else TaskScope(*names)
    return object_path(store_id, Origin(scope, storage_key))
