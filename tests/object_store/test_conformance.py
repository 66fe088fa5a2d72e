"""The whole contract over a real S3 server."""

from __future__ import annotations

import obstore
import pytest
from backends.object_store_backends import ObjectStoreConformance
from statekeep.backends import ObjectStoreBackend

from tests.object_store.s3_server import S3Server

pytestmark = pytest.mark.slow  # starts a server


class TestS3(ObjectStoreConformance):
    @pytest.fixture
    def backend(self, s3: S3Server, url: str) -> ObjectStoreBackend:
        self._server = s3
        return ObjectStoreBackend(url, store_id=self.store_id, threshold_bytes=0, options=s3.options())

    def bytes_at(self, backend: ObjectStoreBackend, path: str) -> bytes | None:
        # By a client of its own, in the same bucket and prefix.
        prefix = backend._address.url.rpartition("/")[2]
        try:
            return bytes(obstore.get(self._server.store(prefix=prefix), path).bytes())
        except FileNotFoundError:
            return None
