"""Asset state: staged or at once, inlets and outlets, and how an asset may be named; both ways to call."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from embedded_try import OUTLET, EmbeddedTry, Store
from statekeep._shared.state import messages
from statekeep._shared.state.errors import (
    AssetInactiveError,
    AssetNotDeclaredError,
    ConflictError,
    InvalidRequestError,
)
from statekeep.accessors.asset_state import AssetStateAccessor
from statekeep.asset import Asset

Call = Callable[..., Any]
StartTry = Callable[[], EmbeddedTry]


@pytest.fixture
def orders(running: EmbeddedTry) -> AssetStateAccessor:
    return running.context.asset_state["orders"]


def stored(store: Store, key: str) -> bytes | None:
    reply = store.as_operator(messages.Get(key, OUTLET))
    return reply.value if isinstance(reply, messages.Entry) else None


def write_meanwhile(store: Store, key: str, value: bytes) -> None:
    store.as_operator(messages.Set(key, value, OUTLET))


# --- staged, or at once ----------------------------------------------------------------------------------


def test_a_staged_write_is_seen_by_its_try_only_until_the_try_succeeds(
    call: Call, orders: AssetStateAccessor, running: EmbeddedTry, store: Store
) -> None:
    assert call(orders, "set", "day", "2026-01-01") is None
    assert call(orders, "get", "day") == "2026-01-01"
    assert call(orders, "entry", "day").version is None
    assert call(orders, "entry", "day").updated_at is None
    assert call(orders, "keys") == ["day"]
    assert stored(store, "day") is None
    running.finish()
    assert stored(store, "day") == b'"2026-01-01"'


@pytest.mark.parametrize("end", ["fail", "supersede"])
def test_a_try_that_does_not_succeed_leaves_nothing_staged(
    call: Call, orders: AssetStateAccessor, running: EmbeddedTry, start_try: StartTry, store: Store, end: str
) -> None:
    call(orders, "set", "day", 1)
    call(orders, "increment", "rows", 10)
    if end == "fail":
        running.finish(succeeded=False)
    later = start_try()
    assert call(later.context.asset_state["orders"], "keys") == []
    later.finish()
    assert stored(store, "day") is None


def test_a_write_at_once_is_seen_by_others_before_the_try_ends(
    call: Call, orders: AssetStateAccessor, running: EmbeddedTry, store: Store
) -> None:
    version = call(orders, "set", "progress", 50, commit="now")
    assert isinstance(version, int)
    assert stored(store, "progress") == b"50"
    assert call(orders, "increment", "progress", 1, commit="now") == 51
    assert call(orders, "set_max", "progress", 60, commit="now") == 60
    assert call(orders, "update", "progress", lambda old: old + 1, commit="now") == 61
    assert stored(store, "progress") == b"61"
    call(orders, "delete", "progress", commit="now")
    assert stored(store, "progress") is None
    call(orders, "set", "progress", 1, commit="now")
    call(orders, "clear", commit="now")
    running.finish(succeeded=False)
    assert stored(store, "progress") is None


def test_every_kind_of_write_is_staged_unless_told_otherwise(
    call: Call, orders: AssetStateAccessor, running: EmbeddedTry, store: Store
) -> None:
    for key in ("set", "delete", "increment", "set_max", "update"):
        write_meanwhile(store, key, b"1")
    call(orders, "set", "set", 2)
    call(orders, "delete", "delete")
    assert call(orders, "increment", "increment", 2) == 3
    assert call(orders, "set_max", "set_max", 5) == 5
    assert call(orders, "update", "update", lambda old: old + 9) == 10
    assert {stored(store, key) for key in ("set", "delete", "increment", "set_max", "update")} == {b"1"}
    assert call(orders, "get", "delete") is None
    running.finish()
    found = {key: stored(store, key) for key in ("set", "delete", "increment", "set_max", "update")}
    assert found == {"set": b"2", "delete": None, "increment": b"3", "set_max": b"5", "update": b"10"}


def test_a_staged_clear_removes_everything_at_the_end(
    call: Call, orders: AssetStateAccessor, running: EmbeddedTry, store: Store
) -> None:
    write_meanwhile(store, "a", b"1")
    call(orders, "clear")
    assert call(orders, "keys") == []
    assert stored(store, "a") == b"1"
    running.finish()
    assert stored(store, "a") is None


def test_staged_increments_and_maxima_never_conflict(
    call: Call, orders: AssetStateAccessor, running: EmbeddedTry, store: Store
) -> None:
    call(orders, "increment", "rows", 10)
    call(orders, "set_max", "day", 5)
    write_meanwhile(store, "rows", b"100")
    write_meanwhile(store, "day", b"7")
    running.finish()
    assert stored(store, "rows") == b"110"
    assert stored(store, "day") == b"7"


@pytest.mark.parametrize("name", ["set", "update"])
def test_a_staged_condition_that_no_longer_holds_fails_the_try(
    call: Call, orders: AssetStateAccessor, running: EmbeddedTry, store: Store, name: str
) -> None:
    write_meanwhile(store, "k", b"1")
    if name == "set":
        call(orders, "set", "k", 2, if_version=call(orders, "entry", "k").version)
    else:
        call(orders, "update", "k", lambda old: old + 1)
    write_meanwhile(store, "k", b"10")
    with pytest.raises(ConflictError):
        running.finish()
    assert stored(store, "k") == b"10"


def test_at_once_and_staged_are_not_mixed_on_one_key(call: Call, orders: AssetStateAccessor) -> None:
    call(orders, "set", "k", 1)
    with pytest.raises(InvalidRequestError, match="overtake"):
        call(orders, "set", "k", 2, commit="now")


def test_another_word_for_commit_is_refused(call: Call, orders: AssetStateAccessor) -> None:
    with pytest.raises(InvalidRequestError, match="neither 'staged' nor 'now'"):
        call(orders, "set", "k", 1, commit="later")


def test_asset_state_has_no_default_retention(call: Call, orders: AssetStateAccessor) -> None:
    call(orders, "set", "k", 1, commit="now")
    assert call(orders, "entry", "k").expires_at is None
    call(orders, "set", "k", 1, retention=datetime.timedelta(days=1), commit="now")
    assert call(orders, "entry", "k").expires_at is not None


def test_every_write_of_an_asset_has_a_request_id(
    call: Call, orders: AssetStateAccessor, running: EmbeddedTry
) -> None:
    call(orders, "set", "k", 1)
    call(orders, "delete", "k")
    call(orders, "clear")
    call(orders, "increment", "n")
    ids = [frame.request_id for frame in running.peer.frames]
    assert None not in ids
    assert len({*ids}) == 4


# --- history ---------------------------------------------------------------------------------------------


def test_the_history_says_what_changed_newest_first(call: Call, orders: AssetStateAccessor) -> None:
    first = call(orders, "set", "day", datetime.date(2026, 1, 1), commit="now")
    second = call(orders, "set", "day", datetime.date(2026, 1, 2), commit="now")
    call(orders, "set", "other", "2026-01-03", commit="now")
    call(orders, "delete", "day", commit="now")
    changes = call(orders, "history", "day", type=datetime.date)
    assert [(change.change, change.value) for change in changes] == [
        ("delete", None),
        ("set", datetime.date(2026, 1, 2)),
        ("set", datetime.date(2026, 1, 1)),
    ]
    assert [change.version for change in changes[1:]] == [second, first]
    assert changes[0].changed_at.tzinfo is datetime.UTC
    assert changes[0].writer.try_number == 1
    assert len(call(orders, "history")) == 4
    assert len(call(orders, "history", limit=2)) == 2


def test_a_history_of_several_pages_is_one_list(call: Call, orders: AssetStateAccessor) -> None:
    for keys in (range(600), range(600, 1_200)):
        with orders.batch(commit="now") as batch:
            for key in keys:
                batch.set(f"{key:04}", key)
    newest_first = list(range(1_199, -1, -1))
    assert [change.value for change in call(orders, "history", limit=2_000)] == newest_first
    assert [change.value for change in call(orders, "history", limit=1_100)] == newest_first[:1_100]


# --- inlets, outlets, names ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asset",
    [
        "orders",
        "s3://lake/orders",
        Asset("orders"),
        Asset("s3://lake/orders"),
        Asset("orders", "s3://lake/orders"),
        Asset(uri="s3://lake/orders"),
    ],
)
def test_an_asset_is_found_by_its_name_and_by_its_uri(running: EmbeddedTry, asset: Asset | str) -> None:
    assert running.context.asset_state[asset].asset == Asset("orders", "s3://lake/orders")
    assert asset in running.context.asset_state


def test_an_asset_that_was_declared_by_name_is_found_by_an_asset_that_has_a_uri_too(
    running: EmbeddedTry,
) -> None:
    assert running.context.asset_state[Asset("customers", "s3://lake/c")].asset == Asset("customers")


@pytest.mark.parametrize(
    "asset",
    ["order", "s3://lake/order", Asset("orders", "s3://lake/other"), Asset("other", "s3://lake/orders")],
)
def test_an_asset_that_was_not_declared_is_refused(running: EmbeddedTry, asset: Asset | str) -> None:
    with pytest.raises(AssetNotDeclaredError):
        running.context.asset_state[asset]
    assert asset not in running.context.asset_state


def test_an_inlet_is_read_and_not_written(call: Call, running: EmbeddedTry) -> None:
    customers = running.context.asset_state["customers"]
    assert call(customers, "get", "k") is None
    for name, given in [
        ("set", ("k", 1)),
        ("delete", ("k",)),
        ("clear", ()),
        ("increment", ("k",)),
        ("set_max", ("k", 1)),
        ("update", ("k", lambda old: 1)),
    ]:
        with pytest.raises(AssetNotDeclaredError, match="customers is not declared as an outlet"):
            call(customers, name, *given)
    with pytest.raises(AssetNotDeclaredError):
        customers.batch()
    assert [frame.message["kind"] for frame in running.peer.frames] == ["Get"]


def test_the_declared_assets_can_be_listed(running: EmbeddedTry) -> None:
    assert sorted(map(str, running.context.asset_state)) == ["customers", "orders"]
    assert len(running.context.asset_state) == 2


def test_an_asset_that_is_found_at_run_time_can_be_declared(
    call: Call, running: EmbeddedTry, store: Store
) -> None:
    context = running.context
    assert call(call(context, "declare", "s3://lake/found"), "get", "k") is None
    with pytest.raises(AssetNotDeclaredError):
        context.asset_state["s3://lake/found"].set("k", 1)
    call(context, "declare", "s3://lake/found", writable=True)
    call(context.asset_state["s3://lake/found"], "set", "k", 1)
    running.finish()
    found = store.as_operator(messages.Get("k", messages.AssetAddress(uri="s3://lake/found")))
    assert found.value == b"1"


def test_an_inactive_asset_cannot_be_declared(call: Call, running: EmbeddedTry, store: Store) -> None:
    store.as_operator(messages.Deactivate(messages.AssetAddress("customers")))
    with pytest.raises(AssetInactiveError):
        call(running.context, "declare", "customers")
