"""Objects of worker-side backends: known, counted, and due when nothing names them."""

import pytest
from statekeep_core._shared.state.errors import CondemnedError, InvalidRequestError
from statekeep_core._shared.state.messages import AssetAddress, External, TaskAddress
from statekeep_core.metastore import objects, task_entries
from statekeep_core.metastore.stamp import Stamp
from statekeep_core.metastore.task_entries import Expiry, Tenure
from statekeep_core.metastore.transaction import Transaction

from core.tests.metastore.conftest import NOW_US, TASK

ANN = Stamp("operator:ann")
OBJECT = External("file:///bucket/k", "bucket", "k~" + "a" * 26, TASK, 100_000, b"d" * 32)
OTHER = OBJECT._replace(reference="file:///bucket/other", storage_key="k~" + "b" * 26)
IN_PLACE = External("/files/k", "mine.Files", "k", TASK, 100_000)


def put(tx: Transaction, instance_id: int, content: objects.Content, key: str = "k") -> None:
    task_entries.put(tx, instance_id, key, content, Expiry(), ANN)


def rows(tx: Transaction) -> dict[str, tuple[int, int | None]]:
    """Return how many records name each object, and when it is due."""
    return {
        row[0]: (row[1], row[2]) for row in tx.rows("SELECT reference, records, due_at FROM external_objects")
    }


@pytest.mark.parametrize(
    "origin", [TASK, TaskAddress("a", "b", "c", 3), AssetAddress("n"), AssetAddress(None, "u")]
)
def test_an_object_comes_back_as_it_was_named(
    tx: Transaction, instance_id: int, origin: TaskAddress | AssetAddress
) -> None:
    external = OBJECT._replace(origin=origin)
    put(tx, instance_id, external)
    entry = task_entries.get(tx, Tenure(instance_id, TASK), "k")
    assert entry is not None
    assert (entry.value, entry.external, entry.size_bytes) == (b"", external, 100_000)


def test_an_object_falls_due_five_minutes_after_its_last_name_is_gone(
    tx: Transaction, instance_id: int
) -> None:
    put(tx, instance_id, OBJECT)
    put(tx, instance_id, OBJECT, "copy")
    assert rows(tx) == {OBJECT.reference: (2, None)}
    put(tx, instance_id, b"1")
    objects.settle(tx)
    assert rows(tx) == {OBJECT.reference: (1, None)}
    task_entries.clear(tx, instance_id)
    objects.settle(tx)
    assert rows(tx) == {OBJECT.reference: (0, NOW_US + 300_000_000)}


def test_an_overwrite_names_the_new_object_and_lets_go_of_the_old_one(
    tx: Transaction, instance_id: int
) -> None:
    put(tx, instance_id, OBJECT)
    put(tx, instance_id, OTHER)
    objects.settle(tx)
    assert rows(tx) == {OBJECT.reference: (0, NOW_US + 300_000_000), OTHER.reference: (1, None)}


def test_an_object_that_is_named_again_before_it_was_leased_is_not_due(
    tx: Transaction, instance_id: int
) -> None:
    put(tx, instance_id, OBJECT)
    put(tx, instance_id, b"1")
    objects.settle(tx)
    put(tx, instance_id, OBJECT)
    assert rows(tx) == {OBJECT.reference: (1, None)}


def test_writing_the_same_object_again_changes_no_count(tx: Transaction, instance_id: int) -> None:
    put(tx, instance_id, OBJECT)
    put(tx, instance_id, OBJECT)
    objects.settle(tx)
    assert rows(tx) == {OBJECT.reference: (1, None)}


def test_an_object_that_was_added_and_never_named_is_due(tx: Transaction) -> None:
    objects.number_of(tx, OBJECT)
    objects.settle(tx)
    assert rows(tx) == {OBJECT.reference: (0, NOW_US + 300_000_000)}


def test_a_condemned_storage_key_is_not_named(tx: Transaction, instance_id: int) -> None:
    tx.run("INSERT INTO condemned_objects VALUES (?, 1)", (OBJECT.storage_key,))
    with pytest.raises(CondemnedError, match="upload the value again"):
        put(tx, instance_id, OBJECT)
    put(tx, instance_id, OTHER)


def test_an_object_that_was_leased_for_deletion_is_not_named_again(tx: Transaction, instance_id: int) -> None:
    put(tx, instance_id, OBJECT)
    put(tx, instance_id, b"1")
    tx.run("UPDATE external_objects SET leased_until = 1")
    with pytest.raises(CondemnedError):
        put(tx, instance_id, OBJECT)


@pytest.mark.parametrize(
    "other",
    [
        OBJECT._replace(reference="elsewhere"),
        OBJECT._replace(backend_id="another"),
        OBJECT._replace(digest=b"e" * 32),
        OBJECT._replace(size_bytes=1),
        OBJECT._replace(origin=AssetAddress("n")),
    ],
)
def test_a_storage_key_is_one_objects_only(tx: Transaction, instance_id: int, other: External) -> None:
    put(tx, instance_id, OBJECT)
    with pytest.raises(InvalidRequestError, match="is that of another object"):
        put(tx, instance_id, other, "other")


def test_an_object_in_place_is_one_row_whatever_is_written_over_it(tx: Transaction, instance_id: int) -> None:
    put(tx, instance_id, IN_PLACE)
    put(tx, instance_id, IN_PLACE._replace(size_bytes=7))
    assert rows(tx) == {IN_PLACE.reference: (1, None)}
    entry = task_entries.get(tx, Tenure(instance_id, TASK), "k")
    assert entry is not None
    assert entry.size_bytes == 7


def test_what_is_left_in_place_is_told_once(tx: Transaction, instance_id: int) -> None:
    put(tx, instance_id, IN_PLACE)
    put(tx, instance_id, OBJECT, "immutable")
    assert objects.take_left(tx) == ()
    task_entries.clear(tx, instance_id)
    assert objects.take_left(tx) == (IN_PLACE,)
    assert objects.take_left(tx) == ()
    assert list(rows(tx)) == [OBJECT.reference]
