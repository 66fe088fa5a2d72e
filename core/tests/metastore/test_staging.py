"""Staged operations in the tables: folded, counted, applied in order, dropped."""

from collections.abc import Sequence
from typing import Any

import pytest
from statekeep_core._shared.state.errors import AssetInactiveError, ConflictError
from statekeep_core._shared.state.messages import AssetAddress, Writer
from statekeep_core.metastore import asset_entries, assets, staging
from statekeep_core.metastore.asset_entries import Ledger
from statekeep_core.metastore.key_range import KeyRange
from statekeep_core.metastore.operation import Operation
from statekeep_core.metastore.staging import TryKey
from statekeep_core.metastore.stamp import Stamp
from statekeep_core.metastore.transaction import Transaction

from core.tests.metastore.conftest import history

WRITER = Writer("try:ti-1:1")


@pytest.fixture
def of_try(instance_id: int) -> TryKey:
    return TryKey(instance_id, 1)


def kinds(tx: Transaction) -> list[tuple[object, ...]]:
    return tx.rows("SELECT key, operation, value FROM staged_operations ORDER BY position")


def counters(tx: Transaction) -> tuple[object, ...] | None:
    return tx.row("SELECT staged_operations, staged_bytes FROM tries")


def apply(tx: Transaction, of_try: TryKey) -> int:
    return staging.apply(tx, *of_try, WRITER, 20)


def test_operations_are_folded_into_the_last_of_their_key(
    tx: Transaction, of_try: TryKey, asset_id: int
) -> None:
    for operation in (
        Operation("a", "increment", b"1"),
        Operation("b", "set", b"1"),
        Operation("a", "increment", b"2"),
        Operation("b", "increment", b"4"),
    ):
        staging.stage(tx, of_try, asset_id, operation)
    assert kinds(tx) == [("a", "increment", b"3"), ("b", "set", b"5")]
    assert counters(tx) == (4, 8)


def test_nothing_is_folded_across_a_clear_or_an_asset(tx: Transaction, of_try: TryKey, asset_id: int) -> None:
    other = assets.declare(tx, AssetAddress("other"), new_asset=False).asset_id
    staging.stage(tx, of_try, asset_id, Operation("a", "set", b"1"))
    staging.stage(tx, of_try, other, Operation("a", "set", b"2"))
    staging.stage(tx, of_try, asset_id, Operation(None, "clear"))
    staging.stage(tx, of_try, asset_id, Operation("a", "set", b"3"))
    assert [row[2] for row in kinds(tx)] == [b"1", b"2", None, b"3"]


def test_a_condition_is_kept_apart_from_what_went_before(
    tx: Transaction, of_try: TryKey, asset_id: int
) -> None:
    staging.stage(tx, of_try, asset_id, Operation("a", "set_max", b"1"))
    staging.stage(tx, of_try, asset_id, Operation("a", "set", b"2", if_version=1))
    assert len(kinds(tx)) == 2
    with pytest.raises(ConflictError):
        apply(tx, of_try)


def test_applying_counts_what_was_asked_and_leaves_one_version_per_key(
    tx: Transaction, of_try: TryKey, asset_id: int
) -> None:
    for key in ("a", "b", "a", "a"):
        staging.stage(tx, of_try, asset_id, Operation(key, "increment", b"0.5"))
    assert apply(tx, of_try) == 4
    found = {key: asset_entries.get(tx, asset_id, key) for key in ("a", "b")}
    assert {key: entry and entry.value for key, entry in found.items()} == {"a": b"1.5", "b": b"0.5"}
    assert [change.key for change in history(tx, asset_id, None)] == ["b", "a"]


