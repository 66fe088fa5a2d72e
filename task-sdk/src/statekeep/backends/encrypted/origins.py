"""Addresses as bytes: what a ciphertext is bound to. No two addresses have the same bytes.

An asset is told by its name, or by its uri when it has no name, as its objects are laid out: an asset that
is declared by name here and by uri there is one asset.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

from ..._shared.state.scope import TaskScope

if TYPE_CHECKING:
    from ..._shared.state.scope import StateScope


def entry_origin(scope: StateScope, key: str) -> bytes:
    """The address of what ``set`` puts under a user's key."""
    return _bytes_of("entry", *_owner(scope), key)


def object_origin(scope: StateScope, storage_key: str) -> bytes:
    """The address of an immutable backend's object; its storage key ends in the write's generation."""
    return _bytes_of("object", *_owner(scope), storage_key)


def plain_tag(kind: str, owner: str, key: str) -> str:
    """A name for the address of a plain backend's object, of 43 characters, to stand in its reference.

    Reading, a plain backend is told the reference and nothing else.
    """
    return urlsafe_b64encode(sha256(_bytes_of(kind, owner, key)).digest()).decode().rstrip("=")


def plain_origin(tag: str) -> bytes:
    """The address of a plain backend's object, by its tag."""
    return _bytes_of("plain object", tag)


def _owner(scope: StateScope) -> tuple[str | int | None, ...]:
    if isinstance(scope, TaskScope):
        return "task", scope.dag_id, scope.run_id, scope.task_id, scope.map_index
    if scope.name is not None:
        return "asset name", scope.name
    if scope.uri is not None:
        return "asset uri", scope.uri
    return "asset id", scope.asset_id


def _bytes_of(*parts: str | int | None) -> bytes:
    # JSON in ASCII: quotes delimit the names, and a quote inside a name is escaped.
    return json.dumps(parts, separators=(",", ":")).encode()
