"""Scopes: one identity for ever, and one contract over all vendored copies."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import FrozenInstanceError, fields
from importlib import import_module
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from statekeep_shared.state import AssetScope, StateScope, TaskScope
from statekeep_shared.state.identity import TASK_INSTANCE_NAMESPACE

VENDORED: Any = import_module("statekeep._shared.state")
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.text('a/"\\,[]-1', max_size=6)
TASKS = st.builds(TaskScope, NAMES, NAMES, NAMES, st.integers(-1, 12))


def test_the_id_of_a_task_instance_never_changes() -> None:
    # Ids of these scopes are stored in the field. If this fails, every store loses its task state.
    assert TaskScope("a", "b", "c").ti_id == "5e8a20db-c354-5ec0-9881-0c83a634a02f"
    assert TaskScope("dag", "run é", "task", 7).ti_id == "c4ac1c41-db94-5120-8695-88fceb6c033f"
    assert UUID(TASK_INSTANCE_NAMESPACE).version == UUID(TaskScope("a", "b", "c").ti_id).version == 5


@given(TASKS, TASKS)
def test_two_scopes_share_an_id_only_if_they_are_equal(one: TaskScope, other: TaskScope) -> None:
    assert (one.ti_id == other.ti_id) == (one == other)


@given(NAMES, NAMES, NAMES)
def test_text_that_moves_between_fields_makes_another_scope(first: str, middle: str, last: str) -> None:
    assume(middle)
    one, other = TaskScope(first + middle, last, "t"), TaskScope(first, middle + last, "t")
    assert one.ti_id != other.ti_id


def test_a_slash_in_a_name_makes_another_scope() -> None:
    assert TaskScope("a", "b/c", "t").ti_id != TaskScope("a/b", "c", "t").ti_id


@given(TASKS, TASKS)
def test_equal_scopes_have_equal_hashes_and_different_scopes_are_unequal(
    one: TaskScope, other: TaskScope
) -> None:
    again = TaskScope(one.dag_id, one.run_id, one.task_id, one.map_index)
    assert one == again
    assert hash(one) == hash(again)
    same_fields = all(getattr(one, field.name) == getattr(other, field.name) for field in fields(TaskScope))
    assert (one == other) == same_fields


def test_every_field_of_a_task_scope_counts() -> None:
    scope = TaskScope("a", "b", "c", 1)
    for change in ({"dag_id": "x"}, {"run_id": "x"}, {"task_id": "x"}, {"map_index": -1}):
        other = TaskScope(**{**vars(scope), **change})
        assert scope != other
        assert hash(scope) != hash(other)
        assert scope.ti_id != other.ti_id


def test_every_field_of_an_asset_scope_counts() -> None:
    scopes = [
        AssetScope(asset_id=1),
        AssetScope(asset_id=0),
        AssetScope(name="1"),
        AssetScope(uri="1"),
        AssetScope(name=""),
        AssetScope(name="1", uri="1"),
    ]
    assert len(set(scopes)) == len(scopes)
    assert TaskScope("a", "b", "c") != AssetScope(name="a")


def test_an_asset_scope_needs_something_that_names_the_asset() -> None:
    with pytest.raises(ValueError, match="at least one of"):
        AssetScope()


def test_a_zero_id_and_an_empty_name_are_given_not_absent() -> None:
    assert AssetScope(asset_id=0).asset_id == 0
    assert AssetScope(name="").name == ""


def test_a_scope_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        TaskScope("a", "b", "c").dag_id = "x"  # type: ignore[misc]  # the very thing that is refused
    with pytest.raises(FrozenInstanceError):
        AssetScope(name="a").name = "x"  # type: ignore[misc]  # the very thing that is refused


@pytest.mark.parametrize("scope", [TaskScope("a", "b", "c", 3), AssetScope(1, "n", "u")], ids=repr)
class TestAcrossCopies:
    def test_a_scope_of_the_vendored_copy_is_equal_and_has_an_equal_hash(self, scope: StateScope) -> None:
        foreign = getattr(VENDORED, type(scope).__name__)(**vars(scope))
        assert type(foreign) is not type(scope)
        assert foreign == scope
        assert scope == foreign
        assert hash(foreign) == hash(scope)
        assert {scope: "found"}[foreign] == "found"

    def test_a_scope_of_the_vendored_copy_is_an_instance(self, scope: StateScope) -> None:
        foreign = getattr(VENDORED, type(scope).__name__)(**vars(scope))
        assert isinstance(foreign, type(scope))
        assert isinstance(scope, type(foreign))
        assert isinstance(foreign, StateScope)
        assert isinstance(scope, VENDORED.StateScope)

    def test_a_scope_of_the_vendored_copy_matches_class_patterns(self, scope: StateScope) -> None:
        match getattr(VENDORED, type(scope).__name__)(**vars(scope)):
            case TaskScope(dag_id, run_id, task_id=task_id, map_index=map_index):
                assert (dag_id, run_id, task_id, map_index) == ("a", "b", "c", 3)
            case AssetScope(asset_id, name=name, uri=uri):
                assert (asset_id, name, uri) == (1, "n", "u")
            case _:
                pytest.fail("matched nothing")

    def test_a_scope_survives_pickling_and_copying(self, scope: StateScope) -> None:
        assert pickle.loads(pickle.dumps(scope)) == scope
        assert copy.deepcopy(scope) == scope


def test_the_vendored_copy_gives_a_task_instance_the_same_id() -> None:
    assert VENDORED.TaskScope("a", "b", "c", 3).ti_id == TaskScope("a", "b", "c", 3).ti_id


def test_the_two_kinds_of_scope_are_never_taken_for_each_other() -> None:
    assert not isinstance(VENDORED.TaskScope("a", "b", "c"), AssetScope)
    assert not isinstance(VENDORED.AssetScope(name="a"), TaskScope)
    assert VENDORED.TaskScope("a", "b", "c") != AssetScope(name="a")


@given(st.builds(TaskScope, NAMES, NAMES, NAMES, st.integers()))
def test_the_id_is_the_version_5_uuid_of_the_standard_library(scope: TaskScope) -> None:
    named = [scope.dag_id, scope.run_id, scope.task_id, scope.map_index]
    text = json.dumps(named, separators=(",", ":"))
    assert scope.ti_id == str(uuid5(UUID(TASK_INSTANCE_NAMESPACE), text))
