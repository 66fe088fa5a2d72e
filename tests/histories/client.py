"""A process of clients: supervisors that compete for tasks, tasks with many threads, and operators.

Reads one line of JSON per history from its input, and says ``done`` when that has ended. The parent stops and
continues it whenever it likes.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections import defaultdict
from pathlib import Path
from threading import Lock, Thread
from typing import NamedTuple

from statekeep._shared.state import messages as m
from statekeep.client.sendings import Sendings

from tests.histories import requests
from tests.histories.asking import Asker
from tests.histories.deeds import FENCED, OK, UNKNOWN, Deed, write_line
from tests.histories.drawing import Drawing
from tests.histories.requests import OpenTry

_KEPT_TRIES = 3
_MANY_ATTEMPTS = 16
_MOST_ROLES = 100
_MEETINGS = 0.5
_MEETING_SECONDS = 0.05


class Assignment(NamedTuple):
    """One history as this process takes part in it, under a name and a number unlike any other's."""

    client: str
    number: int
    seed: int
    seconds: float
    ledger: str
    urls: list[str]
    worker: str
    operator: str
    tasks: list[str]
    assets: list[str]
    threads: int
    answer_seconds: float


class Party:
    """What the threads of one process share during one history."""

    def __init__(self, assignment: Assignment, ledger: Path) -> None:
        self.assignment = assignment
        self.end_at = time.monotonic() + assignment.seconds
        self.sendings = Sendings()
        self._ledger = ledger.open("w")
        self._lock = Lock()
        self._tries: dict[str, list[OpenTry]] = defaultdict(list)
        self._over: set[tuple[str, int]] = set()

    def record(self, deed: Deed) -> None:
        with self._lock:
            if deed.code in FENCED:
                self._over.add((deed.task, deed.try_number))
            self._ledger.write(write_line(deed))

    def opened(self, of_try: OpenTry) -> None:
        with self._lock:
            self._tries[of_try.task] = [*self._tries[of_try.task][1 - _KEPT_TRIES :], of_try]

    def last_try(self, task: str) -> OpenTry:
        with self._lock:
            return self._tries[task][-1]

    def some_try(self, draw: random.Random) -> OpenTry | None:
        """Return a try that this process started: mostly one that may be current, but sometimes any."""
        with self._lock:
            tries = [of_try for task in self.assignment.tasks for of_try in self._tries[task]]
            current = [each for each in tries if (each.task, each.try_number) not in self._over]
            tries = tries if draw.random() < 0.1 else current
            return draw.choice(tries) if tries else None

    def close(self) -> None:
        self._ledger.close()


class Role(Thread):
    """A thread that goes on until the history ends."""

    def __init__(self, party: Party, number: int) -> None:
        super().__init__(daemon=True)
        assignment = party.assignment
        self._party = party
        self._client = f"{assignment.client}{number}"
        self._draw = random.Random(f"{assignment.seed} {self._client}")
        values_of = _MOST_ROLES * assignment.number + number
        self._drawing = Drawing(self._draw, values_of, assignment.tasks, assignment.assets)
        self._asker = Asker(
            assignment.urls,
            answer_seconds=assignment.answer_seconds,
            draw=self._draw,
            sendings=party.sendings,
        )

    def run(self) -> None:
        try:
            while time.monotonic() < self._party.end_at:
                self.act()
        finally:
            self._asker.close()

    def act(self) -> None:
        raise NotImplementedError

    def pause(self, least_seconds: float, most_seconds: float) -> None:
        """Think: the clients are no benchmark, and a longer history holds more faults than a denser one."""
        time.sleep(self._draw.uniform(least_seconds, most_seconds))

    def meet(self) -> None:
        """Wait for the others, now and then, of whatever process: the clock is the machine's."""
        if self._draw.random() < _MEETINGS:
            time.sleep(_MEETING_SECONDS - time.monotonic() % _MEETING_SECONDS)

    def deed(self, verb: str, task: str = "", try_number: int = 0) -> Deed:
        return Deed(os.urandom(16).hex(), self._client, verb, task, try_number, (), UNKNOWN)

    def ask(self, deed: Deed, proof: str, request: object, attempts: int) -> Deed:
        asked, reply = self._asker.ask(deed, proof, request, attempts=attempts)
        done = requests.told(asked, reply)
        self._party.record(done)
        if done.verb == "start" and done.outcome == OK and reply is not None:
            self._party.opened(requests.opened(done.task, reply))
        return done

    def steps(self, of_try: OpenTry | None, proof: str) -> Deed:
        """Ask for something random."""
        task = "" if of_try is None else of_try.task
        deed = self.deed("state", task, 0 if of_try is None else of_try.try_number)
        deed = self._drawing.deed(deed, of_try)
        attempts = _MANY_ATTEMPTS if self._draw.random() < 0.8 else 1
        request = requests.state(deed.steps, of_try, is_list=deed.is_list)
        done = self.ask(deed, proof, request, attempts)
        self._drawing.learn(done)
        return done