def test_a_page_reads_no_entries_that_staged_ones_hide(
    tx: Transaction, of_try: TryKey, asset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A try may stage ten thousand keys, and each entry that they hide may be as large as any."""
    keys = [f"{number:03}" for number in range(100)]
    for key in keys:
        asset_entries.put(tx, Ledger(asset_id, Stamp("operator:ann"), 0), key, b"1", None)
    for key in keys[:90]:
        staging.stage(tx, of_try, asset_id, Operation(key, "delete"))
    read, rows = list[int](), tx.rows

    def counted(sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        found = rows(sql, parameters)
        read.append(len(found) if "FROM asset_entries" in sql else 0)
        return found

    monkeypatch.setattr(tx, "rows", counted)
    page = staging.page(tx, of_try, asset_id, KeyRange(after="001"), 4, with_values=True)
    assert [entry.key for entry in page] == keys[90:94]
    assert max(read) == 4


def test_what_is_set_or_deleted_is_seen_without_a_look_at_what_stands(
    tx: Transaction, of_try: TryKey, asset_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in "abcd":
        asset_entries.put(tx, Ledger(asset_id, Stamp("operator:ann"), 0), key, b"1", None)
    for operation in (
        Operation("a", "delete"),
        Operation("b", "increment", b"1"),
        Operation("b", "set", b"5", if_version=1),
        Operation("b", "increment", b"2"),
        Operation("c", "increment", b"1"),
        Operation("x", "delete"),
    ):
        staging.stage(tx, of_try, asset_id, operation)
    looks, row = list[str](), tx.row

    def watched(sql: str, parameters: Sequence[Any] = ()) -> Any:
        looks.append(sql)
        return row(sql, parameters)

    monkeypatch.setattr(tx, "row", watched)
    page = staging.page(tx, of_try, asset_id, KeyRange(), 9, with_values=True)
    assert [(each.key, each.value, each.is_relative) for each in page] == [
        ("b", b"7", False),
        ("c", b"2", True),
        ("d", b"1", False),
    ]
    assert len(looks) == 1


def test_one_inactive_asset_stops_them_all(tx: Transaction, of_try: TryKey, asset_id: int) -> None:
    other = assets.declare(tx, AssetAddress("other"), new_asset=False).asset_id
    staging.stage(tx, of_try, other, Operation("a", "set", b"1"))
    staging.stage(tx, of_try, asset_id, Operation("a", "set", b"1"))
    assets.deactivate(tx, other)
    with pytest.raises(AssetInactiveError, match="other"), tx.savepoint():
        apply(tx, of_try)
    assert asset_entries.get(tx, asset_id, "a") is None


def test_a_clear_takes_what_others_wrote_before_the_try_finished(
    tx: Transaction, of_try: TryKey, asset_id: int
) -> None:
    staging.stage(tx, of_try, asset_id, Operation(None, "clear"))
    staging.stage(tx, of_try, asset_id, Operation("mine", "set", b"1"))
    asset_entries.put(tx, Ledger(asset_id, Stamp("operator:ann"), 20), "theirs", b"1", None)
    apply(tx, of_try)
    assert asset_entries.keys(tx, asset_id) == ["mine"]
    changes = history(tx, asset_id, "theirs")
    assert [(change.change, change.writer and change.writer.principal) for change in changes] == [
        ("clear", "try:ti-1:1"),
        ("set", "operator:ann"),
    ]


def test_dropping_forgets_operations_and_counters(tx: Transaction, of_try: TryKey, asset_id: int) -> None:
    staging.stage(tx, of_try, asset_id, Operation("a", "set", b"1"))
    assert staging.has_any(tx, of_try, asset_id)
    staging.drop(tx, *of_try)
    assert not staging.has_any(tx, of_try, asset_id)
    assert counters(tx) == (0, 0)
    assert apply(tx, of_try) == 0


@pytest.mark.parametrize(
    ("staged", "asked", "expected"),
    [
        (Operation("a", "set", b"1"), "a", True),
        (Operation("a", "set", b"1"), "b", False),
        (Operation("a", "set", b"1"), None, True),
        (Operation(None, "clear"), "b", True),
        (Operation(None, "clear"), None, True),
    ],
)
def test_a_key_is_taken_by_its_own_operations_and_by_a_clear(
    tx: Transaction, of_try: TryKey, asset_id: int, staged: Operation, asked: str | None, expected: bool
) -> None:
    staging.stage(tx, of_try, asset_id, staged)
    assert staging.has_any(tx, of_try, asset_id, asked) is expected
    assert not staging.has_any(tx, of_try._replace(try_number=2), asset_id, asked)
    assert not staging.has_any(tx, of_try, asset_id + 1, asked)
