"""The whole contract over local files and over memory; the S3 server's turn is in the tests at the root."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import obstore
import pytest
from backends.object_store_backends import ObjectStoreConformance
from backends.stored_object import GENERATION, ORDERS, task
from statekeep import AssetScope, StateScope, TaskScope
from statekeep.backends import ObjectStoreBackend
from statekeep.backends.object_store.layout import Origin, object_path
from statekeep.errors import (
    InvalidRequestError,
    ReferenceCorruptError,
    ReferenceMissingError,
    StoreUnusableError,
)

TASK = task()
STORAGE_KEY = f"k~{GENERATION}"


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


@pytest.fixture
def local(tmp_path: Path) -> ObjectStoreBackend:
    return ObjectStoreBackend(f"file://{tmp_path}", store_id="s", threshold_bytes=0)


def put(backend: ObjectStoreBackend, value: str, scope: StateScope = TASK, key: str = STORAGE_KEY) -> str:
    if isinstance(scope, TaskScope):
        return backend.serialize_task_state_to_ref(
            value=value, key=key, ti_id=scope.ti_id, scope=scope, storage_key=key
        )
    return backend.serialize_asset_state_to_ref(
        value=value, key=key, asset_ref="orders", scope=scope, storage_key=key
    )


def take(
    backend: ObjectStoreBackend, reference: str, scope: StateScope = TASK, key: str = STORAGE_KEY
) -> str:
    return backend.deserialize_task_state_from_ref(reference, scope=scope, storage_key=key)


@pytest.mark.parametrize(
    ("value", "stays"), [('"123456"', True), ('"1234567"', False), ('"ééé"', True), ('"éééé"', False)]
)
def test_values_below_the_threshold_stay_inline_by_their_bytes(
    local: ObjectStoreBackend, value: str, stays: bool
) -> None:
    local.threshold_bytes = 9
    assert (put(local, value) == value) is stays


def test_writing_a_storage_key_again_with_the_same_value_is_no_fault(local: ObjectStoreBackend) -> None:
    assert put(local, '"v"') == put(local, '"v"')


def test_another_value_under_a_storage_key_is_refused_and_changes_nothing(local: ObjectStoreBackend) -> None:
    reference = put(local, '"first"')
    with pytest.raises(InvalidRequestError, match="draw a new generation"):
        put(local, '"second"')
    assert take(local, reference) == '"first"'


def test_deleting_a_storage_key_takes_the_object_and_a_users_key_that_looks_alike_takes_none(
    local: ObjectStoreBackend,
) -> None:
    reference = put(local, "1")
    local.delete(TASK, "k")
    local.clear(TASK)
    assert take(local, reference) == "1"
    local.delete(TASK, STORAGE_KEY)
    with pytest.raises(ReferenceMissingError, match="load") as caught:
        take(local, reference)
    assert reference in str(caught.value)


def test_many_objects_are_deleted_at_once_and_absent_ones_are_no_error(local: ObjectStoreBackend) -> None:
    keys = [f"{number}~{GENERATION}" for number in range(5)]
    for key in keys[:4]:
        put(local, "1", key=key)
    local.delete_objects([(TASK, key) for key in keys])
    assert list(local.list_objects("s")) == []


def test_objects_of_the_longest_names_are_listed_with_their_origin(local: ObjectStoreBackend) -> None:
    origins: list[tuple[StateScope, str]] = [
        (TaskScope("\U0001f600" * 250, "é" * 250, "x" * 250, 3), "\U0001f600" * 512 + f"~{GENERATION}"),
        (AssetScope(uri="s3://" + "é" * 1000), STORAGE_KEY),
        (ORDERS, STORAGE_KEY),
    ]
    for scope, key in origins:
        put(local, '"v"', scope, key)
    listed = {(scope, key) for scope, key, *_ in local.list_objects("s")}
    assert listed == set(origins)


def test_files_of_others_are_not_listed_and_a_damaged_object_is_an_error(
    local: ObjectStoreBackend, tmp_path: Path
) -> None:
    put(local, "1")
    (tmp_path / "s/task/.DS_Store").touch()
    (tmp_path / "s/readme.txt").touch()
    assert len(list(local.list_objects("s"))) == 1
    path = object_path("s", Origin(TASK, "x" * 300 + f"~{GENERATION}"))
    (tmp_path / path).write_bytes(b"nothing of ours")
    with pytest.raises(ReferenceCorruptError):
        list(local.list_objects("s"))


@pytest.mark.parametrize("data", [b"", b"torn", None], ids=["empty", "torn", "another key's"])
def test_an_object_that_was_changed_is_corrupt_and_never_a_value(
    local: ObjectStoreBackend, tmp_path: Path, data: bytes | None
) -> None:
    reference = put(local, "1")
    other = put(local, "2", key=f"other~{GENERATION}")
    file, other_file = (Path(one.removeprefix("file://")) for one in (reference, other))
    file.write_bytes(other_file.read_bytes() if data is None else data)
    with pytest.raises(ReferenceCorruptError):
        take(local, reference)


def test_old_objects_are_read_after_compression_and_threshold_have_changed(
    local: ObjectStoreBackend, tmp_path: Path
) -> None:
    value = '"' + "x" * 10_000 + '"'
    reference = put(local, value)
    later = ObjectStoreBackend(f"file://{tmp_path}", store_id="s2", compression_level=None)
    assert take(later, reference) == value
    assert later.backend_id == local.backend_id


def test_backends_that_cannot_read_each_others_references_have_different_ids(tmp_path: Path) -> None:
    ids = [
        ObjectStoreBackend(url, options=options).backend_id
        for url, options in (
            ("s3://bucket/a", {}),
            ("s3://bucket/b", {}),
            ("s3://bucket/a", {"endpoint": "http://127.0.0.1:9000"}),
            ("gs://bucket/a", {}),
            (f"file://{tmp_path}", {}),
            ("memory://", {}),
            ("memory://", {}),
        )
    ]
    assert len(set(ids)) == len(ids)
    assert ObjectStoreBackend("s3://bucket/a/").backend_id == ids[0]
    assert ObjectStoreBackend("s3://moved", backend_id=ids[0]).backend_id == ids[0]


def test_a_backend_says_where_its_objects_lie(tmp_path: Path) -> None:
    assert ObjectStoreBackend(f"file://{tmp_path}/").place == f"file://{tmp_path}"
    assert ObjectStoreBackend("memory://").place == "memory://"
    assert ObjectStoreBackend("s3://bucket/a").place == "s3://bucket/a"
    moved = ObjectStoreBackend("s3://bucket/a", backend_id="x", options={"endpoint": "http://127.0.0.1:9000"})
    assert moved.place == "s3://bucket/a at http://127.0.0.1:9000"


def test_the_async_hooks_do_what_the_blocking_ones_do(local: ObjectStoreBackend) -> None:
    async def there_and_back() -> list[str]:
        names = [f"{number}~{GENERATION}" for number in range(8)]
        references = await asyncio.gather(
            *(
                local.aserialize_task_state_to_ref(
                    value=f'"{name}"', key=name, ti_id=TASK.ti_id, scope=TASK, storage_key=name
                )
                for name in names
            )
        )
        return list(
            await asyncio.gather(
                *(
                    local.adeserialize_task_state_from_ref(reference, scope=TASK, storage_key=name)
                    for reference, name in zip(references, names, strict=True)
                )
            )
        )

    assert asyncio.run(there_and_back()) == [f'"{number}~{GENERATION}"' for number in range(8)]


def test_the_async_hooks_of_assets_and_the_async_bulk_delete_do_too(local: ObjectStoreBackend) -> None:
    async def there_back_and_gone() -> str:
        reference = await local.aserialize_asset_state_to_ref(
            value='"v"', key=STORAGE_KEY, asset_ref="orders", scope=ORDERS, storage_key=STORAGE_KEY
        )
        value = await local.adeserialize_asset_state_from_ref(
            reference, scope=ORDERS, storage_key=STORAGE_KEY
        )
        await local.adelete_objects([(ORDERS, STORAGE_KEY)])
        return value

    assert asyncio.run(there_back_and_gone()) == '"v"'
    assert list(local.list_objects("s")) == []


def test_hooks_without_an_origin_or_a_store_id_write_nothing(tmp_path: Path) -> None:
    backend = ObjectStoreBackend(f"file://{tmp_path}", threshold_bytes=0)
    with pytest.raises(TypeError, match="scope and storage_key"):
        backend.serialize_task_state_to_ref(value="1", key="k", ti_id=TASK.ti_id)
    for operation in (lambda: put(backend, "1"), lambda: backend.delete(TASK, STORAGE_KEY)):
        with pytest.raises(StoreUnusableError, match="no store id"):
            operation()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [{"part_bytes": 1}, {"parallel_parts": 0}, {"options": {"region": "x"}}, {"store_id": "a/b"}],
)
def test_arguments_that_cannot_be_are_refused(tmp_path: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        ObjectStoreBackend(f"file://{tmp_path}", **arguments)


def test_importing_the_backends_loads_no_client_library() -> None:
    code = (
        "import sys, statekeep.backends; print({'obstore', 'asyncio', 'backports.zstd'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
