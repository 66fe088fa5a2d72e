"""How long entries are kept for which no retention was asked, and what an upsert leaves of a row."""

import pytest
from statekeep_core.metastore import task_entries
from statekeep_core.metastore.stamp import Stamp
from statekeep_core.metastore.task_entries import Expiry, Tenure
from statekeep_core.metastore.transaction import Transaction

from core.tests.metastore.conftest import NOW_US, TASK, at

STAMP = Stamp("try:1:1", 1, 1)


@pytest.mark.parametrize("updated_at", [0, 99, 100, 101, 500])
@pytest.mark.parametrize("counts_from_at", [0, 100, 300])
@pytest.mark.parametrize("now_us", [50, 109, 110, 111, 310, 509, 510])
def test_what_is_told_and_what_is_gone_agree(updated_at: int, counts_from_at: int, now_us: int) -> None:
    tenure = Tenure(1, TASK, counts_from_at, default_retention_us=10)
    expires_at = tenure.expires_at(updated_at)
    assert expires_at is not None
    if updated_at <= now_us:  # nothing is written later than now
        assert (updated_at <= tenure.gone_until(now_us)) == (expires_at <= now_us)


def test_nothing_goes_by_a_default_that_is_none() -> None:
    tenure = Tenure(1, TASK)
    assert tenure.expires_at(0) is None
    assert tenure.gone_until(2**62) < 0


def test_a_write_takes_the_place_of_the_whole_row(tx: Transaction, instance_id: int) -> None:
    tenure = Tenure(instance_id, TASK)
    task_entries.put(tx, instance_id, "k", b"1", Expiry(NOW_US + 5_000_000), STAMP)
    at(tx, 1)
    version = task_entries.put(tx, instance_id, "k", b"22", Expiry(by_default=True), Stamp("operator:ann"))
    entry = task_entries.get(tx, tenure, "k")
    assert entry is not None
    assert entry[:6] == ("k", b"22", version, 2, NOW_US + 1_000_000, None)
    assert entry.writer is not None
    assert (entry.writer.principal, entry.writer.task) == ("operator:ann", None)
    at(tx, 10)
    assert task_entries.get(tx, tenure, "k") == entry


def test_expired_entries_are_dropped(tx: Transaction, instance_id: int) -> None:
    tenure = Tenure(instance_id, TASK, NOW_US, default_retention_us=5_000_000)
    for number in range(4):
        task_entries.put(tx, instance_id, f"default {number}", b"1", Expiry(by_default=True), STAMP)
        task_entries.put(tx, instance_id, f"own {number}", b"1", Expiry(NOW_US + 6_000_000), STAMP)
    task_entries.put(tx, instance_id, "kept", b"1", Expiry(), STAMP)
    assert task_entries.drop_expired(tx, tenure) == 0
    at(tx, 5)
    assert task_entries.drop_expired(tx, tenure) == 4
    at(tx, 6)
    assert task_entries.drop_expired(tx, tenure) == 4
    assert task_entries.count(tx, tenure) == 1
