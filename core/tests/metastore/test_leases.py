"""A lease: one holder at a time, until it lapses, is given back, or the machine was started again."""

from statekeep_core.metastore import leases
from statekeep_core.metastore.transaction import Transaction


def later(tx: Transaction, seconds: float) -> None:
    tx.now = tx.now._replace(boot_us=tx.now.boot_us + int(seconds * 1_000_000))


def test_one_holder_has_it_and_may_have_it_for_longer(tx: Transaction) -> None:
    assert leases.take(tx, "sweep", "a", 10)
    assert not leases.take(tx, "sweep", "b", 10)
    later(tx, 9)
    assert leases.take(tx, "sweep", "a", 10)
    later(tx, 9)
    assert not leases.take(tx, "sweep", "b", 10)


def test_who_was_killed_has_it_until_it_lapses_and_not_again_after_that(tx: Transaction) -> None:
    assert leases.take(tx, "sweep", "a", 10)
    later(tx, 10)
    assert leases.take(tx, "sweep", "b", 10)
    assert not leases.take(tx, "sweep", "a", 10)


def test_a_setting_of_the_wall_clock_changes_nothing(tx: Transaction) -> None:
    assert leases.take(tx, "sweep", "a", 10)
    tx.now = tx.now._replace(wall_us=tx.now.wall_us + 10**12)
    assert not leases.take(tx, "sweep", "b", 10)


def test_no_holder_outlives_the_machine(tx: Transaction) -> None:
    assert leases.take(tx, "sweep", "a", 10)
    tx.now = tx.now._replace(boot_id="next boot")
    assert leases.take(tx, "sweep", "b", 10)


def test_only_its_holder_gives_it_back(tx: Transaction) -> None:
    assert leases.take(tx, "sweep", "a", 10)
    leases.release(tx, "sweep", "b")
    assert not leases.take(tx, "sweep", "b", 10)
    leases.release(tx, "sweep", "a")
    assert leases.take(tx, "sweep", "b", 10)


def test_each_name_is_a_lease_of_its_own(tx: Transaction) -> None:
    assert leases.take(tx, "sweep", "a", 10)
    assert leases.take(tx, "other", "b", 10)
