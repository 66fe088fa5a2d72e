"""Random courses of jobs, operators and sweeps on one store, with kills in them, drawn by a seed."""

from __future__ import annotations

import random
from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING

from tests.crash.external.final_check import check, check_retention, end_job
from tests.crash.external.job import SIZES_IN_PARTS_BYTES, TASK_STEPS
from tests.crash.external.killing_store import DELETING_STEPS, FOLDER_STEPS, LISTING_STEPS, WRITING_STEPS
from tests.crash.external.operate import OPERATOR_STEPS
from tests.crash.external.sweep import REQUEST_STEPS
from tests.crash.steps import STATEMENT_STEPS, STORE_STEPS, SUPERVISOR_STEPS, VICTIMS, Kill

if TYPE_CHECKING:
    from tests.crash.external.place import ExternalPlace

# Steps of the task's own process, at which it, its supervisor or both are killed from within it.
IN_TASK_STEPS = (*TASK_STEPS, *WRITING_STEPS, "open_begun", "open_done", *FOLDER_STEPS)
# Steps of whoever disposes of objects.
DISPOSAL_STEPS = (*DELETING_STEPS, "removing", "removing_folder")
SWEEP_STEPS = (*REQUEST_STEPS, *DISPOSAL_STEPS, *LISTING_STEPS, *STATEMENT_STEPS)
# Random courses are judged after so many jobs.
JOBS_PER_COURSE = 8
_TWO_DAYS_SECONDS = 2 * 86_400.0


def run_course(place: ExternalPlace, seed: int, jobs: int = JOBS_PER_COURSE) -> None:
    """Run so many jobs, most of them killed, with what else is going on; then let one succeed, and judge."""
    drawing = random.Random(seed)
    for number in range(jobs):
        with place.observed() if number and drawing.random() < 0.25 else nullcontext():
            run_job_in_company(place, drawing)
        place.snapshot()
        if drawing.random() < 0.25:
            place.run_operator(drawing.randrange(2**32), _perhaps(drawing, _drawn_operator_kill(drawing)))
            place.snapshot()
        if drawing.random() < 0.3:
            place.run_sweep(_perhaps(drawing, _drawn_sweep_kill(drawing)), _drawn_ahead(drawing))
            place.snapshot()
    end_job(place, drawing.randrange(2**32))
    check(place)
    check_retention(place)


def run_job_in_company(place: ExternalPlace, drawing: random.Random) -> None:
    """Run a job, perhaps with a sweep that may take the object that it has not committed yet."""
    with ExitStack() as stack:
        work = place.work(drawing.randrange(2**32), drawing.randint(2, 12))._replace(
            exit_status=drawing.choice((0, 0, 0, 3)), is_async=drawing.random() < 0.25
        )
        if not place.medium.folder and drawing.random() < 0.2:
            work = work._replace(sizes_bytes=SIZES_IN_PARTS_BYTES)
        if drawing.random() < 0.3:
            sweep_kill = _perhaps(drawing, _drawn_sweep_kill(drawing))
            work = stack.enter_context(place.swept_meanwhile(work, sweep_kill, _drawn_ahead(drawing)))
        how = drawing.random()
        if how < 0.3:
            place.run_job_for(drawing.uniform(0.1, 0.7), work, drawing.choice(VICTIMS))
        elif how < 0.65:
            victim = drawing.choice(("task", "task", "supervisor", "both"))
            kill = Kill(victim, drawing.choice(IN_TASK_STEPS), drawing.choice((1, 1, 2, 3, 5, 8)))
            place.run_job(work._replace(kill=kill))
        else:
            place.run_job(work, _drawn_supervisor_kill(drawing))


def _drawn_supervisor_kill(drawing: random.Random) -> Kill:
    phase = drawing.choice(("", "lock_taken", "task_spawned", "finish_sent", "tidying_up", "tidying_up"))
    steps: tuple[str, ...]
    if phase == "tidying_up":
        steps, often = (*DISPOSAL_STEPS, *STATEMENT_STEPS), 3
    else:
        steps, often = (*SUPERVISOR_STEPS, *STORE_STEPS) if not phase else STORE_STEPS, 25
    victims = VICTIMS if phase == "task_spawned" else [victim for victim in VICTIMS if victim != "task"]
    return Kill(drawing.choice(victims), drawing.choice(steps), drawing.randint(1, often), phase)


def _drawn_operator_kill(drawing: random.Random) -> Kill:
    step = drawing.choice((*OPERATOR_STEPS, *STATEMENT_STEPS))
    return Kill("supervisor", step, 1 if step in OPERATOR_STEPS else drawing.randint(1, 5))


def _drawn_sweep_kill(drawing: random.Random) -> Kill:
    return Kill("supervisor", drawing.choice(SWEEP_STEPS), drawing.choice((1, 1, 2, 3, 5)))


def _drawn_ahead(drawing: random.Random) -> float:
    return drawing.choice((0.0, 400.0, _TWO_DAYS_SECONDS))


def _perhaps(drawing: random.Random, kill: Kill) -> Kill | None:
    return kill if drawing.random() < 0.7 else None
