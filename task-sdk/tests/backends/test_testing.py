"""The conformance suite is public: a backend author needs nothing but these names."""

from __future__ import annotations

import subprocess
import sys

import pytest
import statekeep
from statekeep.backends import testing
from statekeep.backends.testing import MemoryStateBackend, StateBackendConformance


def test_all_that_the_contract_offers_to_backend_authors_is_public() -> None:
    from statekeep._shared.state import testing as contracts_testing  # after the public one, as for an author

    assert sorted(testing.__all__) == sorted(contracts_testing.__all__)
    for name in testing.__all__:
        assert getattr(testing, name) is getattr(contracts_testing, name)


def test_without_the_extra_the_error_says_what_to_install() -> None:
    code = "import sys; sys.modules['hypothesis'] = None; import statekeep.backends.testing"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "needs hypothesis: pip install 'statekeep[testing]'" in ran.stderr


class TestMemoryStateBackend(StateBackendConformance):
    """As an author would write it, with public names only."""

    @pytest.fixture
    def backend(self) -> MemoryStateBackend:
        return MemoryStateBackend()

    def look(self, backend: MemoryStateBackend, scope: statekeep.StateScope, key: str) -> str | None:
        return backend.medium.get(backend.address_of(scope), {}).get(key)
