"""Conformance: every scope and every key is an address of its own."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from ..scope import AssetScope, TaskScope
from .capabilities import ASSET_ADDRESSES
from .second_copy import second_copy
from .suite import TASK, BackendSuite, refusal_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from .suite import BackendUnderTest

_LONG_NAME = "\U0001f600" * 250
_LONG_KEY = "\U0001f600" * 512
_KEYS = (
    "plain",
    "..",
    "../../escape",
    "/absolute",
    "a/b//c/",
    "dump.json.gz",
    "a~5",
    "100%",
    "%2e%2e%2f",
    "C:\\temp",
    " leading and trailing ",
    "?query=1&x#fragment",
    "'; DROP TABLE entries; --",
    "{}[]$.x",
    "é",
    "\u2028",
    ".",
    "-rf",
    "NUL",
    "None",
    "0",
    _LONG_KEY,
)
_KEYS_APART = (
    ("key", "Key"),
    ("key", "key "),
    ("key", " key"),
    ("key", "key/"),
    ("a/b", "a//b"),
    ("a/b", "a/./b"),
    ("a", "a.json"),
    ("a", "a%00"),
    ("a_b", "a-b"),
    ("a/b", "a%2Fb"),
    ("\u00e9", "e\u0301"),
    ("\u212b", "\u00c5"),
    ("x" * 255, "x" * 256),
    (_LONG_KEY, _LONG_KEY[:-1]),
    ("0", "00"),
)
_SCOPES_APART = (
    (TASK, replace(TASK, dag_id="sales ")),
    (TASK, replace(TASK, run_id="2026-01-02")),
    (TASK, replace(TASK, task_id="Load")),
    (TASK, replace(TASK, map_index=0)),
    (replace(TASK, map_index=1), replace(TASK, map_index=11)),
    (TaskScope("a", "b/c", "t"), TaskScope("a/b", "c", "t")),
    (TaskScope("a", "b", "c/d"), TaskScope("a", "b/c", "d")),
    (TaskScope("a", "bc", "t"), TaskScope("ab", "c", "t")),
    (TaskScope("a", "b", "t", 1), TaskScope("a", "b", "t/1")),
    (TaskScope("..", "b", "t"), TaskScope(".", "b", "t")),
    (TaskScope("\u00e9", "b", "t"), TaskScope("e\u0301", "b", "t")),
    (TaskScope(_LONG_NAME, _LONG_NAME, _LONG_NAME), TaskScope(_LONG_NAME, _LONG_NAME, _LONG_NAME[:-1])),
)
_ASSETS_BY = MappingProxyType(
    {
        "asset_id": (AssetScope(asset_id=0), AssetScope(asset_id=1)),  # a zero is an id like any other
        "name": (AssetScope(name="orders"), AssetScope(name="orders2")),
        "uri": (AssetScope(uri="s3://warehouse/orders"), AssetScope(uri="s3://warehouse/orders2")),
    }
)
_REFUSED = ("unsupported", "invalid_request")


def _names(pair: object) -> str:
    return ascii(pair)[:40]


class AddressConformance(BackendSuite):
    @pytest.mark.parametrize("key", _KEYS, ids=_names)
    def test_no_character_of_a_key_means_anything(self, state: BackendUnderTest, key: str) -> None:
        state.set(TASK, key, "1")
        state.set(TASK, "neighbour", "2")
        assert state.get(TASK, key) == "1", f"{key!r} was set and cannot be read"
        assert self.look(state.backend, TASK, key) == "1", f"the medium does not hold {key!r}"
        state.delete(TASK, key)
        assert (state.get(TASK, key), state.get(TASK, "neighbour")) == (None, "2"), (
            f"deleting {key!r} misfired"
        )

    @pytest.mark.parametrize("pair", _KEYS_APART, ids=_names)
    def test_keys_are_compared_byte_for_byte(self, state: BackendUnderTest, pair: tuple[str, str]) -> None:
        first, second = pair
        state.set(TASK, first, "1")
        assert state.get(TASK, second) is None, f"{first!r} was read as {second!r}"
        state.set(TASK, second, "2")
        assert (state.get(TASK, first), state.get(TASK, second)) == ("1", "2"), (
            f"{first!r} and {second!r} met"
        )
        state.delete(TASK, first)
        assert state.get(TASK, second) == "2", f"deleting {first!r} took {second!r} along"

    @pytest.mark.parametrize("pair", _SCOPES_APART, ids=_names)
    def test_every_field_of_a_task_scope_counts(
        self, state: BackendUnderTest, pair: tuple[TaskScope, TaskScope]
    ) -> None:
        first, second = pair
        state.set(first, "k", "1")
        assert state.get(second, "k") is None, f"state of {first} was read as that of {second}"
        state.set(second, "k", "2")
        assert (state.get(first, "k"), state.get(second, "k")) == ("1", "2"), f"{first} and {second} met"
        state.delete(first, "k")
        assert state.get(second, "k") == "2", f"deleting in {first} took from {second}"

    @pytest.mark.parametrize("name", ["assets", "asset", "task", "tasks", "1"])
    def test_tasks_and_assets_never_meet(self, state: BackendUnderTest, name: str) -> None:
        task, asset = TaskScope(name, name, name), self.make_asset(state.backend, name)
        state.set(task, name, "1")
        assert state.get(asset, name) is None, "state of a task was read as that of an asset"
        state.set(asset, name, "2")
        state.clear(task)
        assert (state.get(task, name), state.get(asset, name)) == (None, "2"), "a task and an asset met"

    def test_assets_never_meet(self, state: BackendUnderTest) -> None:
        first, second = (self.make_asset(state.backend, name) for name in ("orders", "orders/eu"))
        state.set(first, "eu/k", "1")
        state.set(second, "k", "2")
        assert (state.get(first, "eu/k"), state.get(second, "k")) == ("1", "2"), "two assets met"
        assert (state.get(first, "k"), state.get(second, "eu/k")) == (None, None), "two assets met"

    @pytest.mark.parametrize("address", sorted(ASSET_ADDRESSES))
    def test_an_asset_is_found_as_declared_and_refused_otherwise(
        self, state: BackendUnderTest, address: str
    ) -> None:
        if address in self.capabilities.asset_addresses:
            self._check_assets_are_found(state, address)
            return
        scope = _ASSETS_BY[address][1]
        operations: dict[str, Callable[[], object]] = {
            "get": lambda: state.backend.get(scope, "k"),
            "set": lambda: state.set(scope, "k", "1"),
            "delete": lambda: state.delete(scope, "k"),
            "clear": lambda: state.clear(scope),
        }
        for name, operation in operations.items():
            code = refusal_code(operation)
            assert code in _REFUSED, (
                f"{name}() by an undeclared {address} must be one of {_REFUSED}, not {code}"
            )

    def _check_assets_are_found(self, state: BackendUnderTest, address: str) -> None:
        first, second = (self.make_asset(state.backend, name) for name in ("orders", "orders2"))
        if getattr(first, address) is None:  # declared beside the address that make_asset() chose
            first, second = _ASSETS_BY[address]
        state.set(first, "k", "1")
        assert state.get(replace(first), "k") == "1", f"state of {first} was set and cannot be read"
        assert self.look(state.backend, first, "k") == "1", f"the medium does not hold the state of {first}"
        assert state.get(second, "k") is None, f"state of {first} was read as that of {second}"

    def test_the_scope_of_another_vendored_copy_is_the_same_scope(self, state: BackendUnderTest) -> None:
        asset = self.make_asset(state.backend, "orders")
        for scope in (replace(TASK, map_index=3), asset):
            foreign = getattr(second_copy(), type(scope).__name__)(**vars(scope))
            state.set(scope, "k", "1")
            assert state.get(foreign, "k") == "1", f"{type(scope).__name__} of another copy must be accepted"
            state.clear(foreign, all_map_indices=True)
            assert state.get(scope, "k") is None, f"{type(scope).__name__} of another copy must be accepted"
