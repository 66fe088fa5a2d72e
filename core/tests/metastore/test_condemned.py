"""Condemned are those that the store does not know; they are forgotten when nobody can name them any more."""

import pytest
from statekeep_core._shared.state.messages import External
from statekeep_core.metastore import condemned, objects, tries
from statekeep_core.metastore.transaction import Transaction

from core.tests.metastore.conftest import TASK, at

DAY_SECONDS = 86_400
KNOWN, ORPHAN, OTHER = (f"{name}~{0:026}" for name in ("known", "orphan", 'ö "\\ ~ other'))


def condemned_keys(tx: Transaction) -> list[str]:
    return [row[0] for row in tx.rows("SELECT storage_key FROM condemned_objects ORDER BY storage_key")]


def condemn(tx: Transaction, *storage_keys: str) -> tuple[str, ...]:
    unknown = condemned.unknown(tx, storage_keys)
    condemned.add(tx, unknown)
    return unknown


def test_what_the_store_knows_is_not_condemned(tx: Transaction) -> None:
    objects.number_of(tx, External("file:///known", "bucket", KNOWN, TASK, 10, b"d" * 32))
    assert condemn(tx, ORPHAN, KNOWN, OTHER) == (ORPHAN, OTHER)
    assert condemned_keys(tx) == sorted([ORPHAN, OTHER])


def test_an_object_of_a_plain_backend_is_another_one(tx: Transaction) -> None:
    objects.number_of(tx, External("file:///known", "mine.Files", KNOWN, TASK, 10))
    assert condemn(tx, KNOWN) == (KNOWN,)


def test_the_condemned_are_so_once(tx: Transaction) -> None:
    assert condemn(tx, ORPHAN) == condemn(tx, ORPHAN, ORPHAN)[:1] == (ORPHAN,)
    assert condemned_keys(tx) == [ORPHAN]


def test_they_are_forgotten_after_thirty_days_when_no_try_runs(tx: Transaction) -> None:
    condemn(tx, ORPHAN)
    at(tx, 30 * DAY_SECONDS)
    assert condemned.forget_old(tx, 10) == 0
    at(tx, 30 * DAY_SECONDS + 0.000_001)
    assert condemned.forget_old(tx, 10) == 1
    assert condemned_keys(tx) == []


@pytest.mark.parametrize("began_days", [0, 29, 30])
def test_they_are_kept_for_tries_that_may_have_drawn_them(
    tx: Transaction, instance_id: int, began_days: int
) -> None:
    tries.end(tx, instance_id, 1, status="failed")
    condemn(tx, ORPHAN)
    at(tx, began_days * DAY_SECONDS)
    tries.begin(tx, instance_id, 2, "host:1", 60_000_000)
    at(tx, 1_000 * DAY_SECONDS)
    assert condemned.forget_old(tx, 10) == 0
    tries.end(tx, instance_id, 2, status="superseded")
    tries.begin(tx, instance_id, 3, "host:1", 60_000_000)
    assert condemned.forget_old(tx, 10) == 1


def test_no_more_than_the_limit_are_forgotten_the_oldest_first(tx: Transaction) -> None:
    for day, storage_key in enumerate((OTHER, ORPHAN, KNOWN)):
        at(tx, day * DAY_SECONDS)
        condemn(tx, storage_key)
    at(tx, 40 * DAY_SECONDS)
    assert condemned.forget_old(tx, 2) == 2
    assert condemned_keys(tx) == [KNOWN]
    assert condemned.forget_old(tx, 2) == 1
