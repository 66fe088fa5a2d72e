"""What a listing shows that may be an orphan, in a temporary file: a bucket may hold millions of objects."""

from __future__ import annotations

import json
import re
import tempfile
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from .._shared.state.errors import InvalidKeyError
from .._shared.state.rules import check_key
from .._shared.state.scope import AssetScope, TaskScope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from .._shared.state.backend import BaseStateBackend
    from .._shared.state.scope import StateScope

# What a storage key has behind the user's key: 128 random bits in base32.
_GENERATION = re.compile("~[0-9A-Za-z]{26}")
_GENERATION_CHARACTERS = 27


class Candidate(NamedTuple):
    """An object that was there before the grace period began."""

    scope: StateScope
    storage_key: str
    size_bytes: int


class Candidates:
    """One backend's, after its listing was read to the end. A context manager: it ends the file.

    ``listed``, ``too_young`` and ``not_understood`` count what the listing showed. ``is_complete``: it was
    not stopped.
    """

    def __init__(self) -> None:
        self.listed = 0
        self.too_young = 0
        self.not_understood = 0
        self.is_complete = False
        self._file = tempfile.TemporaryFile("w+", encoding="ascii")  # noqa: SIM115 -- closed in __exit__

    def __enter__(self) -> Candidates:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(
        self, backend: BaseStateBackend, store_id: str, before: datetime, is_enough: Callable[[], bool]
    ) -> None:
        """Read the backend's listing of one store. Raises what the backend raises."""
        for scope, storage_key, size_bytes, modified_at in backend.list_objects(store_id):
            if is_enough():
                return
            self.listed += 1
            if not _is_understood(scope, storage_key, modified_at):
                self.not_understood += 1
            elif modified_at > before:
                self.too_young += 1
            else:
                self._file.write(f"{json.dumps([_names(scope), storage_key, size_bytes])}\n")
        self.is_complete = True

    def batches(self, most_objects: int) -> Iterator[list[Candidate]]:
        """Give them again, so many at a time."""
        self._file.seek(0)
        while lines := list(islice(self._file, most_objects)):
            yield [_candidate(*json.loads(line)) for line in lines]


def _is_understood(scope: object, storage_key: object, modified_at: datetime) -> bool:
    """Whether it is clear whose object it is, and how old."""
    if not isinstance(scope, (TaskScope, AssetScope)) or modified_at.tzinfo is None:
        return False
    return isinstance(storage_key, str) and _is_storage_key(storage_key)


def _is_storage_key(text: str) -> bool:
    try:
        check_key(text[:-_GENERATION_CHARACTERS])
    except InvalidKeyError:
        return False
    return _GENERATION.fullmatch(text[-_GENERATION_CHARACTERS:]) is not None


def _names(scope: StateScope) -> list[str | int | None]:
    if isinstance(scope, TaskScope):
        return ["task", scope.dag_id, scope.run_id, scope.task_id, scope.map_index]
    return ["asset", scope.asset_id, scope.name, scope.uri]


def _candidate(names: list[Any], storage_key: str, size_bytes: int) -> Candidate:
    kind, *rest = names
    scope: StateScope = TaskScope(*rest) if kind == "task" else AssetScope(*rest)
    return Candidate(scope, storage_key, size_bytes)
