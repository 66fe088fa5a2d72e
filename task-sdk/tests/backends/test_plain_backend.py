"""A backend that knows only the contract's signatures is a complete backend.

``plain_backend`` is what the first half of docs/how-to/write-a-backend.md builds; a test of the guide holds
the two equal.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from backends.plain_backend import FolderBackend, FolderEntries, entry_name
from statekeep import StateScope
from statekeep.backends.testing import Capabilities, StateBackendConformance
from statekeep.errors import ReferenceMissingError


class TestFolderEntries(StateBackendConformance):
    """The eight methods alone."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> FolderEntries:
        return FolderEntries(str(tmp_path))

    def look(self, backend: FolderEntries, scope: StateScope, key: str) -> str | None:
        file = backend.folder.path / entry_name(scope, key)
        return file.read_bytes().decode() if file.exists() else None


class TestFolderBackend(StateBackendConformance):
    capabilities = Capabilities(external_objects=True)

    @pytest.fixture
    def backend(self, tmp_path: Path) -> FolderBackend:
        return FolderBackend(str(tmp_path))

    def look(self, backend: FolderBackend, scope: StateScope, key: str) -> str | None:
        return self.look_at_reference(backend, entry_name(scope, key))

    def look_at_reference(self, backend: FolderBackend, reference: str) -> str | None:
        file = backend.folder.path / reference
        return file.read_bytes().decode() if file.exists() else None


def test_a_reference_that_leads_out_of_the_folder_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("1")
    backend = FolderBackend(str(tmp_path / "state"))
    for reference in ("../secret", str(tmp_path / "secret"), "", "."):
        with pytest.raises(ReferenceMissingError):
            backend.deserialize_task_state_from_ref(reference)
