import asyncio
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from statekeep import BaseStateBackend, StateScope, TaskScope
from statekeep.errors import ReferenceMissingError


class Folder:
    """Small files, each written whole or not at all."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)

    def read(self, name: str) -> str | None:
        try:
            return (self.path / name).read_bytes().decode()
        except FileNotFoundError:
            return None

    def write(self, name: str, text: str) -> None:
        descriptor, temporary = tempfile.mkstemp(dir=self.path, suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path / name)
        except BaseException:
            Path(temporary).unlink()
            raise
        self.sync()

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            (self.path / name).unlink(missing_ok=True)
        self.sync()

    def sync(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def digest(*parts: object) -> str:
    # JSON quotes the parts, so that ("a", "b/c") and ("a/b", "c") differ.
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def entry_prefix(scope: StateScope, *, all_map_indices: bool = False) -> str:
    if isinstance(scope, TaskScope):
        task = digest("task", scope.dag_id, scope.run_id, scope.task_id)
        return f"entry.{task}." if all_map_indices else f"entry.{task}.{scope.map_index}."
    return f"entry.{digest('asset', scope.asset_id, scope.name, scope.uri)}."


def entry_name(scope: StateScope, key: str) -> str:
    return entry_prefix(scope) + digest(key)


class FolderEntries(BaseStateBackend):
    """Keeps entries in the folder that FOLDER_BACKEND names."""

    def __init__(self, path: str | None = None) -> None:
        self.folder = Folder(path or os.environ["FOLDER_BACKEND"])

    def get(self, scope: StateScope, key: str) -> str | None:
        return self.folder.read(entry_name(scope, key))

    def set(self, scope: StateScope, key: str, value: str) -> None:
        self.folder.write(entry_name(scope, key), value)

    def delete(self, scope: StateScope, key: str) -> None:
        self.folder.remove([entry_name(scope, key)])

    def clear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        prefix = entry_prefix(scope, all_map_indices=all_map_indices)
        self.folder.remove([file.name for file in self.folder.path.glob(f"{prefix}*")])

    async def aget(self, scope: StateScope, key: str) -> str | None:
        return await asyncio.to_thread(self.get, scope, key)

    async def aset(self, scope: StateScope, key: str, value: str) -> None:
        await asyncio.to_thread(self.set, scope, key, value)

    async def adelete(self, scope: StateScope, key: str) -> None:
        await asyncio.to_thread(self.delete, scope, key)

    async def aclear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        await asyncio.to_thread(self.clear, scope, all_map_indices=all_map_indices)


def owner_of(scope: StateScope) -> str:
    if isinstance(scope, TaskScope):
        return f"task {scope.ti_id}"
    return f"asset {scope.uri if scope.name is None else scope.name}"


def object_name(owner: str, key: str) -> str:
    return f"object.{digest(owner, key)}"


class FolderBackend(FolderEntries):
    """Keeps values in the same folder, and leaves references to them."""

    @property
    def backend_id(self) -> str:
        return f"folder:{self.folder.path}"

    def serialize_task_state_to_ref(self, *, value: str, key: str, ti_id: str) -> str:
        reference = object_name(f"task {ti_id}", key)
        self.folder.write(reference, value)
        return reference

    def serialize_asset_state_to_ref(self, *, value: str, key: str, asset_ref: str) -> str:
        reference = object_name(f"asset {asset_ref}", key)
        self.folder.write(reference, value)
        return reference

    def deserialize_task_state_from_ref(self, stored: str) -> str:
        is_ours = re.fullmatch(r"object\.[0-9a-f]{64}", stored)
        value = self.folder.read(stored) if is_ours else None
        if value is None:
            raise ReferenceMissingError(reference=stored)
        return value

    def deserialize_asset_state_from_ref(self, stored: str) -> str:
        return self.deserialize_task_state_from_ref(stored)

    def delete(self, scope: StateScope, key: str) -> None:
        super().delete(scope, key)
        self.folder.remove([object_name(owner_of(scope), key)])
