"""A request whose client gave up on it and asked again arrives when the client has long gone on."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from statekeep._shared.state.sendings import Sending
from statekeep._shared.state.wire import Plain

from tests.histories import requests
from tests.histories.asking import Asker
from tests.histories.deeds import LOST, OK, UNKNOWN, Attempt, Deed, Step
from tests.histories.judging import judge
from tests.histories.requests import OpenTry
from tests.histories.serving import Server
from tests.postgresql.cluster import Cluster

pytestmark = pytest.mark.slow

_KEY, _ASSET = "task/{}/k", "asset/{}/k"
_NOW: dict[str, Any] = {"apply_now": True}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("late")
    url = str(folder / "served" / "state.db")
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgres_cluster")
        url = cluster.url(cluster.make_database())
    server = Server(folder, url, 0)
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
            start, server.worker, requests.start(task, (task,), start), attempts=1
        )
        assert reply is not None
        self.deeds.append(requests.told(started, reply))
        self._try: OpenTry = requests.opened(task, reply)

    def ask(self, step: Step) -> Deed:
        """Ask for a step and record what was answered."""
        deed = self._deed("state", self._try.task, self._try.try_number)._replace(steps=(step,))
        return self._asked(deed)

    def ask_again(self, step: Step) -> tuple[Deed, Sending | None]:
        """Ask for a step when an attempt of it was given up; return that with its number, too."""
        deed = self._deed("state", self._try.task, self._try.try_number)._replace(steps=(step,))
        given_up = self._asker.draw_number(deed, requests.state(deed.steps, self._try))
        answered = self._asked(deed)
        attempt = Attempt(answered.invoked_at, answered.invoked_at, LOST)
        self.deeds[-1] = answered._replace(attempts=(attempt, *answered.attempts))
        return deed, given_up

    def give_up(self, step: Step) -> tuple[Deed, Sending | None]:
        """Ask for a step, and go on without an answer."""
        deed = self._deed("state", self._try.task, self._try.try_number)._replace(steps=(step,))
        given_up = self._asker.draw_number(deed, requests.state(deed.steps, self._try))
        self.deeds.append(deed._replace(attempts=(Attempt(time.monotonic(), time.monotonic(), LOST),)))
        return deed, given_up

    def arrive(self, deed: Deed, sending: Sending | None) -> Plain:
        """Let the attempt that was given up arrive."""
        request = requests.state(deed.steps, self._try)
        return self._asker.deliver(deed, self._try.token, request, sending)

    def _asked(self, deed: Deed) -> Deed:
        request = requests.state(deed.steps, self._try)
        done = requests.told(*self._asker.ask(deed, self._try.token, request, attempts=1))
        self.deeds.append(done)
        return done

    def close(self) -> None:
        self._asker.close()

    def _deed(self, verb: str, task: str, number: int) -> Deed:
        return Deed(os.urandom(16).hex(), "client", verb, task, number, (), UNKNOWN)


@pytest.mark.parametrize(
    ("repeated", "next_one"),
    [
        pytest.param(Step("set", _KEY, "1"), Step("set", _KEY, "2"), id="set"),
        pytest.param(Step("delete", _KEY), Step("set", _KEY, "2"), id="delete"),
        pytest.param(Step("set", _KEY, "1", if_absent=True), Step("delete", _KEY), id="set if absent"),
        pytest.param(Step("increment", _KEY, "1"), Step("get", _KEY), id="increment"),
        pytest.param(Step("set_max", _KEY, "1"), Step("delete", _KEY), id="maximum"),
        pytest.param(Step("clear", "task/{}/"), Step("set", _KEY, "2"), id="clear"),
        pytest.param(Step("set", _ASSET, "1"), Step("set", _ASSET, "2"), id="staged set"),
        pytest.param(
            Step("set", _ASSET, "1", if_absent=True), Step("delete", _ASSET), id="staged set if absent"
        ),
        pytest.param(Step("delete", _ASSET), Step("set", _ASSET, "2"), id="staged delete"),
        pytest.param(Step("increment", _ASSET, "1"), Step("get", _ASSET), id="staged increment"),
        pytest.param(Step("set_max", _ASSET, "1"), Step("delete", _ASSET), id="staged maximum"),
        pytest.param(Step("set", _ASSET, "1", **_NOW), Step("set", _ASSET, "2", **_NOW), id="set now"),
        pytest.param(
            Step("set", _ASSET, "1", if_absent=True, **_NOW),
            Step("delete", _ASSET, **_NOW),
            id="set now if absent",
        ),
        pytest.param(Step("delete", _ASSET, **_NOW), Step("set", _ASSET, "2", **_NOW), id="delete now"),
        pytest.param(Step("increment", _ASSET, "1", **_NOW), Step("get", _ASSET), id="increment now"),
        pytest.param(Step("set_max", _ASSET, "1", **_NOW), Step("delete", _ASSET, **_NOW), id="maximum now"),
        pytest.param(
            Step("clear", "asset/{}/", **_NOW), Step("set", _ASSET, "2", **_NOW), id="clear of an asset now"
        ),
    ],
)
def test_a_request_that_arrives_late_is_not_done_again(
    server: Server, repeated: Step, next_one: Step, request: pytest.FixtureRequest
) -> None:
    task = str(request.node.callspec.id).partition("-")[2]
    repeated, next_one = (step._replace(cell=step.cell.format(task)) for step in (repeated, next_one))
    scene = Scene(server, task)
    try:
        deed, given_up = scene.ask_again(repeated)
        assert scene.ask(next_one).outcome == OK
        late = scene.arrive(deed, given_up)
        assert late.get("code") == ("overtaken" if deed.is_blind else None)
        assert scene.ask(Step("get", f"{repeated.cell.removesuffix('k')}k")).outcome == OK
    finally:
        scene.close()
    assert not judge(scene.deeds).violations


_CHANGES = {
    "set": Step("set", _KEY, "1"),
    "set if absent": Step("set", _KEY, "1", if_absent=True),
    "delete": Step("delete", _KEY),
    "increment": Step("increment", _KEY, "1"),
    "maximum": Step("set_max", _KEY, "1"),
    "clear": Step("clear", "task/{}/"),
    "staged set": Step("set", _ASSET, "1"),
    "staged set if absent": Step("set", _ASSET, "1", if_absent=True),
    "staged increment": Step("increment", _ASSET, "1"),
    "staged maximum": Step("set_max", _ASSET, "1"),
    "set now": Step("set", _ASSET, "1", **_NOW),
    "set now if absent": Step("set", _ASSET, "1", if_absent=True, **_NOW),
    "increment now": Step("increment", _ASSET, "1", **_NOW),
    "maximum now": Step("set_max", _ASSET, "1", **_NOW),
}


@pytest.mark.parametrize(
    ("given_up", "next_one"),
    [
        *[
            pytest.param(step, Step("increment", "task/{}/other", "1"), id=name)
            for name, step in _CHANGES.items()
        ],
        pytest.param(_CHANGES["set"], Step("set", _KEY, "2"), id="set before a set"),
    ],
)
def test_what_a_task_was_told_to_be_unknown_is_not_done_after_its_next_change(
    server: Server, given_up: Step, next_one: Step, request: pytest.FixtureRequest
) -> None:
    task = f"given up: {str(request.node.callspec.id).partition('-')[2]}"
    given_up, next_one = (step._replace(cell=step.cell.format(task)) for step in (given_up, next_one))
    look = Step("get", f"{given_up.cell.removesuffix('k')}k")
    scene = Scene(server, task)
    try:
        deed, sending = scene.give_up(given_up)
        assert scene.ask(next_one).outcome == OK
        seen = scene.ask(look)
        assert scene.arrive(deed, sending).get("code") == "overtaken"
        assert scene.ask(look).answers == seen.answers
    finally:
        scene.close()
    assert not judge(scene.deeds).violations
