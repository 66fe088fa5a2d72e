"""Values on their way to a backend: what a write names in their place, and what a refused one leaves."""

from __future__ import annotations

import os
from base64 import b32encode
from functools import partial
from typing import Any, NamedTuple

from .._shared.state.backend import MAX_REFERENCE_BYTES
from .._shared.state.errors import ConflictError, StoreUnusableError
from .._shared.state.messages import Batch, Entry, External, Get, Set
from . import backend_calls
from .flows import Ask, Together
from .operations import NO_BACKEND_REMEDY, check_size
from .origins import scope_of
from .text_values import encoded, size_and_digest, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._shared.state.scope import StateScope
    from .flows import Flow
    from .worker_backends import WorkerBackends

_GENERATION_BYTES = 16
_INLINE_REMEDY = "raise [state_store] max_value_bytes, or let the backend keep fewer values inline"


class Made(NamedTuple):
    """The new objects of one write, which nobody needs if it is refused."""

    backend: Any
    objects: list[tuple[StateScope, str]]


class WritingOut:
    """Replaces the values of writes by where a backend put them, if it did not leave them inline."""

    def __init__(self, backends: WorkerBackends, max_value_bytes: int) -> None:
        self._backends = backends
        self._max_value_bytes = max_value_bytes

    def written_out(self, writer: Any, request: Set | Batch, made: Made) -> Flow[Set | Batch]:
        """Return the request as it is sent; ``made`` gets what is new, when an error is raised too.

        The values of a batch are on their way together, but for those that overwrite in place.
        """
        if isinstance(request, Batch):
            operations = tuple(self._as_it_goes(writer, each) for each in request.operations)
            request = Batch(operations)
        else:
            request = self._as_it_goes(writer, request)
            operations = (request,)
        going = [
            each for each in operations if isinstance(each, Set) and not self.stays_inline(writer, each.value)
        ]
        self._check_staying(writer, operations)
        if not going:
            return request
        if writer.immutable_refs:
            done = yield Together([self._set(writer, each, made) for each in going])
        else:
            yield from _check_conditions(operations)
            done = []
            for each in going:  # the last one of a key is the one that counts
                done.append((yield from self._set(writer, each, made)))
        if isinstance(request, Set):
            return done[0]  # type: ignore[no-any-return]  # what the one flow returned, a Set
        replaced = dict(zip(map(id, going), done, strict=True))
        return Batch(tuple(replaced.get(id(each), each) for each in operations))

    def stays_inline(self, writer: Any, encoded: bytes) -> bool:
        """Whether it is known beforehand that a backend leaves such a value inline."""
        if writer is None:
            return True
        return bool(writer.immutable_refs) and len(encoded) < writer.threshold_bytes

    def check_inline(self, writer: Any, key: str, encoded: bytes) -> None:
        """Refuse a value that stays inline and that the store would not take."""
        remedy = NO_BACKEND_REMEDY if writer is None else _INLINE_REMEDY
        check_size(key, encoded, self._max_value_bytes, remedy=remedy)

    def _as_it_goes(self, writer: Any, request: Any) -> Any:
        """Return a write in bytes when they may stay inline: their number decides, not that of characters."""
        is_short = isinstance(request, Set) and self.stays_inline(writer, request.value)
        return encoded(request) if is_short else request

    def _check_staying(self, writer: Any, operations: Sequence[Any]) -> None:
        for each in operations:
            if isinstance(each, Set) and self.stays_inline(writer, each.value):
                self.check_inline(writer, each.key, each.value)

    def _set(self, writer: Any, request: Set, made: Made) -> Flow[Set]:
        external = yield from self._external(writer, request, made)
        if external is None:
            inline: Set = encoded(request)
            self.check_inline(writer, inline.key, inline.value)
            return inline
        replaced: Set = request._replace(value=b"", external=external)
        return replaced

    def _external(self, writer: Any, request: Set, made: Made) -> Flow[External | None]:
        """Have the backend put a value where it should live; None when it leaves it inline."""
        is_plain, text = not writer.immutable_refs, text_of(request.value)
        size_bytes, digest = yield from backend_calls.computed(partial(size_and_digest, text), len(text))
        origin = self._backends.origin_of(request.target)
        storage_key = request.key if is_plain else f"{request.key}~{new_generation()}"
        reference = yield backend_calls.serialize(writer, origin, text, storage_key)
        if type(reference) is str and reference == text:
            return None
        del text  # of a large value, half of what this holds
        if is_plain:
            _check_reference(writer, reference)
            return External(reference, writer.backend_id, storage_key, origin, size_bytes)
        scope = scope_of(origin)
        made.objects.append((scope, storage_key))
        _check_reference(writer, reference)
        if hasattr(writer, "recorded_digest"):
            digest = yield backend_calls.call(
                writer, "recorded_digest", digest, scope=scope, storage_key=storage_key
            )
        return External(reference, writer.backend_id, storage_key, origin, size_bytes, digest)


def new_generation() -> str:
    """Return what tells one write of a key from every other: 128 random bits as 26 characters."""
    return b32encode(os.urandom(_GENERATION_BYTES)).decode().rstrip("=").lower()


def discarded(made: Made) -> Flow[None]:
    """Delete the objects of a write that was refused for certain; the orphan sweep finds what is left."""
    if not made.objects:
        return
    for step in backend_calls.delete(made.backend, made.objects):
        try:
            yield step
        except Exception as error:  # somebody else's code, and the refusal is what matters
            from logging import getLogger

            getLogger("statekeep.backends").warning(
                "an object of a refused write could not be deleted (%s: %s); the orphan sweep will find it",
                type(error).__name__,
                error,
            )


def _check_conditions(operations: Sequence[Any]) -> Flow[None]:
    """Refuse writes whose conditions do not hold, before any of them overwrites in place what stands.

    The store looks again; between the two, a plain backend cannot be protected. What an earlier operation of
    the batch concerns is left to the store.
    """
    touched: set[Any] = set()
    for each in operations:
        places = {(each.target, getattr(each, "key", None)), (each.target, None)}
        if isinstance(each, Set) and not touched & places:
            yield from _check_condition(each)
        if not isinstance(each, Get):
            touched.add((each.target, getattr(each, "key", None)))


def _check_condition(request: Set) -> Flow[None]:
    if request.if_version is None and not request.if_absent:
        return
    standing = yield Ask(Get(request.key, request.target))
    version = standing.version if isinstance(standing, Entry) else None
    if request.if_absent and isinstance(standing, Entry):
        raise ConflictError(key=request.key, version=version, wanted="absent")
    if request.if_version is not None and request.if_version != version:
        raise ConflictError(key=request.key, version=version, wanted=request.if_version)


def _check_reference(writer: Any, reference: object) -> None:
    what, remedy = f"backend {writer.backend_id}", "let its serialize_* return a short str, such as a path"
    if type(reference) is not str:
        problem = f"its reference is of type {type(reference).__name__}, not a str"
        raise StoreUnusableError(what=what, problem=problem, remedy=remedy)
    try:
        size_bytes = len(reference.encode())
    except UnicodeEncodeError:
        problem = "its reference holds a lone surrogate"
        raise StoreUnusableError(what=what, problem=problem, remedy=remedy) from None
    if not 0 < size_bytes <= MAX_REFERENCE_BYTES:
        problem = f"its reference has {size_bytes:,} bytes, not 1 to {MAX_REFERENCE_BYTES:,}"
        raise StoreUnusableError(what=what, problem=problem, remedy=remedy)
