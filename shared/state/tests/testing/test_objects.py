"""The worker-side backends in memory pass the whole suite, their hooks included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from statekeep_shared.state.testing import (
    Capabilities,
    ImmutableMemoryObjects,
    MemoryStateBackend,
    PlainMemoryObjects,
    StateBackendConformance,
)

if TYPE_CHECKING:
    from statekeep_shared.state import StateScope


class WithObjects(StateBackendConformance):
    capabilities = Capabilities(external_objects=True)

    def look(self, backend: MemoryStateBackend, scope: StateScope, key: str) -> str | None:
        return backend.medium.get(backend.address_of(scope), {}).get(key)


class TestPlainMemoryObjects(WithObjects):
    @pytest.fixture
    def backend(self) -> PlainMemoryObjects:
        return PlainMemoryObjects()

    def look_at_reference(self, backend: PlainMemoryObjects, reference: str) -> str | None:
        return backend.objects.get(reference)


class TestImmutableMemoryObjects(WithObjects):
    @pytest.fixture
    def backend(self) -> ImmutableMemoryObjects:
        return ImmutableMemoryObjects(self.store_id)

    def look_at_reference(self, backend: ImmutableMemoryObjects, reference: str) -> str | None:
        stored = backend.objects.get(reference)
        return None if stored is None else stored.value
