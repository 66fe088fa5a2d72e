"""Runs histories: servers, clients and a nemesis together, and what the clients have recorded."""

from __future__ import annotations

import json
import os
import random
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.histories import requests
from tests.histories.asking import Asker
from tests.histories.client import Assignment
from tests.histories.deeds import LOST, OK, OVERTAKEN, REFUSED, UNKNOWN, Deed, Step, read_files, write_line
from tests.histories.nemesis import Database, Faults, Nemesis
from tests.histories.serving import Servers

_ROOT = Path(__file__).parents[2]
_ONE_IN = 25
_PROCESSES = 2
_THREADS = 3
_ANSWER_SECONDS = 0.3
_PATIENT_SECONDS = 30.0
_LIMIT_SECONDS = 120.0


class History(NamedTuple):
    """What was recorded in one run, where, and how often what happened to whom."""

    seed: int
    deeds: list[Deed]
    files: list[Path]
    counts: Counter[str]


class ClientProcess:
    """Clients in a process that takes part in one history after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.histories.client"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])},
        )

    def take_part(self, assignment: Assignment) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(assignment._asdict()) + "\n")
        self._process.stdin.flush()

    def wait(self) -> None:
        """Return when the history has ended for this process."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _LIMIT_SECONDS)
        if not ready or self._process.stdout.readline() != "done\n":
            raise AssertionError(f"a client hangs, or ended with {self._process.poll()}")

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class Arena:
    """Servers and clients that last for several histories, each with tasks and assets of its own."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        *,
        servers: int,
        database: Database | None = None,
    ) -> None:
        self._folder = folder
        self.database = database
        self._faults = Faults(_ONE_IN)
        self._clients: list[ClientProcess] = []
        self._servers = Servers(folder, database_url, servers, self._faults)
        self._clients = [ClientProcess() for _ in range(_PROCESSES)]

    def run(self, seed: int, seconds: float) -> History:
        """Run one history and return it, with a last look at every key in it."""
        tasks, assets = [f"t{seed}-0", f"t{seed}-1"], [f"a{seed}", f"c{seed}"]
        files = [self._folder / f"{seed}-{number}.jsonl" for number in range(len(self._clients))]
        self._declare(assets)
        self._faults.reseed(seed)
        nemesis = Nemesis(seed, self._servers.each, self._clients, self.database)
        for number, (client, path) in enumerate(zip(self._clients, files, strict=True)):
            client.take_part(self._assignment(number, seed, seconds, path, tasks, assets))
        nemesis.rage(seconds)
        for client in self._clients:
            client.wait()
        self._faults.is_on = False
        deeds = read_files(files)
        files.append(self._folder / f"{seed}-last.jsonl")
        deeds += self._last_look(deeds, assets, files[-1])
        return History(seed, deeds, files, nemesis.counts + self._faults.counts + counted(deeds))

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self._servers.close()

    def _assignment(
        self, number: int, seed: int, seconds: float, path: Path, tasks: list[str], assets: list[str]
    ) -> Assignment:
        return Assignment(
            client=f"p{number}-",
            number=number,
            seed=seed,
            seconds=seconds,
            ledger=str(path),
            urls=self._servers.urls,
            worker=self._servers.worker,
            operator=self._servers.operator,
            tasks=tasks,
            assets=assets,
            threads=_THREADS,
            answer_seconds=_ANSWER_SECONDS,
        )

    def _declare(self, assets: list[str]) -> None:
        deed = _deed("start")._replace(task="declares", rerun=True, lease_seconds=0.001)
        request = requests.start(deed.task, tuple(assets), deed)
        asker = _patiently(self._servers.direct_urls)
        while asker.ask(deed, self._servers.worker, request, attempts=100)[0].outcome != OK:
            deed = deed._replace(request_id=os.urandom(16).hex())
        asker.close()

    def _last_look(self, deeds: Sequence[Deed], assets: list[str], path: Path) -> list[Deed]:
        asker = _patiently(self._servers.direct_urls)
        cells = sorted({cell for deed in deeds for cell in deed.keys})
        looks = [
            (_deed("state")._replace(steps=(step,)), requests.state((step,), None))
            for step in (Step("get", cell) for cell in cells)
        ]
        looks += [
            (_deed("history")._replace(task=f"asset/{name}"), requests.history(name)) for name in assets
        ]
        done = [
            requests.told(*asker.ask(deed, self._servers.operator, request, attempts=100))
            for deed, request in looks
        ]
        asker.close()
        path.write_text("".join(map(write_line, done)))
        return done


def counted(deeds: Sequence[Deed]) -> Counter[str]:
    """Count what the clients met."""
    counts: Counter[str] = Counter()
    for deed in deeds:
        counts["deeds"] += 1
        counts[f"{deed.verb} {deed.outcome}"] += 1
        counts["lists"] += deed.is_list
        counts["starts with a proof"] += bool(deed.proof) and deed.outcome == OK
        counts.update(f"{_name(step)} {deed.outcome}" for step in deed.steps if deed.verb == "state")
        counts["answers lost"] += sum(attempt.fate == LOST for attempt in deed.attempts)
        counts["overtaken"] += sum(attempt.fate == OVERTAKEN for attempt in deed.attempts)
        counts["unknown outcomes"] += deed.outcome == UNKNOWN and bool(deed.sent)
        counts["repeated, then answered"] += deed.outcome != UNKNOWN and len(deed.sent) > 1
        if deed.outcome == REFUSED:
            counts[f"refused: {deed.code}"] += 1
    takeovers = {(d.task, d.try_number) for d in deeds if d.verb == "start" and d.outcome == OK}
    ended = {(d.task, d.try_number) for d in deeds if d.verb == "finish" and d.outcome != REFUSED}
    counts["takeovers"] = sum((task, number + 1) in takeovers for task, number in takeovers - ended)
    return counts


def _name(step: Step) -> str:
    how = " now" if step.apply_now else " staged" if step.is_of_asset else ""
    condition = " if absent" if step.if_absent else " if version" if step.if_version is not None else ""
    return step.kind + condition + ("" if step.kind == "get" else how)


def _patiently(urls: Sequence[str]) -> Asker:
    return Asker(urls, answer_seconds=_PATIENT_SECONDS, draw=random.Random(0))


def _deed(verb: str) -> Deed:
    return Deed(os.urandom(16).hex(), "last", verb, "", 0, (), UNKNOWN)
