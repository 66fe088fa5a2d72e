"""A copied store has an id of its own, and nothing that it had before is deleted for it."""

import pytest
from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.errors import CondemnedError, TryFinishedError
from statekeep_core._shared.state.messages import External, TryClaims
from statekeep_core.execution_api.caller import current_caller
from statekeep_core.execution_api.lifecycle import finish
from statekeep_core.metastore import disposals, objects, signing_keys, staging, store_identity, task_entries
from statekeep_core.metastore.operation import Operation
from statekeep_core.metastore.stamp import Stamp
from statekeep_core.metastore.task_entries import Expiry
from statekeep_core.metastore.transaction import Transaction
from statekeep_core.policy import Policy, Work

from core.tests.metastore.conftest import NOW_US, TASK, at

ANN = Stamp("operator:ann")
BUCKET = ("bucket",)
_LONG_SECONDS = 1_000_000


def immutable(name: str) -> External:
    return External(f"file:///{name}", *BUCKET, f"{name}~{0:026}", TASK, 10, b"d" * 32)


def in_place(name: str) -> External:
    return External(f"/files/{name}", "mine.Files", name, TASK, 10)


def put(tx: Transaction, instance_id: int, content: objects.Content, key: str = "k") -> None:
    task_entries.put(tx, instance_id, key, content, Expiry(), ANN)
    objects.settle(tx)


def due(tx: Transaction) -> list[str]:
    """What may be deleted when long enough has passed."""
    at(tx, _LONG_SECONDS)
    found = [each.external.storage_key.partition("~")[0] for each in disposals.due(tx, BUCKET, (), 100)]
    at(tx, 0)
    return found


def test_the_id_is_new_and_the_former_one_is_kept(tx: Transaction) -> None:
    first = tx.store_id()
    renewed = store_identity.renew(tx)
    assert (renewed.former_id, renewed.store_id) == (first, tx.store_id())
    assert len({first, tx.store_id(), store_identity.renew(tx).store_id}) == 3
    assert [each.store_id for each in store_identity.former_ids(tx)] == [first, renewed.store_id]


def test_what_was_queued_before_is_never_handed_out(tx: Transaction, instance_id: int) -> None:
    put(tx, instance_id, immutable("queued"))
    put(tx, instance_id, b"1")
    assert due(tx) == ["queued"]
    store_identity.renew(tx)
    assert due(tx) == []


def test_what_was_named_before_is_never_handed_out_when_it_is_replaced(
    tx: Transaction, instance_id: int
) -> None:
    put(tx, instance_id, immutable("before"))
    renewed = store_identity.renew(tx)
    assert renewed.inherited_objects == 1
    put(tx, instance_id, immutable("after"))
    assert due(tx) == []
    put(tx, instance_id, immutable("last"))
    assert due(tx) == ["after"]
    assert disposals.plain_objects_left(tx) == 0


def test_what_is_written_between_two_renewals_is_not_handed_out_either(
    tx: Transaction, instance_id: int
) -> None:
    put(tx, instance_id, immutable("first"), "first")
    store_identity.renew(tx)
    put(tx, instance_id, immutable("second"), "second")
    store_identity.renew(tx)
    assert [each.named_objects for each in store_identity.former_ids(tx)] == [1, 1]
    task_entries.clear(tx, instance_id)
    objects.settle(tx)
    assert due(tx) == []
    assert [each.named_objects for each in store_identity.former_ids(tx)] == [0, 0]


def test_what_was_replaced_may_be_named_again_unless_it_was_handed_out_before(
    tx: Transaction, instance_id: int
) -> None:
    for name in ("again", "leased"):
        put(tx, instance_id, immutable(name))
    put(tx, instance_id, b"1")
    [leased] = [row[0] for row in tx.rows("SELECT object_id FROM external_objects ORDER BY object_id")][1:]
    disposals.lease(tx, [leased])
    store_identity.renew(tx)
    put(tx, instance_id, immutable("again"))
    with pytest.raises(CondemnedError):
        put(tx, instance_id, immutable("leased"), "other")
    put(tx, instance_id, b"1")
    assert due(tx) == []


def test_an_object_of_a_plain_backend_from_before_is_not_given_to_whoever_removes_its_record(
    tx: Transaction, instance_id: int
) -> None:
    put(tx, instance_id, in_place("before"))
    store_identity.renew(tx)
    task_entries.put(tx, instance_id, "k", b"1", Expiry(), ANN)
    assert objects.take_left(tx) == ()
    objects.settle(tx)
    put(tx, instance_id, in_place("after"))
    task_entries.put(tx, instance_id, "k", b"1", Expiry(), ANN)
    assert objects.take_left(tx) == (in_place("after"),)


def test_running_tries_end_and_what_they_staged_is_dropped(
    tx: Transaction, instance_id: int, asset_id: int
) -> None:
    operation = Operation("k", "set", immutable("staged"))
    staging.stage(tx, staging.TryKey(instance_id, 1), asset_id, operation)
    claims = TryClaims(instance_id, 1)
    assert store_identity.renew(tx).ended_tries == 1
    assert tx.rows("SELECT count(*) FROM staged_operations") == [(0,)]
    assert tx.rows("SELECT status, finished_at, staged_operations, staged_bytes FROM tries") == [
        ("superseded", NOW_US, 0, 0)
    ]
    with pytest.raises(TryFinishedError, match="restored or copied"):
        current_caller(tx, claims)
    with pytest.raises(TryFinishedError):
        finish(Work(tx, Policy()), claims, m.Finish(succeeded=True))
    assert due(tx) == []


def test_task_tokens_of_the_original_open_nothing(tx: Transaction) -> None:
    signing_keys.add(tx, "original", b"s" * 32)
    store_identity.renew(tx)
    [key] = signing_keys.every(tx)
    assert (key.key_id != "original", key.secret != b"s" * 32, len(key.secret)) == (True, True, 32)


def test_a_store_that_was_never_served_gets_no_signing_key(tx: Transaction) -> None:
    store_identity.renew(tx)
    assert signing_keys.every(tx) == []
