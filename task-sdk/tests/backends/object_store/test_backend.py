"""The whole contract over local files and over memory; the S3 server's turn is in the tests at the root."""

from __future__ import annotations

from pathlib import Path

import obstore
import pytest
from backends.object_store_backends import ObjectStoreConformance
from statekeep.backends import ObjectStoreBackend


class TestLocalFiles(ObjectStoreConformance):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> ObjectStoreBackend:
        return ObjectStoreBackend(f"file://{tmp_path}", store_id=self.store_id, threshold_bytes=0)

    def bytes_at(self, backend: ObjectStoreBackend, path: str) -> bytes | None:
        file = Path(f"{backend._address.folder}/{path}")
        return file.read_bytes() if file.exists() else None


class TestMemory(ObjectStoreConformance):
    @pytest.fixture
    def backend(self) -> ObjectStoreBackend:
        return ObjectStoreBackend("memory://", store_id=self.store_id, threshold_bytes=0)

    def bytes_at(self, backend: ObjectStoreBackend, path: str) -> bytes | None:
        try:
            return bytes(obstore.get(backend._medium._store, path).bytes())  # type: ignore[attr-defined]
        except FileNotFoundError:
            return None
