"""Backends are made off the event loop, once in a process, and named when there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from statekeep._shared.state import messages as m
from statekeep._shared.state.errors import BackendMismatchError
from statekeep.accessors.flows import BackendCall
from statekeep.accessors.worker_backends import WorkerBackends
from worker_backends import ORDERS, ORIGIN, TASK, Configured, Plain, origin_of

PLAIN = Plain()
OBJECT = m.External("r", PLAIN.backend_id, "k", TASK, 1)


@pytest.fixture
def backends() -> WorkerBackends:
    return WorkerBackends(Configured(PLAIN), origin_of)


def steps_of(flow: Any) -> tuple[int, Any]:
    """Drive a flow by hand; return how many calls it wanted, and its result."""
    wanted, answer = 0, None
    try:
        while True:
            step = flow.send(answer)
            assert isinstance(step, BackendCall)
            wanted, answer = wanted + 1, step.blocking()
    except StopIteration as end:
        return wanted, end.value


WANTED: list[Callable[[WorkerBackends], Any]] = [
    lambda backends: backends.writer(),
    lambda backends: backends.reader(OBJECT, "k", None),
]


@pytest.mark.parametrize("wanted", WANTED, ids=["writer", "reader"])
def test_only_the_first_use_may_be_slow(backends: WorkerBackends, wanted: Any) -> None:
    assert steps_of(wanted(backends)) == (1, PLAIN)
    assert steps_of(wanted(backends)) == (0, PLAIN)


@pytest.mark.parametrize("wanted", WANTED, ids=["writer", "reader"])
def test_in_a_forked_child_the_first_use_may_be_slow_again(
    backends: WorkerBackends, wanted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps_of(wanted(backends))
    monkeypatch.setattr("os.getpid", lambda: 1)
    assert steps_of(wanted(backends)) == (1, PLAIN)


def test_a_backend_that_is_not_configured_is_named_every_time(backends: WorkerBackends) -> None:
    for _ in range(2):
        with pytest.raises(BackendMismatchError) as raised:
            steps_of(backends.reader(OBJECT._replace(backend_id="old"), "k", 1))
        facts = {"scope": "asset orders", "key": "k", "reference": OBJECT.reference, "backend_id": "old"}
        assert raised.value.facts == facts


def test_the_origin_of_an_asset_is_its_canonical_name(backends: WorkerBackends) -> None:
    assert backends.origin_of(None) == TASK
    assert backends.origin_of(1) == ORIGIN
    assert backends.whose(None) == "etl/2026-01-01/load"
    assert backends.whose(1) == "asset orders"


def test_naming_whose_an_address_is_asks_nobody() -> None:
    def asking(target: m.Target) -> Any:
        raise AssertionError("a request for every value")

    assert WorkerBackends(Configured(PLAIN), asking).whose(ORDERS) == "asset orders"
