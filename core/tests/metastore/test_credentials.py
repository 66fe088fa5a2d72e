"""Credentials: found by digest, good until they expire or are revoked, and never given twice."""

from __future__ import annotations

import pytest
from statekeep_core._shared.state.errors import InvalidRequestError
from statekeep_core.metastore import credentials
from statekeep_core.metastore.transaction import Transaction

from core.tests.metastore.conftest import NOW_US, at

SECOND_US = 1_000_000


def test_one_is_listed_as_it_was_added(tx: Transaction) -> None:
    credentials.add(tx, "b", b"2", credentials.OPERATOR, NOW_US + SECOND_US)
    credentials.add(tx, "a", b"1", credentials.WORKER, None)
    first, second = credentials.every(tx)
    assert first == ("a", b"1", "worker", NOW_US, None, None)
    assert second == ("b", b"2", "operator", NOW_US, NOW_US + SECOND_US, None)


def test_it_is_good_up_to_the_instant_of_its_expiry(tx: Transaction) -> None:
    credentials.add(tx, "a", b"1", credentials.WORKER, NOW_US + SECOND_US)
    [record] = credentials.every(tx)
    assert record.is_live(NOW_US + SECOND_US - 1)
    assert not record.is_live(NOW_US + SECOND_US)


def test_revoking_is_for_good_and_may_be_repeated(tx: Transaction) -> None:
    credentials.add(tx, "a", b"1", credentials.WORKER, None)
    assert credentials.revoke(tx, "a")
    at(tx, 5)
    assert credentials.revoke(tx, "a")
    [record] = credentials.every(tx)
    assert record.revoked_at == NOW_US
    assert not record.is_live(NOW_US)
    assert not credentials.revoke(tx, "b")


def test_a_name_that_was_revoked_is_not_given_again(tx: Transaction) -> None:
    credentials.add(tx, "a", b"1", credentials.WORKER, None)
    credentials.revoke(tx, "a")
    with pytest.raises(InvalidRequestError, match="another name"):
        credentials.add(tx, "a", b"2", credentials.WORKER, None)
