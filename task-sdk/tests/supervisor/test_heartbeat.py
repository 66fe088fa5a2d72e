"""The lease: renewed for as long as the try runs, through a store that is away, until another takes over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from answers import Answers
from statekeep._shared.state import messages as m
from statekeep._shared.state.errors import SupersededError, UnavailableError
from statekeep._shared.state.wire import refusal_of, to_plain
from statekeep.supervisor.heartbeat import Heartbeat
from statekeep.supervisor.loop import Loop

CLAIMS = to_plain(m.TryClaims(7, 2))
AWAY = refusal_of(UnavailableError(what="the store", problem="its disk is full"))
LOST = refusal_of(SupersededError(task="t", try_number=2, current_try_number=3))


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def beat(loop: Loop, client: Answers, until: int) -> tuple[list[m.Refusal], list[str]]:
    fenced: list[m.Refusal] = []
    said: list[str] = []
    heartbeat = Heartbeat(loop, client, CLAIMS, 0.003, on_fenced=fenced.append, say=said.append)
    loop.run_until(lambda: len(client.asked) >= until)
    loop.pause(0.0, unless=lambda: False)
    heartbeat.end()
    return fenced, said


def test_the_lease_is_renewed_again_and_again(loop: Loop) -> None:
    client = Answers(m.LeaseRenewed(0.003))
    assert beat(loop, client, until=3) == ([], [])
    assert client.asked[0][0] == m.Heartbeat(0.003)


def test_a_store_that_is_away_is_said_once_and_asked_on(loop: Loop) -> None:
    fenced, said = beat(loop, Answers(AWAY, AWAY, AWAY, m.LeaseRenewed(0.003)), until=5)
    assert fenced == []
    assert said == [
        "the lease could not be renewed: the store is unavailable: its disk is full; trying on",
        "the lease is renewed again",
    ]


def test_a_try_that_was_superseded_asks_no_more(loop: Loop) -> None:
    client = Answers(m.LeaseRenewed(0.003), LOST)
    assert beat(loop, client, until=2) == ([LOST], [])
    loop.pause(0.01, unless=lambda: len(client.asked) > 2)
    assert len(client.asked) == 2


def test_nothing_is_asked_after_the_end(loop: Loop) -> None:
    client = Answers(m.LeaseRenewed(0.003))
    Heartbeat(loop, client, CLAIMS, 0.003, on_fenced=lambda _r: None, say=lambda _s: None).end()
    loop.pause(0.01, unless=lambda: bool(client.asked))
    assert client.asked == []
