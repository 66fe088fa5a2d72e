"""When the job is killed, and what of it: drawn once, from a seed, so that both runs are killed alike."""

import random
from typing import Literal, NamedTuple

Target = Literal["task", "supervisor", "both"]

TARGETS: tuple[Target, ...] = ("task", "supervisor", "both")
A_DAYS_WORK_SECONDS = 0.012  # about what it takes to load one day and to say so


class Kill(NamedTuple):
    """SIGKILL for one try: so long after so many days were begun in it."""

    target: Target
    after_days: int
    delay_seconds: float


def draw_kills(count: int, days: int, seed: int) -> list[Kill]:
    """So many kills, spread at random over the days; the targets take turns.

    The delay reaches over the whole of a day's work: before its transaction, in it, between its commit and
    the checkpoint, and after that.
    """
    chance = random.Random(seed)  # noqa: S311 - a demo's dice, repeatable on purpose
    stops = sorted(chance.sample(range(1, days), count))
    gaps = [stop - before for before, stop in zip([0, *stops], stops, strict=False)]
    return [
        Kill(TARGETS[number % len(TARGETS)], gap, chance.uniform(0, A_DAYS_WORK_SECONDS))
        for number, gap in enumerate(gaps)
    ]
