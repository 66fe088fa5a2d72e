"""The objects of one store, with the origin of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._shared.state.errors import ReferenceCorruptError
from .layout import is_object_path, origin_of
from .medium import ObjectAbsentError
from .object_format import HEADER_LIMIT_BYTES, NotAnObjectError, parsed_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from ..._shared.state.scope import StateScope
    from .layout import Origin
    from .medium import Medium


def listed_objects(
    medium: Medium, root: str, reference_to: Callable[[str], str]
) -> Iterator[tuple[StateScope, str, int, datetime]]:
    """Yield scope, key, size in bytes and instant of every object below a root.

    Most paths tell their origin. Of those that were cut, the object's header is read: a request each.
    """
    for page in medium.pages(root):
        for listed in page:
            origin = _origin_of(medium, listed.path, reference_to) if is_object_path(listed.path) else None
            if origin is not None:
                yield origin.scope, origin.key, listed.size_bytes, listed.modified_at


def _origin_of(medium: Medium, path: str, reference_to: Callable[[str], str]) -> Origin | None:
    told = origin_of(path)
    if told is not None:
        return told
    try:
        found = parsed_header(medium.read_start(path, HEADER_LIMIT_BYTES))
    except ObjectAbsentError:
        return None  # deleted since it was listed
    except NotAnObjectError:
        found = None
    if found is None:
        raise ReferenceCorruptError(scope="(unknown)", key="(unknown)", reference=reference_to(path))
    return found[0].origin
