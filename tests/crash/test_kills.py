"""Kills at every named step, and at random ones; then the job starts again, and the ledger is judged."""

from __future__ import annotations

import ast
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from statekeep.supervisor import supervisor

from tests.crash.checker import judge
from tests.crash.job import Work
from tests.crash.observer import observe
from tests.crash.steps import (
    FILE_STEPS,
    STATEMENT_STEPS,
    STORE_STEPS,
    SUPERVISOR_STEPS,
    TASK_STEPS,
    VICTIMS,
    Kill,
)
from tests.crash.workplace import Workplace

pytestmark = pytest.mark.slow

_REPEATED = ("request_received", "reply_ready")
# A try of two pieces asks for 12 writes and a few reads.
_EARLY, _MIDDLE, _LATE = 1, 7, 14
_SIDE_BY_SIDE = 2
# Of the random kills, how many come at a moment that is drawn, not at a step.
_TIMED_SHARE = 0.4
_SHORT_RUNS = 50

# As long as there are runs; each of them is waited for with a patience of its own.
unlimited = pytest.mark.timeout(0)


def named_kills(victim: str) -> Iterator[Kill]:
    """Yield the kills of the sweep: every step at which there is such a victim, the repeated ones thrice."""
    for step in TASK_STEPS if victim == "task" else SUPERVISOR_STEPS:
        for occurrence in (_EARLY, _MIDDLE, _LATE) if step in _REPEATED else (1,):
            yield Kill(victim, step, occurrence)
    if victim in ("task", "supervisor", "both"):
        for step in STORE_STEPS:
            yield Kill(victim, step, 12, after="task_spawned")
    if victim == "supervisor":
        yield from _kills_inside_the_store()


def _kills_inside_the_store() -> Iterator[Kill]:
    for phase in ("lock_taken", "finish_sent"):
        for step in STORE_STEPS:
            yield Kill("supervisor", step, after=phase)
    for step in FILE_STEPS:  # while the write-ahead log is folded into the database
        yield Kill("supervisor", step, after="finished")
    for occurrence in range(2, 16, 2):  # between the statements that apply what is staged
        yield Kill("supervisor", "statement", occurrence, after="finish_sent")


def run_killed(place: Workplace, kills: Sequence[Kill]) -> None:
    """Run the job through these kills, let it fail once and succeed once, and judge all that happened."""
    for kill in kills:
        # (When the task alone is killed, its child is given a second to end by itself; see test_orphans.)
        status = place.run(Work(has_child=kill.victim != "task"), kill)
        assert status == (137 if kill.victim == "task" else -9), f"{kill}: {place.said()[-2000:]}"
        place.snapshot()
    run_to_the_end(place)


def run_to_the_end(place: Workplace) -> None:
    assert place.run(Work(exit_status=3)) == 3, place.said()[-2000:]
    place.snapshot()
    assert place.run() == 0, place.said()[-2000:]

    assert place.left_behind() == []
    place.snapshot()
    assert judge(place.ledger.read()) == []


def run_observed(place: Workplace, kills: Sequence[Kill]) -> None:
    """As ``run_killed``, with an operator who reads all the time."""
    is_over = threading.Event()
    with ThreadPoolExecutor(1) as pool, ExitStack() as stack:
        glimpses = pool.submit(observe, place.store_path, place.ledger, is_over)
        stack.callback(is_over.set)
        run_killed(place, kills)
        is_over.set()
        assert glimpses.result() > len(kills)


@pytest.fixture(scope="module")
def sweeps(make_workplace: Callable[[], Workplace]) -> Iterator[dict[str, Future[None]]]:
    """All victims' sweeps, some of them side by side; each test waits for its own."""
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        # An open observer keeps the log from being folded, which the sweep of "supervisor" wants to see.
        yield {
            victim: pool.submit(
                run_observed if victim == "both" else run_killed, make_workplace(), list(named_kills(victim))
            )
            for victim in sorted(VICTIMS, key=lambda victim: -len(list(named_kills(victim))))
        }


