"""The entries of assets: each change under a version of its own, expired ones unseen."""

import pytest
from statekeep_core._shared.state.messages import Entry, Writer
from statekeep_core.metastore import asset_entries
from statekeep_core.metastore.asset_entries import Ledger
from statekeep_core.metastore.key_range import KeyRange
from statekeep_core.metastore.stamp import Stamp
from statekeep_core.metastore.transaction import Transaction

from core.tests.metastore.conftest import NOW_US, TASK, at, history


@pytest.fixture
def ledger(instance_id: int, asset_id: int) -> Ledger:
    return Ledger(asset_id, Stamp("try:ti-1:1", instance_id, 1), 20)


def test_a_write_takes_the_place_of_the_whole_row(tx: Transaction, ledger: Ledger) -> None:
    asset_entries.put(tx, ledger, "k", b"1", NOW_US + 5_000_000)
    by_hand = ledger._replace(stamp=Stamp("operator:ann"))
    version = asset_entries.put(tx, by_hand, "k", b"22", None, "rewind")
    at(tx, 10)
    entry = asset_entries.get(tx, ledger.asset_id, "k")
    assert entry == Entry("k", b"22", version, 2, NOW_US, None, Writer("operator:ann"))
    assert [change.change for change in history(tx, ledger.asset_id, "k")] == [
        "rewind",
        "set",
    ]


def test_an_expired_entry_is_seen_by_nothing(tx: Transaction, ledger: Ledger) -> None:
    for key, expires_at in (("gone", NOW_US + 1_000_000), ("kept", NOW_US + 1_000_001)):
        asset_entries.put(tx, ledger, key, b"1", expires_at)
    at(tx, 1)
    assert asset_entries.get(tx, ledger.asset_id, "gone") is None
    assert asset_entries.keys(tx, ledger.asset_id) == ["kept"]
    assert asset_entries.count(tx, ledger.asset_id) == 1
    page = asset_entries.page(tx, ledger.asset_id, KeyRange(), 10, with_values=True)
    assert [(entry.key, entry.writer) for entry in page] == [("kept", Writer("try:ti-1:1", TASK, 1))]


def test_a_removal_has_a_version_of_its_own(tx: Transaction, ledger: Ledger) -> None:
    written = asset_entries.put(tx, ledger, "k", b"1", None)
    asset_entries.remove(tx, ledger, "k", "clear")
    again = asset_entries.put(tx, ledger, "k", b"1", None)
    versions = [change.version for change in history(tx, ledger.asset_id, "k")]
    assert versions == [again, written + 1, written]
