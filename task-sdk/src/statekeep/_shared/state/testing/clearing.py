"""Conformance: what ``clear`` removes, and what it leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .suite import TASK, BackendSuite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..scope import StateScope
    from .suite import BackendUnderTest

_MAPPED = tuple(replace(TASK, map_index=index) for index in (0, 1, 10))
# Scopes that a filter by prefix or pattern takes for TASK's.
_NEIGHBOURS = (
    replace(TASK, dag_id="sales2"),
    replace(TASK, dag_id="SALES"),
    replace(TASK, run_id="2026-01-0"),
    replace(TASK, run_id="2026-01-01T00"),
    replace(TASK, task_id="loa"),
    replace(TASK, task_id="load.sub"),
)
_PATTERNS = tuple(replace(TASK, task_id=name) for name in ("l%", "l___", "l*", "l.*"))


class ClearConformance(BackendSuite):
    def test_clear_removes_every_key_of_the_scope(self, state: BackendUnderTest) -> None:
        keys = ["a", "b/c", "B", "%", "a" * 300]
        for key in keys:
            state.set(TASK, key, "1")
        state.clear(TASK)
        assert [state.get(TASK, key) for key in keys] == [None] * len(keys), "clear() left keys of the scope"
        assert self.look(state.backend, TASK, "a") is None, "the medium must not hold a cleared key"

    def test_clear_leaves_other_map_indices(self, state: BackendUnderTest) -> None:
        _fill(state, [TASK, *_MAPPED])
        state.clear(_MAPPED[1])
        assert _left(state, [TASK, *_MAPPED]) == [TASK, _MAPPED[0], _MAPPED[2]], (
            "clear() filters by map index"
        )

    def test_clear_leaves_other_scopes(self, state: BackendUnderTest) -> None:
        asset = self.make_asset(state.backend, "sales")
        others: list[StateScope] = [*_NEIGHBOURS, asset]
        _fill(state, [TASK, *others])
        state.clear(TASK)
        assert _left(state, [TASK, *others]) == others, "clear() must leave every other scope"

    def test_a_name_that_looks_like_a_pattern_clears_only_itself(self, state: BackendUnderTest) -> None:
        _fill(state, [TASK, *_PATTERNS])
        for scope in _PATTERNS:
            state.clear(scope, all_map_indices=True)
        assert _left(state, [TASK, *_PATTERNS]) == [TASK], "names are compared, never matched as patterns"

    def test_all_map_indices_clears_the_task_in_its_run_and_nothing_else(
        self, state: BackendUnderTest
    ) -> None:
        neighbours = [*_NEIGHBOURS, replace(TASK, run_id="2026-01-02", map_index=1)]
        _fill(state, [TASK, *_MAPPED, *neighbours])
        state.clear(_MAPPED[0], all_map_indices=True)
        assert _left(state, [TASK, *_MAPPED]) == [], "all_map_indices must drop the filter on the map index"
        assert _left(state, neighbours) == neighbours, "all_map_indices must keep the other three filters"

    def test_all_map_indices_has_no_effect_on_an_asset(self, state: BackendUnderTest) -> None:
        cleared, other = (self.make_asset(state.backend, name) for name in ("orders", "orders2"))
        _fill(state, [cleared, other, TASK])
        state.clear(cleared, all_map_indices=True)
        assert _left(state, [cleared, other, TASK]) == [other, TASK], (
            "the asset is cleared, and only that asset"
        )

    def test_clearing_an_empty_scope_has_no_effect(self, state: BackendUnderTest) -> None:
        _fill(state, [TASK])
        state.clear(replace(TASK, dag_id="never-seen"))
        state.clear(self.make_asset(state.backend, "orders"))
        assert _left(state, [TASK]) == [TASK], "clearing an empty scope must leave the others"

    def test_a_cleared_scope_can_be_set_again(self, state: BackendUnderTest) -> None:
        _fill(state, [TASK])
        state.clear(TASK)
        state.set(TASK, "again", "1")
        assert (state.get(TASK, "again"), state.get(TASK, "k")) == ("1", None), "a cleared scope starts empty"


def _fill(state: BackendUnderTest, scopes: Sequence[StateScope]) -> None:
    for scope in scopes:
        state.set(scope, "k", "1")


def _left(state: BackendUnderTest, scopes: Sequence[StateScope]) -> list[StateScope]:
    return [scope for scope in scopes if state.get(scope, "k") is not None]
