"""What a request may say of a value that lies elsewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from statekeep_core._shared.state.errors import InvalidRequestError
from statekeep_core._shared.state.messages import AssetAddress, External, TaskAddress
from statekeep_core.metastore.task_entries import Tenure

if TYPE_CHECKING:
    from statekeep_core._shared.state.messages import Set

    from .targets import Resolved

MAX_REFERENCE_BYTES = 4_096
_MAX_BACKEND_ID_CHARACTERS = 512
_DIGEST_BYTES = 32
# What a storage key has behind the user's key: 128 random bits, new for every write.
GENERATION = re.compile("~[0-9A-Za-z]{26}")
GENERATION_CHARACTERS = 27


def check(request: Set, external: External) -> None:
    """Refuse what no backend can have made for this key (:class:`InvalidRequestError`)."""
    reference_bytes = len(external.reference.encode("utf-8", "surrogatepass"))
    generation = external.storage_key.removeprefix(request.key)
    if request.value:
        raise _refused(request, "has a value and an external object", "send one of them")
    if not 0 < reference_bytes <= MAX_REFERENCE_BYTES:
        raise _refused(
            request,
            f"has a reference of {reference_bytes:,} bytes, not 1 to {MAX_REFERENCE_BYTES:,}",
            "let the backend return a shorter one",
        )
    if not 0 < len(external.backend_id) <= _MAX_BACKEND_ID_CHARACTERS or external.size_bytes < 0:
        raise _refused(request, "has a backend id or a size that cannot be", "send what the protocol defines")
    if external.is_plain:
        is_right = external.storage_key == request.key
    else:
        is_right = external.storage_key.startswith(request.key) and bool(GENERATION.fullmatch(generation))
        is_right = is_right and len(external.digest or b"") == _DIGEST_BYTES
    if not is_right:
        raise _refused(
            request, "has a storage key or a digest that is not of this key", "send what the protocol defines"
        )


def check_origin(request: Set, external: External, resolved: Resolved) -> None:
    """Refuse an object that was not made for the request's target (:class:`InvalidRequestError`)."""
    origin = external.origin
    if isinstance(resolved, Tenure):
        is_own = origin == resolved.task and isinstance(origin, TaskAddress)
    else:
        names = {(resolved.name, resolved.uri), (resolved.name, None), (None, resolved.uri)} - {(None, None)}
        is_own = tuple(origin) in names and isinstance(origin, AssetAddress)
    if not is_own:
        raise _refused(request, "names an object that was made for another scope", "let it be made for this")


def _refused(request: Set, problem: str, remedy: str) -> InvalidRequestError:
    return InvalidRequestError(what=f"write of {request.key!r}", problem=problem, remedy=remedy)
