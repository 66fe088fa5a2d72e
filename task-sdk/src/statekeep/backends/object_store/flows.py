"""What the backend does, as flows: writing, reading, deleting and clearing, over any medium.

Most requests are repeated below, by the medium; those that it leaves alone are repeated here. So creating an
object that turns out to be there already is no fault when it holds the very value: an earlier answer may
have been lost.
"""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from ..._shared.state.errors import InvalidRequestError
from ..._shared.state.scope import TaskScope
from .layout import ENTRIES_ROOT, scope_path, task_path
from .medium import DELETED_AT_ONCE, ObjectAbsentError, ObjectExistsError
from .object_format import ObjectReader, ValueParts
from .repeating import repeated
from .steps import Ask, Compute, ReadOn

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from ..._shared.state.scope import StateScope
    from .layout import Origin
    from .patience import Patience
    from .steps import Step


class Policy(NamedTuple):
    """How objects are written."""

    compression_level: int | None
    part_bytes: int
    creates_in_parts: bool
    patience: Patience


def write(
    policy: Policy, path: str, origin: Origin, value: str, *, create: bool
) -> Generator[Step, Any, None]:
    """Write an object whole: in one request when it is small, in parts that are completed at the end.

    ``create`` is for storage keys, which are written once: another value under the same path is refused
    with ``invalid_request`` and left as it is.
    """
    parts = ValueParts(value, origin, policy.compression_level)
    try:
        yield from repeated(policy.patience, lambda: _put(policy, path, parts, create))
    except ObjectExistsError:
        yield from _check_it_holds(path, value)


def read(path: str, expected: Origin | None = None) -> Generator[Step, Any, str]:
    """Read an object whole; raise ``ObjectAbsentError`` or ``NotAnObjectError``.

    With ``expected``, an object of another origin is not the one that was asked for.
    """
    stream = yield Ask("open", (path,))
    try:
        reader = ObjectReader()
        while (piece := (yield ReadOn(stream))) is not None:
            reader.accept(piece)
            yield Compute(reader.advance, (), reader.work_bytes)
    finally:
        stream.close()
    value: str = yield Compute(reader.finish, (expected,), reader.size_bytes)
    return value


def read_entry(path: str) -> Generator[Step, Any, str | None]:
    """Read what was set under a path, or None."""
    try:
        return (yield from read(path))
    except ObjectAbsentError:
        return None


def delete(policy: Policy, paths: Sequence[str]) -> Generator[Step, Any, None]:
    """Remove objects; absent ones are no error."""
    for start in range(0, len(paths), DELETED_AT_ONCE):
        yield from repeated(policy.patience, partial(_ask, "delete", paths[start : start + DELETED_AT_ONCE]))


def clear(policy: Policy, scope: StateScope, *, all_map_indices: bool) -> Generator[Step, Any, None]:
    """Remove every entry of a scope. Objects of references are left: history may name them."""
    folder = scope_path(ENTRIES_ROOT, scope)
    if all_map_indices and isinstance(scope, TaskScope):
        folder = task_path(ENTRIES_ROOT, scope)
    paths = yield Ask("paths_below", (folder,))
    if paths:
        yield from delete(policy, paths)


def _ask(method: str, *arguments: Any) -> Generator[Step, Any, Any]:
    return (yield Ask(method, arguments))


def _put(policy: Policy, path: str, parts: ValueParts, create: bool) -> Generator[Step, Any, None]:
    if policy.creates_in_parts:
        yield Ask("put", (path, parts, create))
    else:
        yield from _upload(policy, path, parts, create)


def _upload(policy: Policy, path: str, parts: ValueParts, create: bool) -> Generator[Step, Any, None]:
    pieces = iter(parts)
    head = yield Compute(_gathered, (pieces, policy.part_bytes), min(parts.size_bytes, policy.part_bytes))
    if len(head) < policy.part_bytes:
        yield Ask("put", (path, head, create))
        return
    # Parts are completed without a condition, so looking first has to do: a storage key has one writer.
    if create and (yield Ask("exists", (path,))):
        raise ObjectExistsError
    yield Ask("put", (path, chain([head], pieces), create))


def _check_it_holds(path: str, value: str) -> Generator[Step, Any, None]:
    standing = yield from read(path)
    if standing != value:
        problem = "already names an object with another value"
        raise InvalidRequestError(what="storage key", problem=problem, remedy="draw a new generation")


def _gathered(pieces: Iterator[bytes], least_bytes: int) -> bytes:
    head = bytearray()
    for piece in pieces:
        head += piece
        if len(head) >= least_bytes:
            break
    return bytes(head)
