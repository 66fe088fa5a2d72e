"""Finding what nothing needs any more costs by what is found, not by what is kept."""

import pytest
from statekeep_core._shared.state.messages import AssetAddress, TaskAddress
from statekeep_core.metastore import asset_entries, assets, leftovers, task_entries, tries
from statekeep_core.metastore.asset_entries import Ledger
from statekeep_core.metastore.stamp import Stamp
from statekeep_core.metastore.task_entries import Expiry
from statekeep_core.metastore.transaction import Transaction

from core.tests.metastore.conftest import NOW_US, at, history

STAMP = Stamp("operator:ann")
BEGINNING = (-1, -1)


def add_instance(tx: Transaction, number: int, entries: int) -> int:
    record = tries.create_instance(tx, TaskAddress("d", "r", "t", number))
    for entry in range(entries):
        task_entries.put(tx, record.instance_id, f"{entry}", b"1", Expiry(by_default=True), STAMP)
    return record.instance_id


def test_instances_are_found_by_their_entries(tx: Transaction) -> None:
    counts = (3, 0, 1, 0, 50, 2)
    ids = [add_instance(tx, number, entries) for number, entries in enumerate(counts)]
    with_entries = [instance_id for instance_id, entries in zip(ids, counts, strict=True) if entries]
    found = leftovers.holders(tx, -1, 100)
    assert [holder.instance.instance_id for holder in found] == with_entries
    assert found[0].instance.task == TaskAddress("d", "r", "t", 0)
    assert leftovers.holders(tx, -1, 2) == found[:2]
    assert leftovers.holders(tx, with_entries[1], 2) == found[1:3]
    assert leftovers.holders(tx, with_entries[-1] + 1, 2) == []


def test_an_instance_is_in_use_while_its_current_try_has_a_lease(tx: Transaction) -> None:
    instance_id = add_instance(tx, 1, 1)
    seen = []
    for try_number, lease_us, status in ((1, 10, ""), (2, 0, ""), (3, 10, "failed")):
        tries.begin(tx, instance_id, try_number, "host:1", lease_us)
        if status:
            tries.end(tx, instance_id, try_number, status=status)
        seen += [holder.is_running for holder in leftovers.holders(tx, -1, 1)]
    assert seen == [True, False, False]


def test_expired_entries_of_many_instances_go_together(tx: Transaction) -> None:
    key = 'k"\u00e9\U0001f600\\'
    ids = [add_instance(tx, number, 1) for number in range(3)]
    for instance_id in ids[:2]:
        task_entries.put(tx, instance_id, key, b"1", Expiry(NOW_US - instance_id), STAMP)
    found = leftovers.expired_task_entries(tx, (-1, -1, ""), 10)
    assert found == [(NOW_US - ids[1], ids[1], key), (NOW_US - ids[0], ids[0], key)]
    leftovers.drop_expired_task_entries(tx, found)
    leftovers.drop_expired_task_entries(tx, [])
    assert tx.rows("SELECT instance_id, key FROM task_entries ORDER BY instance_id") == [
        (instance_id, "0") for instance_id in ids
    ]


def test_entries_by_default_are_walked_once_those_that_stay_included(tx: Transaction) -> None:
    instance_id = add_instance(tx, 1, 3)
    task_entries.put(tx, instance_id, "1 never", b"1", Expiry(), STAMP)
    at(tx, 1)
    task_entries.put(tx, instance_id, "1 younger", b"1", Expiry(by_default=True), STAMP)
    first = leftovers.entries_by_default(tx, instance_id, NOW_US, "", 3)
    assert first == [("0", 1), ("1", 1), ("1 never", 0)]
    rest = leftovers.entries_by_default(tx, instance_id, NOW_US, "1 never", 3)
    assert rest == [("1 younger", 0), ("2", 1)]
    leftovers.drop_task_entries(tx, instance_id, [key for key, is_gone in first + rest if is_gone])
    assert tx.rows("SELECT key FROM task_entries ORDER BY key") == [("1 never",), ("1 younger",)]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_an_orphan_goes_in_steps_of_the_limit(tx: Transaction, asset_id: int, limit: int) -> None:
    ledger = Ledger(asset_id, STAMP, 20)
    for key in ("a", "b", "c"):
        for value in (b"1", b"2"):
            asset_entries.put(tx, ledger, key, value, None)
    other = assets.declare(tx, AssetAddress("other"), new_asset=False).asset_id
    asset_entries.put(tx, ledger._replace(asset_id=other), "a", b"1", None)
    assets.deactivate(tx, asset_id)
    removed = 0
    for _ in range(20):
        if leftovers.oldest_orphan(tx, NOW_US, BEGINNING) is None:
            break
        entries, rows = leftovers.drop_orphan(tx, asset_id, limit, 20)
        assert rows <= limit
        removed += entries
    assert removed == 3
    assert [change.change for change in history(tx, asset_id, None)] == ["sweep"] * 3
    assert asset_entries.keys(tx, other) == ["a"]


def test_the_orphan_that_was_deactivated_first_comes_first(tx: Transaction) -> None:
    first, second = (
        assets.declare(tx, AssetAddress(name), new_asset=False).asset_id for name in ("first", "second")
    )
    assets.deactivate(tx, second)
    at(tx, 1)
    assets.deactivate(tx, first)
    assert leftovers.oldest_orphan(tx, NOW_US - 1, BEGINNING) is None
    assert leftovers.oldest_orphan(tx, NOW_US, BEGINNING) == (NOW_US, second)
    assert leftovers.oldest_orphan(tx, NOW_US + 1_000_000, BEGINNING) == (NOW_US, second)
    following = (NOW_US, second + 1)
    assert leftovers.oldest_orphan(tx, NOW_US, following) is None
    assert leftovers.oldest_orphan(tx, NOW_US + 1_000_000, following) == (NOW_US + 1_000_000, first)
