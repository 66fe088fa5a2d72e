"""Kills of task, supervisor and server while values go to an object store; then all that happened is judged.

``--crash-runs 600`` for so many jobs, half of them on PostgreSQL; a few by default.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.crash.served.drawing import JOBS_PER_COURSE, run_course
from tests.crash.served.place import ServedPlace
from tests.postgresql.cluster import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

_SIDE_BY_SIDE = 2
_SHORT_RUNS = 50
_SHORT_JOBS = 3

MakeServed = Callable[[str], ServedPlace]


@pytest.fixture
def make_served(postgres_cluster: Cluster) -> Iterator[MakeServed]:
    """Makes places on an engine, which are removed after the test with every process in them."""
    places: list[ServedPlace] = []

    def make(engine: str) -> ServedPlace:
        path = Path(tempfile.mkdtemp(prefix="crash-", dir="/tmp"))
        database = "" if engine == "sqlite" else postgres_cluster.url(postgres_cluster.make_database())
        places.append(ServedPlace(path, database))
        return places[-1]

    yield make
    for place in places:
        place.close()
        shutil.rmtree(place.path, ignore_errors=True)


def test_kills_of_the_server_too_lose_no_value_and_leave_no_object(
    make_served: MakeServed, crash_runs: int, crash_seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    is_short = crash_runs <= _SHORT_RUNS
    courses = 2 if is_short else -(-crash_runs // JOBS_PER_COURSE)
    jobs = _SHORT_JOBS if is_short else JOBS_PER_COURSE
    print(f"--crash-runs {crash_runs} --crash-seed {crash_seed}")  # pytest shows it when this fails
    drawing = random.Random(crash_seed)
    seeds = [drawing.randrange(2**32) for _ in range(courses)]

    def course(number: int) -> tuple[int, int, int]:
        place = make_served(("sqlite", "postgresql")[number % 2])
        try:
            run_course(place, seeds[number], jobs)
        except BaseException as error:
            error.add_note(f"course {number} of seed {seeds[number]} in {place.path}")
            raise
        place.server.close()
        return place.runs, place.kills, place.server.kills

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        counts = list(pool.map(course, range(courses)))
    runs, kills, of_servers = (sum(column) for column in zip(*counts, strict=True))
    if not is_short:
        with capsys.disabled():
            print(f"\n{kills} of {runs} processes and {of_servers} servers were killed; seed {crash_seed}")
