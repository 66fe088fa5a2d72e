"""The backend in memory passes the whole suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from statekeep_shared.state.testing import MemoryStateBackend, StateBackendConformance

if TYPE_CHECKING:
    from statekeep_shared.state import StateScope


class TestMemoryStateBackend(StateBackendConformance):
    @pytest.fixture
    def backend(self) -> MemoryStateBackend:
        return MemoryStateBackend()

    def look(self, backend: MemoryStateBackend, scope: StateScope, key: str) -> str | None:
        return backend.medium.get(backend.address_of(scope), {}).get(key)
