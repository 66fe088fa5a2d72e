"""What a real S3 server answers to a backend that is set up wrongly, or used as it should be."""

from __future__ import annotations

import random

import obstore
import pytest
from backends.stored_object import GENERATION, task
from statekeep.backends import ObjectStoreBackend
from statekeep.errors import InvalidRequestError, StoreUnusableError

from tests.object_store.faulty_proxy import FaultyProxy
from tests.object_store.s3_server import BUCKET, S3Server

pytestmark = pytest.mark.slow  # starts a server

TASK = task()
STORAGE_KEY = f"k~{GENERATION}"
LARGE = '"' + random.Random(5).randbytes(9 << 20).hex() + '"'  # 18 MiB that compress to half


def put(backend: ObjectStoreBackend, value: str) -> str:
    return backend.serialize_task_state_to_ref(
        value=value, key=STORAGE_KEY, ti_id=TASK.ti_id, scope=TASK, storage_key=STORAGE_KEY
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"access_key_id": "NOBODY"}, "access key id is unknown"),
        ({"secret_access_key": "wrong"}, "secret access key is wrong"),
    ],
)
def test_wrong_credentials_are_said_at_once_and_not_retried(
    s3: S3Server, url: str, options: dict[str, str], words: str
) -> None:
    with FaultyProxy(s3.port, lambda _number, _head: None) as proxy:
        backend = ObjectStoreBackend(url, options={**s3.options(proxy.port), **options})
        for operation in (
            lambda: backend.get(TASK, "k"),
            lambda: backend.set(TASK, "k", "1"),
            lambda: backend.delete(TASK, "k"),
            lambda: list(backend.list_objects("s")),
        ):
            with pytest.raises(StoreUnusableError, match=words):
                operation()
    assert proxy.requests == 4


def test_an_endpoint_without_tls_that_is_given_as_https_is_said(s3: S3Server, url: str) -> None:
    backend = ObjectStoreBackend(url, options={**s3.options(), "endpoint": f"https://127.0.0.1:{s3.port}"})
    with pytest.raises(
        StoreUnusableError, match="does not speak TLS; correct its port, or give it as http://"
    ):
        backend.set(TASK, "k", "1")


def test_an_endpoint_of_the_environment_is_taken_as_the_option_is(
    s3: S3Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = s3.options()
    monkeypatch.setenv("AWS_ENDPOINT_URL", given.pop("endpoint"))
    backend = ObjectStoreBackend(url, options=given)
    backend.set(TASK, "k", "1")
    assert ObjectStoreBackend(url, options=s3.options()).get(TASK, "k") == "1"


def test_a_missing_bucket_is_an_error_and_never_an_absent_key(s3: S3Server) -> None:
    backend = ObjectStoreBackend("s3://no-such-bucket/p", options=s3.options())
    with pytest.raises(StoreUnusableError, match="bucket does not exist"):
        backend.get(TASK, "k")
    with pytest.raises(StoreUnusableError, match="no such bucket"):
        backend.set(TASK, "k", "1")


def test_a_storage_key_is_created_and_never_overwritten(s3: S3Server, url: str) -> None:
    backend = ObjectStoreBackend(url, store_id="s", threshold_bytes=0, options=s3.options())
    reference = put(backend, "1")
    with pytest.raises(InvalidRequestError):
        put(backend, "2")
    with pytest.raises(InvalidRequestError):
        put(backend, LARGE)  # in parts, which the store takes without a condition
    assert backend.deserialize_task_state_from_ref(reference) == "1"


@pytest.mark.parametrize("level", [None, 3])
def test_a_large_value_goes_and_comes_in_parts(s3: S3Server, url: str, level: int | None) -> None:
    backend = ObjectStoreBackend(
        url, store_id="s", part_bytes=5 << 20, compression_level=level, options=s3.options()
    )
    reference = put(backend, LARGE)
    assert backend.deserialize_task_state_from_ref(reference, scope=TASK, storage_key=STORAGE_KEY) == LARGE
    assert put(backend, LARGE) == reference
    [found] = obstore.list(s3.store(prefix=url.rpartition("/")[2])).collect()
    parts = str(found["e_tag"]).strip('"').rpartition("-")[2]
    assert parts == ("4" if level is None else "2")  # S3 writes their number behind the digest


def test_what_one_prefix_holds_another_does_not_see(s3: S3Server, url: str) -> None:
    one = ObjectStoreBackend(url, store_id="s", threshold_bytes=0, options=s3.options())
    other = ObjectStoreBackend(f"{url}2", store_id="s", threshold_bytes=0, options=s3.options())
    reference = put(one, "1")
    one.set(TASK, "k", "1")
    assert other.get(TASK, "k") is None
    assert list(other.list_objects("s")) == []
    with pytest.raises(InvalidRequestError):
        other.deserialize_task_state_from_ref(reference)
    other.delete(TASK, STORAGE_KEY)
    other.clear(TASK)
    assert one.get(TASK, "k") == one.deserialize_task_state_from_ref(reference) == "1"


def test_the_bucket_is_named_by_the_error(s3: S3Server) -> None:
    backend = ObjectStoreBackend(f"s3://{BUCKET}/p", options={**s3.options(), "secret_access_key": "wrong"})
    with pytest.raises(StoreUnusableError, match=f"s3://{BUCKET}/p cannot be used"):
        backend.get(TASK, "k")
