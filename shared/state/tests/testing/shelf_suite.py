"""Runs the conformance suite against every backend on the shelf; given to pytest by test_broken_backends."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from statekeep_shared.state.testing import (
    ImmutableMemoryObjects,
    MemoryStateBackend,
    PlainMemoryObjects,
    StateBackendConformance,
)

# Imported so that their backends stand on the shelf.
from shared.state.tests.testing import broken_entries, broken_halves, broken_hooks
from shared.state.tests.testing.shelf import FAULTS, Fault

if TYPE_CHECKING:
    from statekeep_shared.state import StateScope

SHELVES = (broken_entries, broken_halves, broken_hooks)


class TestBroken(StateBackendConformance):
    # What the machine finds is not shrunk: that it is found is enough.
    machine_settings: ClassVar[settings] = settings(
        StateBackendConformance.machine_settings,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )

    @pytest.fixture(params=FAULTS, ids=lambda fault: fault.backend.__name__)
    def fault(self, request: pytest.FixtureRequest) -> Fault:
        found: Fault = request.param
        return found

    @pytest.fixture
    def backend(self, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> MemoryStateBackend:
        monkeypatch.setattr(type(self), "capabilities", fault.capabilities)
        if issubclass(fault.backend, ImmutableMemoryObjects):
            return fault.backend(self.store_id)
        return fault.backend()

    def look(self, backend: MemoryStateBackend, scope: StateScope, key: str) -> str | None:
        return backend.medium.get(backend.address_of(scope), {}).get(key)

    def look_at_reference(
        self, backend: PlainMemoryObjects | ImmutableMemoryObjects, reference: str
    ) -> str | None:
        stored = backend.objects.get(reference)
        return stored if stored is None or isinstance(stored, str) else stored.value
