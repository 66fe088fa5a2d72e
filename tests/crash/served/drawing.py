"""Random courses behind a server that is killed, too, drawn by a seed."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from tests.crash.external.drawing import run_job_in_company
from tests.crash.external.final_check import check, check_retention, end_job
from tests.crash.served.serve import DATABASE_STEPS, STORE_STEPS
from tests.crash.steps import Kill

if TYPE_CHECKING:
    from tests.crash.served.place import ServedPlace

JOBS_PER_COURSE = 6


def run_course(place: ServedPlace, seed: int, jobs: int = JOBS_PER_COURSE) -> None:
    """Run so many jobs while task, supervisor and server are killed; then let one succeed, and judge."""
    drawing = random.Random(seed)
    for _ in range(jobs):
        is_observed = drawing.random() < 0.2
        with _server_killed(place, drawing), place.observed() if is_observed else nullcontext():
            run_job_in_company(place, drawing)
        place.snapshot()
        if drawing.random() < 0.3:
            with _server_killed(place, drawing):
                place.run_operator(drawing.randrange(2**32))
            place.snapshot()
        if drawing.random() < 0.3:
            with _server_killed(place, drawing):
                place.run_sweep()
            place.snapshot()
    end_job(place, drawing.randrange(2**32))
    check(place)
    check_retention(place)


@contextmanager
def _server_killed(place: ServedPlace, drawing: random.Random) -> Iterator[None]:
    """Have the server be killed during the block, at a step, at an instant, or not at all."""
    how = drawing.random()
    if how < 0.5:
        is_database = place.store.startswith("postgresql:")
        step = drawing.choice(DATABASE_STEPS if is_database else STORE_STEPS)
        place.order(Kill("supervisor", step, drawing.choice((1, 3, 10, 30, 60))))
        yield
        place.order(None)
    elif how < 0.75:
        timer = threading.Timer(drawing.uniform(0.0, 1.0), place.server.kill)
        timer.start()
        yield
        timer.cancel()
        timer.join()
    else:
        yield
