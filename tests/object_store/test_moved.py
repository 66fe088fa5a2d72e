"""Objects that were moved to another prefix of a bucket are read and disposed of from there."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import obstore
import pytest
from backends.stored_object import GENERATION, task
from statekeep.backends import EncryptedBackend, EncryptionKeys, ObjectStoreBackend

from tests.object_store.s3_server import S3Server

pytestmark = pytest.mark.slow  # starts a server

TASK = task()
STORAGE_KEY = f"k~{GENERATION}"
_KEYS = EncryptionKeys.from_text(f"k1:{b64encode(bytes(range(32))).decode()}")


def _made(s3: S3Server, url: str, encrypted: bool, backend_id: str | None = None) -> Any:
    made = ObjectStoreBackend(
        url, store_id="s", threshold_bytes=0, options=s3.options(), backend_id=backend_id
    )
    return EncryptedBackend(made, _KEYS) if encrypted else made


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_a_moved_prefix_is_read_and_disposed_of(s3: S3Server, url: str, encrypted: bool) -> None:
    before = _made(s3, url, encrypted)
    reference = before.serialize_task_state_to_ref(
        value='"v"', key=STORAGE_KEY, ti_id=TASK.ti_id, scope=TASK, storage_key=STORAGE_KEY
    )
    old, new = (s3.store(prefix=f"{url.rpartition('/')[2]}{end}") for end in ("", "-moved"))
    for found in obstore.list(old).collect():
        obstore.put(new, found["path"], obstore.get(old, found["path"]).bytes())
        obstore.delete(old, found["path"])
    own_id = before.backend_id.removeprefix("encrypted:")
    after = _made(s3, f"{url}-moved", encrypted, own_id)
    assert after.backend_id == before.backend_id
    assert after.deserialize_task_state_from_ref(reference, scope=TASK, storage_key=STORAGE_KEY) == '"v"'
    after.delete(TASK, STORAGE_KEY)
    assert obstore.list(new).collect() == []
