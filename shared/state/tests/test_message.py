"""A message is what a named tuple would be."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from statekeep_shared.state.messages import AssetAddress, Set, TaskAddress


def test_fields_are_given_by_place_by_name_or_by_default() -> None:
    assert TaskAddress("d", "r", "t") == TaskAddress("d", run_id="r", task_id="t", map_index=-1)
    assert TaskAddress("d", "r", "t").map_index == -1
    assert Set("k", b"1", if_absent=True).if_absent


@pytest.mark.parametrize(
    ("values", "named", "blamed"),
    [
        (("d",), {}, "lacks 'run_id'"),
        (("d", "r", "t", 1, 2), {}, "each once"),
        (("d", "r", "t"), {"other": 1}, "takes dag_id, run_id, task_id, map_index"),
        (("d", "r", "t"), {"dag_id": "again"}, "each once"),
    ],
)
def test_wrong_arguments_are_refused(values: tuple[Any, ...], named: dict[str, Any], blamed: str) -> None:
    with pytest.raises(TypeError, match=blamed):
        TaskAddress(*values, **named)


def test_a_message_cannot_be_changed_only_replaced() -> None:
    task = TaskAddress("d", "r", "t")
    with pytest.raises(AttributeError):
        task.map_index = 5  # type: ignore[misc]  # that is the point
    assert task._replace(map_index=5) == TaskAddress("d", "r", "t", 5)


def test_a_message_is_matched_by_place_and_by_name() -> None:
    match AssetAddress("flights", "duckdb://flights"):
        case AssetAddress(name, uri="duckdb://flights"):
            assert name == "flights"
        case _:
            pytest.fail("it did not match")


def test_a_message_survives_copies_and_pickles_and_shows_its_fields() -> None:
    task = TaskAddress("d", "r", "t", 3)
    for twin in (copy.copy(task), copy.deepcopy(task), pickle.loads(pickle.dumps(task))):
        assert (type(twin), twin) == (TaskAddress, task)
    assert repr(task) == "TaskAddress(dag_id='d', run_id='r', task_id='t', map_index=3)"
    assert hash(task) == hash(TaskAddress("d", "r", "t", 3))
