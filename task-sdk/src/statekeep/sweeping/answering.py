"""Which backend answers for which ids, so that each object is asked for and deleted once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..backends.configured import ids_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._shared.state.backend import BaseStateBackend


class Answering(NamedTuple):
    """An immutable backend and the ids of the records whose objects it can delete; the first is its own."""

    backend: BaseStateBackend
    backend_ids: tuple[str, ...]


def answering(backends: Iterable[BaseStateBackend]) -> list[Answering]:
    """Return the immutable ones among the backends, with their ids. An id belongs to the first that has it.

    One that encrypts also has the id in records from before, while it is allowed to read those.
    """
    found: list[Answering] = []
    taken: set[str] = set()
    for backend in backends:
        if not backend.immutable_refs:
            continue  # its objects are overwritten in place, and nothing of it is queued
        ids = ids_of(backend)
        free = tuple(backend_id for backend_id in ids if backend_id not in taken)
        taken.update(ids)
        if free:
            found.append(Answering(backend, free))
    return found
