"""A request whose client gave up on it and asked again arrives when the client has long gone on."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from tests.histories import requests
from tests.histories.asking import Asker
from tests.histories.deeds import LOST, OK, UNKNOWN, Attempt, Deed, Step
from tests.histories.judging import judge
from tests.histories.requests import OpenTry
from tests.histories.serving import Server

pytestmark = pytest.mark.slow

_KEY, _ASSET = "task/{}/k", "asset/a/k"
_NOT_RECORDED = pytest.mark.xfail(
    reason="the store keeps no record of a plain set or delete of task state, so it does it again",
    strict=True,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("late")
    server = Server(folder, str(folder / "served" / "state.db"), 0)
    try:
        server.start()
        yield server
    finally:
        server.close()


class Scene:
    """One try, and what was asked of it."""

    def __init__(self, server: Server, task: str) -> None:
        self.deeds: list[Deed] = []
        self._asker = Asker([server.url], answer_seconds=30.0, draw=random.Random(0))
        start = self._deed("start", task, 0)
        started, reply = self._asker.ask(
            start, server.worker, requests.start(task, ("a",), start), attempts=1
        )
        assert reply is not None
        self.deeds.append(requests.told(started, reply))
        self._try: OpenTry = requests.opened(task, reply)

    def ask(self, step: Step) -> Deed:
        """Ask for a step and record what was answered."""
        done = self.send(self._deed("state", self._try.task, self._try.try_number)._replace(steps=(step,)))
        self.deeds.append(done)
        return done

    def send(self, deed: Deed) -> Deed:
        """Send a request, which may be a copy of one that was sent before."""
        request = requests.state(deed.steps, self._try)
        return requests.told(*self._asker.ask(deed, self._try.token, request, attempts=1))

    def close(self) -> None:
        self._asker.close()

    def _deed(self, verb: str, task: str, number: int) -> Deed:
        return Deed(os.urandom(16).hex(), "client", verb, task, number, (), UNKNOWN)


@pytest.mark.parametrize(
    ("repeated", "next_one"),
    [
        pytest.param(Step("set", _KEY, "1"), Step("set", _KEY, "2"), marks=_NOT_RECORDED, id="set"),
        pytest.param(Step("delete", _KEY), Step("set", _KEY, "2"), marks=_NOT_RECORDED, id="delete"),
        pytest.param(Step("set", _KEY, "1", if_absent=True), Step("delete", _KEY), id="set if absent"),
        pytest.param(Step("increment", _KEY, "1"), Step("get", _KEY), id="increment"),
        pytest.param(Step("set", _ASSET, "1"), Step("set", _ASSET, "2"), id="staged set"),
        pytest.param(Step("increment", _ASSET, "1"), Step("get", _ASSET), id="staged increment"),
    ],
)
def test_a_request_that_arrives_late_is_not_done_again(
    server: Server, repeated: Step, next_one: Step, request: pytest.FixtureRequest
) -> None:
    task = request.node.callspec.id
    repeated, next_one = (step._replace(cell=step.cell.format(task)) for step in (repeated, next_one))
    scene = Scene(server, task)
    try:
        answered = scene.ask(repeated)
        given_up = Attempt(answered.invoked_at, answered.invoked_at, LOST)
        scene.deeds[-1] = answered._replace(attempts=(given_up, *answered.attempts))
        assert scene.ask(next_one).outcome == OK
        late = scene.send(answered)  # the attempt that the client gave up on
        assert late.outcome == OK
        assert scene.ask(Step("get", repeated.cell)).outcome == OK
    finally:
        scene.close()
    assert not judge(scene.deeds).violations