class Supervisor(Role):
    """Starts one try after the other of a task, if nobody else has one, and keeps it alive or does not."""

    def __init__(self, party: Party, number: int) -> None:
        super().__init__(party, number)
        self.task = party.assignment.tasks[number]
        self._last_holder = ""
        self._has_left = False

    def act(self) -> None:
        assignment, draw = self._party.assignment, self._draw
        deed = self.deed("start", self.task)._replace(
            rerun=draw.random() < 0.8, lease_seconds=round(draw.uniform(0.1, 0.8), 2)
        )
        deed = deed._replace(fresh=deed.rerun and draw.random() < 0.15, holder=os.urandom(8).hex())
        if draw.random() < (0.7 if self._has_left else 0.2):
            deed = deed._replace(proof=self._last_holder)
        request = requests.start(self.task, tuple(assignment.assets), deed)
        started = self.ask(deed, assignment.worker, request, _MANY_ATTEMPTS)
        if started.outcome != OK:
            self.pause(0.02, 0.2)
            return
        self._last_holder, self._has_left = started.holder, False
        self._live(started)

    def _live(self, started: Deed) -> None:
        of_try = self._party.last_try(self.task)
        keeps_alive = self._draw.random() < 0.6
        end_at = time.monotonic() + self._draw.uniform(0.1, 1.2)
        while time.monotonic() < min(end_at, self._party.end_at):
            self.pause(0.05, 0.15)
            if keeps_alive:
                deed = self.deed("heartbeat", self.task, of_try.try_number)
                deed = deed._replace(lease_seconds=started.lease_seconds)
                if self.ask(deed, of_try.token, m.Heartbeat(deed.lease_seconds), 2).code in FENCED:
                    return
        self._has_left = self._draw.random() < 0.25  # as a supervisor that was killed
        if not self._has_left:
            self._finish(of_try)

    def _finish(self, of_try: OpenTry) -> None:
        succeeded = self._draw.random() < 0.75
        for _ in range(1 if self._draw.random() < 0.8 else 2):
            deed = self.deed("finish", self.task, of_try.try_number)._replace(succeeded=succeeded)
            self.ask(deed, of_try.token, m.Finish(succeeded, 0 if succeeded else 1), _MANY_ATTEMPTS)


class Task(Role):
    """One thread of whatever tries there are."""

    def act(self) -> None:
        of_try = self._party.some_try(self._draw)
        if of_try is None:
            self.pause(0.01, 0.03)
            return
        self.meet()
        self.steps(of_try, of_try.token)
        self.pause(0.0, 0.02)


class Operator(Role):
    """A person's tool, which no fence concerns."""

    def act(self) -> None:
        assignment = self._party.assignment
        self.meet()
        self.steps(None, assignment.operator)
        if self._draw.random() < 0.1:
            asset = self._draw.choice(assignment.assets)
            deed = self.deed("history", f"asset/{asset}")
            self.ask(deed, assignment.operator, requests.history(asset), 3)
        self.pause(0.02, 0.08)


def take_part(assignment: Assignment) -> None:
    """Run one history to its end."""
    party = Party(assignment, Path(assignment.ledger))
    kinds: list[type[Role]] = [Supervisor] * len(assignment.tasks) + [Task] * assignment.threads + [Operator]
    roles = [kind(party, number) for number, kind in enumerate(kinds)]
    for role in roles:
        role.start()
    for role in roles:
        role.join()
    party.close()


def main() -> None:
    for line in sys.stdin:
        take_part(Assignment(**json.loads(line)))
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
