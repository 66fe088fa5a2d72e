"""The conformance suite: what every state backend must pass, as one pytest class.

A backend's author writes, in a test file::

    class TestMyBackend(StateBackendConformance):
        capabilities = Capabilities(max_value_bytes=65_536)

        @pytest.fixture
        def backend(self, tmp_path):
            return MyBackend(tmp_path)

        def look(self, backend, scope, key):
            return ...  # read the medium without the backend's own methods
"""

from __future__ import annotations

from .addresses import AddressConformance
from .clearing import ClearConformance
from .entries import EntryConformance
from .external import HookConformance
from .halves import HalvesConformance
from .machine import MachineConformance


class StateBackendConformance(
    EntryConformance,
    AddressConformance,
    ClearConformance,
    HalvesConformance,
    HookConformance,
    MachineConformance,
):
    """Derive a ``Test...`` class, override the fixture ``backend`` and ``look``, and declare capabilities.

    Failures say in words which promise of the contract does not hold.
    """
