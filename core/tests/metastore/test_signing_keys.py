"""Signing keys: the newest signs, and is never removed."""

from __future__ import annotations

from statekeep_core.metastore import signing_keys
from statekeep_core.metastore.transaction import Transaction

from core.tests.metastore.conftest import NOW_US, at

SECOND_US = 1_000_000


def test_the_newest_comes_first(tx: Transaction) -> None:
    signing_keys.add(tx, "old", b"1")
    at(tx, 1)
    signing_keys.add(tx, "new", b"2")
    assert signing_keys.every(tx) == [("new", b"2", NOW_US + SECOND_US), ("old", b"1", NOW_US)]


def test_older_ones_are_removed_and_never_the_one_that_signs(tx: Transaction) -> None:
    assert signing_keys.remove_older(tx, NOW_US) == 0
    for second, key_id in enumerate(("a", "b", "c")):
        at(tx, second)
        signing_keys.add(tx, key_id, b"1")
    assert signing_keys.remove_older(tx, NOW_US + SECOND_US) == 1
    assert [key.key_id for key in signing_keys.every(tx)] == ["c", "b"]
    assert signing_keys.remove_older(tx, NOW_US + 99 * SECOND_US) == 1
    assert [key.key_id for key in signing_keys.every(tx)] == ["c"]
