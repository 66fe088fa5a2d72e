"""The shelf on which the deliberately broken backends stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from statekeep_shared.state.testing import Capabilities, MemoryStateBackend

if TYPE_CHECKING:
    from collections.abc import Callable

B = TypeVar("B", bound=type[MemoryStateBackend])
NOTHING_MORE = Capabilities()


class Fault(NamedTuple):
    """A broken backend, the test that must fail on it, and what its author claims."""

    backend: type[MemoryStateBackend]
    caught_by: str
    capabilities: Capabilities


FAULTS: list[Fault] = []


def caught_by(test: str, capabilities: Capabilities = NOTHING_MORE) -> Callable[[B], B]:
    """Put a backend on the shelf, with the name of the test that must fail on it."""

    def put_on_the_shelf(backend: B) -> B:
        FAULTS.append(Fault(backend, test, capabilities))
        return backend

    return put_on_the_shelf
