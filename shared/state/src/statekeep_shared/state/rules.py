"""The rules for keys and scopes, which every accessor, server and transport applies alike.

No character but the control characters and lone surrogates is refused, and no other means anything: a key
is never part of a path. Lengths are in characters (code points); a control character is U+0000 to U+001F
or U+007F to U+009F; nothing is normalised or stripped.
"""

from __future__ import annotations

import re

from .errors import InvalidKeyError, InvalidRequestError

TYPE_CHECKING = False  # typing takes 2.5 ms to import, the dataclasses of scope 8 ms
if TYPE_CHECKING:
    from .scope import AssetScope, TaskScope

MAX_KEY_CHARACTERS = 512
MAX_SCOPE_FIELD_CHARACTERS = 250
# Longer than any object store's address: 1,024 bytes of key with its scheme and bucket.
MAX_ASSET_FIELD_CHARACTERS = 1_500
# What every database's integer column, and every JSON reader, holds.
MAX_MAP_INDEX = 2**31 - 1
MAX_ASSET_ID = 2**63 - 1

_REFUSED_CHARACTER = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def check_key(key: str) -> None:
    """Check a key; raise :class:`InvalidKeyError`, which says what and where but never shows the key."""
    problem = _text_problem(key, MAX_KEY_CHARACTERS)
    if problem is not None:
        raise InvalidKeyError(what="key", problem=problem, remedy=_text_remedy(MAX_KEY_CHARACTERS))


def check_scope(scope: TaskScope | AssetScope) -> None:
    """Check a scope's fields; raise :class:`InvalidRequestError` that names the first bad one."""
    from .scope import AssetScope, TaskScope

    if isinstance(scope, TaskScope):
        check_task(scope.dag_id, scope.run_id, scope.task_id, scope.map_index)
    elif isinstance(scope, AssetScope):
        check_asset(asset_id=scope.asset_id, name=scope.name, uri=scope.uri)
    else:
        raise _refused("scope", f"is of type {type(scope).__name__}", "give a TaskScope or an AssetScope")


def check_task(dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> None:
    """Check a task's four names; raise :class:`InvalidRequestError` that names the first bad one."""
    for field, text in (("dag_id", dag_id), ("run_id", run_id), ("task_id", task_id)):
        _check_text(field, text, MAX_SCOPE_FIELD_CHARACTERS)
    _check_int("map_index", map_index, -1, MAX_MAP_INDEX)


def check_asset(*, asset_id: int | None = None, name: str | None = None, uri: str | None = None) -> None:
    """Check what names an asset: at least one is given, a name and a uri have 1 to 1,500 characters.

    Raises :class:`InvalidRequestError` that names the first bad field.
    """
    if asset_id is None and name is None and uri is None:
        raise _refused("asset", "has no name and no uri", "give at least one of them")
    if asset_id is not None:
        _check_int("asset_id", asset_id, 0, MAX_ASSET_ID)
    if name is not None:
        _check_text("asset name", name, MAX_ASSET_FIELD_CHARACTERS)
    if uri is not None:
        _check_text("asset uri", uri, MAX_ASSET_FIELD_CHARACTERS)


def _check_text(field: str, text: str, max_characters: int) -> None:
    problem = _text_problem(text, max_characters)
    if problem is not None:
        raise _refused(field, problem, _text_remedy(max_characters))


def _check_int(field: str, number: int, least: int, most: int) -> None:
    if type(number) is not int:
        raise _refused(field, f"is of type {type(number).__name__}", "give an int")
    if not least <= number <= most:
        raise _refused(field, "is out of range", f"give an int from {least} to {most:,}")


def _text_problem(text: str, max_characters: int) -> str | None:
    if type(text) is not str:
        return f"is of type {type(text).__name__}"
    if not text:
        return "is empty"
    if len(text) > max_characters:
        return f"has {len(text):,} characters, over the limit of {max_characters:,}"
    refused = None if text.isprintable() else _REFUSED_CHARACTER.search(text)
    if refused is None:
        return None
    kind = "a lone surrogate" if refused[0] >= "\ud800" else "the control character"
    return f"holds {kind} U+{ord(refused[0]):04X} at position {refused.start()}"


def _text_remedy(max_characters: int) -> str:
    return f"give a str of 1 to {max_characters:,} characters without control characters"


def _refused(what: str, problem: str, remedy: str) -> InvalidRequestError:
    return InvalidRequestError(what=what, problem=problem, remedy=remedy)