def drawn_kill(drawing: random.Random) -> Kill | float:
    """Draw a step and an occurrence of it, or a delay in seconds, at which to kill.

    Many occurrences never come to pass; such a run just succeeds.
    """
    if drawing.random() < _TIMED_SHARE:
        return drawing.uniform(0.0, 0.5)
    phase = drawing.choice(("", "", "lock_taken", "task_spawned", "task_spawned", "finish_sent", "finished"))
    steps = (*SUPERVISOR_STEPS, *STORE_STEPS) if phase == "" else STORE_STEPS
    often = 1 if phase == "finished" else 12 if phase == "finish_sent" else 40
    victims = VICTIMS if phase == "task_spawned" else [victim for victim in VICTIMS if victim != "task"]
    return Kill(drawing.choice(victims), drawing.choice(steps), drawing.randint(1, often), phase)


def run_drawn(place: Workplace, seed: int, runs: int) -> int:
    """Run the job with so many drawn kills, judge all that happened, and return how many were killed."""
    drawing = random.Random(seed)
    killed = 0
    for _ in range(runs):
        work = Work(pieces=drawing.randint(1, 4), exit_status=drawing.choice((0, 0, 0, 3)))
        kill = drawn_kill(drawing)
        if isinstance(kill, Kill):
            status = place.run(work, kill)
        else:
            status = place.run_for(kill, work, drawing.choice(VICTIMS))
        killed += status in (-9, 137)
        place.snapshot()
    run_to_the_end(place)
    return killed


@unlimited
def test_kills_at_random_moments_break_no_promise(
    make_workplace: Callable[[], Workplace],
    crash_runs: int,
    crash_seed: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    each = -(-crash_runs // _SIDE_BY_SIDE)
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        runs = [pool.submit(run_drawn, make_workplace(), crash_seed + n, each) for n in range(_SIDE_BY_SIDE)]
    print(f"--crash-runs {crash_runs} --crash-seed {crash_seed}")  # pytest shows it when this fails
    killed = sum(run.result() for run in runs)
    with capsys.disabled():
        if crash_runs > _SHORT_RUNS:
            print(f"\n{killed} of {each * _SIDE_BY_SIDE} runs were killed; seed {crash_seed}")
    assert killed > 0


@unlimited
@pytest.mark.parametrize("victim", VICTIMS)
def test_a_kill_at_any_named_step_breaks_no_promise(victim: str, sweeps: dict[str, Future[None]]) -> None:
    sweeps[victim].result()


def test_no_step_that_the_supervisor_names_is_missing_in_the_sweep() -> None:
    named = {
        argument.value
        for path in Path(supervisor.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2].lstrip("_") == "on_step"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }
    assert named == set(SUPERVISOR_STEPS)
    assert all(step in str(supervisor.Supervisor.__doc__) for step in SUPERVISOR_STEPS)
    for victim in ("supervisor", "both", "all"):
        assert named <= {kill.step for kill in named_kills(victim)}


def test_an_undisturbed_run_goes_through_every_step(workplace: Workplace) -> None:
    steps = workplace.path / "steps"
    assert workplace.run(steps=str(steps)) == 0
    gone_through = dict.fromkeys(steps.read_text().split())
    assert [step for step in gone_through if step in SUPERVISOR_STEPS] == list(SUPERVISOR_STEPS)
    # A torn write happens only where somebody is killed in it.
    assert set(gone_through) == {*SUPERVISOR_STEPS, *STATEMENT_STEPS, *FILE_STEPS} - {"file_torn"}


def test_a_write_is_answered_after_its_fsync(workplace: Workplace) -> None:
    """A kill loses nothing that the kernel has; a power cut would, so the order is looked at."""
    steps = workplace.path / "steps"
    assert workplace.run(steps=str(steps)) == 0
    groups = "\n".join(step for step in steps.read_text().split() if step in (*FILE_STEPS, "group_answered"))
    written = [group for group in groups.split("group_answered")[:-1] if "file_written" in group]
    assert len(written) > _MIDDLE
    assert all(group.split()[-1] == "file_synced" for group in written)
