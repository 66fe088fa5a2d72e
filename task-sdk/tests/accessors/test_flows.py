"""Flows, driven by hand: what they ask for, in which order, and when they give up."""

from __future__ import annotations

from typing import Any

import pytest
from statekeep._shared.state import messages
from statekeep._shared.state.errors import ConflictError, InvalidRequestError
from statekeep.accessors import flows
from statekeep.accessors.operations import StateOperations

OPERATIONS = StateOperations(None, 65_536)


def updating(changed_to: Any = 1) -> flows.Flow[Any]:
    return flows.update(OPERATIONS, "k", lambda old: changed_to, 0, None, None)


def entry(version: int) -> messages.Entry:
    return messages.Entry("k", b"0", version=version, size_bytes=1)


def test_update_writes_under_the_version_that_it_read() -> None:
    flow = updating()
    assert flow.send(None) == flows.Ask(messages.Get("k"))
    write = flow.send(entry(7))
    assert isinstance(write, flows.Ask)
    assert write.request == messages.Set("k", b"1", if_version=7)


def test_update_of_an_absent_key_writes_only_if_it_is_still_absent() -> None:
    flow = updating()
    flow.send(None)
    write = flow.send(messages.Absent("k"))
    assert isinstance(write, flows.Ask)
    assert write.request == messages.Set("k", b"1", if_absent=True)


def test_update_pauses_longer_after_each_lost_round_and_then_gives_up() -> None:
    flow: Any = updating()
    flow.send(None)
    longest_pauses, request_ids = [], []
    for version in range(1, flows.MAX_UPDATE_ROUNDS):
        request_ids.append(flow.send(entry(version)).request_id)
        step = flow.throw(ConflictError(key="k", version=version + 1, wanted=version))
        longest_pauses.append(min(0.1, 0.001 * 2**version))
        assert 0 < step.seconds <= longest_pauses[-1]
        assert flow.send(None) == flows.Ask(messages.Get("k"))
    request_ids.append(flow.send(entry(99)).request_id)
    with pytest.raises(ConflictError, match="stands at version 100"):
        flow.throw(ConflictError(key="k", version=100, wanted=99))
    assert len({*request_ids}) == flows.MAX_UPDATE_ROUNDS
    assert sum(longest_pauses) < 3  # seconds, at the most


def test_an_error_other_than_a_conflict_ends_an_update() -> None:
    flow = updating()
    flow.send(None)
    flow.send(entry(1))
    with pytest.raises(ZeroDivisionError):
        flow.throw(ZeroDivisionError())


def test_a_list_goes_on_after_the_last_key_of_each_page() -> None:
    flow = flows.keys(OPERATIONS, "p")
    pages = [flow.send(None), flow.send(messages.Entries((entry(1),), after="pk"))]
    asked = [page.request for page in pages if isinstance(page, flows.Ask)]
    assert [(request.prefix, request.after, request.with_values) for request in asked] == [
        ("p", None, False),
        ("p", "pk", False),
    ]
    with pytest.raises(StopIteration) as end:
        flow.send(messages.Entries((entry(2),), after=None))
    assert end.value.value == ["k", "k"]


def test_a_request_id_is_drawn_once_per_call() -> None:
    operation = StateOperations(1, 65_536).increment("k", 1, None)
    first, second = flows.one(operation).send(None), flows.one(operation).send(None)
    assert isinstance(first, flows.Ask)
    assert isinstance(second, flows.Ask)
    assert first.request == second.request
    assert None is not first.request_id != second.request_id is not None


def test_update_is_refused_where_it_would_undo_what_others_write() -> None:
    flow = updating()
    flow.send(None)
    with pytest.raises(InvalidRequestError, match="would undo what others write"):
        flow.send(messages.Entry("k", b"0", version=None, size_bytes=1, is_relative=True))
