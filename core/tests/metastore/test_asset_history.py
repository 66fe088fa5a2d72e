"""The newest changes of each key, with who made them."""

import pytest
from statekeep_core._shared.state.messages import Change, Writer
from statekeep_core.metastore import asset_history
from statekeep_core.metastore.stamp import SWEEP, Stamp
from statekeep_core.metastore.transaction import Transaction

from core.tests.metastore.conftest import NOW_US, TASK, at, history


def add(tx: Transaction, asset_id: int, key: str, value: bytes | None, stamp: Stamp, keep: int = 20) -> int:
    version = tx.draw_version()
    change = "delete" if value is None else "set"
    asset_history.add(tx, asset_id, key, version, change, value, stamp, keep)
    return version


def test_changes_come_newest_first_with_their_writers(
    tx: Transaction, instance_id: int, asset_id: int
) -> None:
    first = add(tx, asset_id, "k", b"1", Stamp("try:ti-1:1", instance_id, 1))
    at(tx, 1)
    second = add(tx, asset_id, "other", None, SWEEP)
    changes = history(tx, asset_id, None)
    assert changes == (
        Change("other", second, "delete", NOW_US + 1_000_000, None, Writer("sweep")),
        Change("k", first, "set", NOW_US, b"1", Writer("try:ti-1:1", TASK, 1)),
    )
    assert history(tx, asset_id, "k") == changes[1:]
    assert history(tx, asset_id, None)[:1] == changes[:1]


@pytest.mark.parametrize("keep", [1, 2, 5])
def test_each_key_keeps_its_newest(tx: Transaction, asset_id: int, keep: int) -> None:
    quiet = add(tx, asset_id, "quiet", b"1", SWEEP, keep)
    versions = [add(tx, asset_id, "busy", b"1", SWEEP, keep) for _ in range(6)]
    kept = [change.version for change in history(tx, asset_id, "busy")]
    assert kept == versions[::-1][:keep]
    assert [change.version for change in history(tx, asset_id, "quiet")] == [quiet]


def test_fewer_versions_are_kept_from_the_next_change_on(tx: Transaction, asset_id: int) -> None:
    for _ in range(6):
        add(tx, asset_id, "k", b"1", SWEEP, 20)
    add(tx, asset_id, "k", b"1", SWEEP, 2)
    assert len(history(tx, asset_id, "k")) == 2


def test_a_kept_value_is_found_by_its_version(tx: Transaction, asset_id: int) -> None:
    written, deleted = (add(tx, asset_id, "k", value, SWEEP) for value in (b"0", None))
    assert asset_history.content_at(tx, asset_id, "k", written) == ("set", b"0")
    assert asset_history.content_at(tx, asset_id, "k", deleted) == ("delete", None)
    assert asset_history.content_at(tx, asset_id, "other", written) is None


def test_sizes_are_those_of_the_values_and_references_of_a_span(tx: Transaction, asset_id: int) -> None:
    first, second, third = (add(tx, asset_id, "k", value, SWEEP) for value in (b"1", b"1" * 100, None))
    sizes = [(third, 0), (second, 100), (first, 1)]
    assert asset_history.sizes(tx, asset_history.Span(asset_id, None, third + 1), 10) == sizes
    assert asset_history.sizes(tx, asset_history.Span(asset_id, "k", third), 10) == sizes[1:]
    assert asset_history.sizes(tx, asset_history.Span(asset_id, "k", third + 1), 1) == sizes[:1]
    assert asset_history.sizes(tx, asset_history.Span(asset_id, "other", third + 1), 10) == []
    [change] = asset_history.since(tx, asset_history.Span(asset_id, "k", third), second)
    assert change.version == second
