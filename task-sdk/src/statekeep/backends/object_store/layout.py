"""Where an object lies below the backend's url, as a function of its scope and key, and the way back.

::

    <store id>/task/<dag>/<run>/<task>.<digest>/<unmapped or map index>/<storage key>.<digest>.state
    <store id>/asset-name/<name>.<digest>/<storage key>.<digest>.state
    <store id>/asset-uri/<uri>.<digest>/<storage key>.<digest>.state
    _entries/…   (the same again, for keys that are set without references)

The digests make different scopes and keys different paths, whatever is cut or escaped. The longest path
takes 472 bytes below the url's prefix, of the 1,024 that S3 allows; no part takes 255, which disks allow.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import NamedTuple

from ..._shared.state.errors import InvalidRequestError, UnsupportedError
from ..._shared.state.scope import AssetScope, TaskScope
from .path_names import DIGEST_CHARACTERS, clipped, digest, unescaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..._shared.state.scope import StateScope

ENTRIES_ROOT = "_entries"  # no store id begins with an underscore
SUFFIX = ".state"

_NAME_CHARACTERS = 60
_ASSET_CHARACTERS = 150
_KEY_CHARACTERS = 120
_UNMAPPED = "unmapped"
_DEPTHS = MappingProxyType({"task": 6, "asset-name": 3, "asset-uri": 3})
_STORE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_STORAGE_KEY = re.compile(r".*~[0-9A-Za-z]{26}", re.DOTALL)
_DIGEST = re.compile(rf"[0-9a-f]{{{DIGEST_CHARACTERS}}}")


class Origin(NamedTuple):
    """Whose object it is, and under which key: the user's, or a storage key."""

    scope: StateScope
    key: str


def check_store_id(store_id: str) -> None:
    """Raise :class:`InvalidRequestError` unless the id can be the first part of a path."""
    if type(store_id) is not str or _STORE_ID.fullmatch(store_id) is None:
        remedy = "give 1 to 64 letters, digits, dashes and underscores; the first a letter or a digit"
        raise InvalidRequestError(what="store id", problem="cannot name a folder", remedy=remedy)


def is_storage_key(key: str) -> bool:
    """Whether a key ends in a generation, as those do that the hooks are given."""
    return _STORAGE_KEY.fullmatch(key) is not None


def object_path(root: str, origin: Origin) -> str:
    """Return the path of an object; ``root`` is a store id or :data:`ENTRIES_ROOT`."""
    name = f"{clipped(origin.key, _KEY_CHARACTERS)}.{digest('key', origin.key)}{SUFFIX}"
    return f"{scope_path(root, origin.scope)}/{name}"


def scope_path(root: str, scope: StateScope) -> str:
    """Return the folder that holds the objects of a scope, and nothing else.

    Raises ``unsupported`` for an asset that is given by its id only: an id means nothing outside its
    metastore, and a bucket may serve several.
    """
    if isinstance(scope, TaskScope):
        return f"{task_path(root, scope)}/{_UNMAPPED if scope.map_index == -1 else scope.map_index}"
    return f"{root}/{_asset_kind(scope)}/{_asset_folder(scope)}"


def task_path(root: str, scope: TaskScope) -> str:
    """Return the folder of a task in a run, with all its map indices."""
    dag, run, task = (clipped(name, _NAME_CHARACTERS) for name in _task_names(scope))
    return f"{root}/task/{dag}/{run}/{task}.{digest('task', *_task_names(scope))}"


def canonical(scope: StateScope) -> StateScope:
    """Return the scope as a path tells it: an asset by its name, or by its uri when it has no name."""
    if isinstance(scope, TaskScope):
        return TaskScope(scope.dag_id, scope.run_id, scope.task_id, scope.map_index)
    if scope.name is not None:
        return AssetScope(name=scope.name)
    return AssetScope(uri=_asset_uri(scope))


def is_object_path(path: str) -> bool:
    """Whether a listed path has the shape of an object's; other files in the bucket are not ours."""
    *folders, name = path.split("/")
    stem, _, file_digest = name.removesuffix(SUFFIX).rpartition(".")
    is_ours = name.endswith(SUFFIX) and bool(stem) and _DIGEST.fullmatch(file_digest) is not None
    return is_ours and len(folders) > 1 and _DEPTHS.get(folders[1]) == len(folders)


def origin_of(path: str) -> Origin | None:
    """Return the origin that a path tells; None when parts were cut, and the object itself must say.

    Whatever is returned has this very path: a folder that a disk spells in another case gives None.
    """
    root, kind, *folders, name = path.split("/")
    key = unescaped(name.removesuffix(SUFFIX).rpartition(".")[0])
    owner = unescaped(folders[-1 if kind != "task" else -2].rpartition(".")[0])
    if key is None or owner is None:
        return None
    scope: StateScope | None
    if kind == "asset-name":
        scope = AssetScope(name=owner)
    elif kind == "asset-uri":
        scope = AssetScope(uri=owner)
    else:
        scope = _task_of(folders, owner)
    if scope is None:
        return None
    origin = Origin(scope, key)
    return origin if object_path(root, origin) == path else None


def _task_of(folders: list[str], task_id: str) -> TaskScope | None:
    dag_id, run_id, map_index = unescaped(folders[0]), unescaped(folders[1]), folders[3]
    if dag_id is None or run_id is None:
        return None
    if map_index == _UNMAPPED:
        return TaskScope(dag_id, run_id, task_id)
    return TaskScope(dag_id, run_id, task_id, int(map_index)) if map_index.isdecimal() else None


def _task_names(scope: TaskScope) -> tuple[str, str, str]:
    return scope.dag_id, scope.run_id, scope.task_id


def _asset_kind(scope: AssetScope) -> str:
    return "asset-name" if scope.name is not None else "asset-uri"


def _asset_folder(scope: AssetScope) -> str:
    kind = _asset_kind(scope)
    text = scope.name if scope.name is not None else _asset_uri(scope)
    return f"{clipped(text, _ASSET_CHARACTERS)}.{digest(kind, text)}"


def _asset_uri(scope: AssetScope) -> str:
    if scope.uri is None:
        problem = "its id means nothing outside one metastore; give its name or its uri"
        raise UnsupportedError(what="an asset by its id alone in an object store", problem=problem)
    return scope.uri
