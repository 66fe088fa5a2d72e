"""Kills at the steps of each operation on an offloaded value, one after the other, in each process.

With ``--crash-runs 5000`` at every one of them; by default, at some that are spread over all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import cycle
from typing import Any, NamedTuple

import pytest
from statekeep import TaskScope

from tests.crash.external.final_check import check, end_job
from tests.crash.external.job import OPERATIONS, TASK_STEPS
from tests.crash.external.killing_store import FOLDER_STEPS, MEDIUM_STEPS
from tests.crash.external.operate import OPERATOR_STEPS
from tests.crash.external.place import DAY_SECONDS, ExternalPlace, MakePlace
from tests.crash.external.sweep import REQUEST_STEPS
from tests.crash.external.values import text_of
from tests.crash.steps import ANY_STEP, STORE_STEPS, SUPERVISOR_STEPS, Kill
from tests.crash.supervise import TASK
from tests.crash.test_creation import spread

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

_SIDE_BY_SIDE = 2
# Every operation, the ones that empty everything behind those that fill it.
_ALL = tuple(name for name in OPERATIONS if "clear" not in name)
_SCRIPT = (*_ALL, "clear", "set", *_ALL, "stage_clear")
_FILLING = ("set", "set", "batch", "batch", "widen", "stage", "stage", "set_at_once", "set_brief")
_SEED = 1
_KILLS_SHARE = 8  # of the --crash-runs, for each process

# Runs a process on a place, killed as planned or noting its steps in a file, and returns its status.
Course = Callable[[ExternalPlace, Kill | None, str], int]


def in_the_supervisor(place: ExternalPlace, kill: Kill | None, steps: str) -> int:
    work = place.work(_SEED)._replace(script=_SCRIPT, sizes_bytes=(3_000,))
    return place.run_job(work, kill and kill._replace(after="task_spawned"), steps=steps)


def in_the_task(place: ExternalPlace, kill: Kill | None, steps: str) -> int:
    work = place.work(_SEED)._replace(script=_SCRIPT, sizes_bytes=(3_000,), kill=kill, steps=steps)
    return place.run_job(work)


def in_a_sweep(place: ExternalPlace, kill: Kill | None, steps: str) -> int:
    fill(place)
    leave_orphan(place)
    return place.run_sweep(kill, 2 * DAY_SECONDS, steps=steps)


def in_a_rewind(place: ExternalPlace, kill: Kill | None, steps: str) -> int:
    fill(place)
    return place.run_operator(_SEED, kill, steps=steps)


def leave_orphan(place: ExternalPlace) -> None:
    """Put an object there that no record will name, as a task does that dies before its commit."""
    scope = TaskScope(*TASK)
    storage_key = f"a~{os.urandom(13).hex()}"
    with place.reader() as reader:
        backend = reader.backends.writer()
        assert backend is not None
        told: dict[str, Any] = {"scope": scope, "storage_key": storage_key}
        value = json.dumps(text_of("a", 0, 3_000))
        backend.serialize_task_state_to_ref(value=value, key=storage_key, ti_id=scope.ti_id, **told)


def fill(place: ExternalPlace) -> None:
    """Write values, so that there is something to replace, to expire and to go back to."""
    work = place.work(_SEED)._replace(script=_FILLING, sizes_bytes=(3_000,))
    assert place.run_job(work) == 0, place.said()[-2000:]
    place.snapshot()


# How many kills of the short form, and whom; a process that is alone is its own victim.
_COURSES: dict[Course, tuple[int, Sequence[str]]] = {
    in_the_supervisor: (10, ("supervisor", "task", "both", "all")),
    in_the_task: (7, ("task", "supervisor", "both")),
    in_a_sweep: (4, ("supervisor",)),
    in_a_rewind: (3, ("supervisor",)),
}


def steps_of(place: ExternalPlace, course: Course) -> list[str]:
    """Run the course undisturbed and return the steps at which a kill may come."""
    file = place.path / "steps"
    assert course(place, None, str(file)) == 0, place.said()[-2000:]
    place.snapshot()
    steps = file.read_text().split()
    return steps[steps.index("task_spawned") + 1 :] if "task_spawned" in steps else steps


def kill_at_steps(place: ExternalPlace, course: Course, at_most: int, victims: Sequence[str]) -> list[str]:
    """Kill the course at so many of its steps, in turn; judge, and return the names of those steps."""
    fill(place)
    steps = steps_of(place, course)
    for number, victim in zip(spread(len(steps), at_most), cycle(victims)):
        course(place, Kill(victim, ANY_STEP, number), "")
        place.snapshot()
    end_job(place, _SEED)
    check(place)
    return steps


class Begun(NamedTuple):
    """A course that is under way: where, how many kills are planned, and its steps once it has ended."""

    place: ExternalPlace
    kills: int
    steps: Future[list[str]]


@pytest.fixture(scope="module")
def courses(make_external: MakePlace, crash_runs: int) -> Iterator[dict[Course, Begun]]:
    """All of them, some side by side; each test waits for its own."""
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        begun = {}
        for course, (fewest, victims) in _COURSES.items():
            place, kills = make_external(), max(fewest, crash_runs // _KILLS_SHARE)
            steps = pool.submit(kill_at_steps, place, course, kills, victims)
            begun[course] = Begun(place, kills, steps)
        yield begun


@pytest.mark.parametrize("course", _COURSES, ids=lambda course: str(course.__name__))
def test_a_kill_at_any_step_loses_no_value_and_leaves_no_object(
    course: Course, courses: dict[Course, Begun], capsys: pytest.CaptureFixture[str]
) -> None:
    place, kills, steps = courses[course]
    planned = min(len(steps.result()), kills)
    if kills > _COURSES[course][0]:
        with capsys.disabled():
            print(f"\n{place.kills} of {place.runs} processes were killed, {course.__name__}")
    assert place.kills >= planned * 3 // 4  # no two tries go through the very same steps


def test_every_kind_of_step_is_gone_through(place: ExternalPlace) -> None:
    """Otherwise the kills above would be less than they say."""
    gone_through = set()
    for course in sorted(_COURSES, key=lambda course: course is not in_the_task):  # whose folders are new
        gone_through |= set(steps_of(place, course))
        (place.path / "steps").unlink()
    expected = {*TASK_STEPS, *MEDIUM_STEPS, *FOLDER_STEPS, *REQUEST_STEPS, *OPERATOR_STEPS, *STORE_STEPS}
    expected |= set(SUPERVISOR_STEPS[SUPERVISOR_STEPS.index("request_received") :])
    assert expected - gone_through == {"file_torn"}  # which is where somebody is killed in a write only
