"""Objects in a bucket of the S3 server that the tests start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import obstore

from tests.crash.external.place import Medium
from tests.object_store.s3_server import BUCKET, WORKER

if TYPE_CHECKING:
    from tests.object_store.s3_server import S3Server


def in_bucket(server: S3Server, prefix: str) -> Medium:
    """Return the medium of a prefix that nobody else uses."""
    store = server.store(prefix=prefix)

    def paths() -> list[str]:
        return [meta["path"] for page in obstore.list(store) for meta in page]

    return Medium(
        f"s3://{BUCKET}/{prefix}",
        paths,
        endpoint=str(server.options()["endpoint"]),
        region="us-east-1",
        part_bytes=str(5 << 20),
        access_key_id=WORKER["access_key_id"],
        secret_access_key=WORKER["secret_access_key"],
    )
