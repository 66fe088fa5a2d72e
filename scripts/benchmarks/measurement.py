"""What was measured: the figures of one thing, their unit, and the goal that they are held against."""

from __future__ import annotations

import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Measurement:
    """Figures of one thing; ``percentile`` 50 makes the median the figure that counts."""

    name: str
    unit: str
    figures: Sequence[float]
    goal: float | None = None
    percentile: int = 50

    @property
    def figure(self) -> float:
        if len(self.figures) == 1:
            return self.figures[0]
        return statistics.quantiles(self.figures, n=100, method="inclusive")[self.percentile - 1]

    def row(self) -> str:
        """Return the measurement as a line of the table; the last column is the figure over the goal."""
        goal = "" if self.goal is None else f"{self.goal:g} {self.unit}"
        of_goal = "" if self.goal is None else f"{self.figure / self.goal:.2f}"
        figure, worst = (f"{value:.4g} {self.unit}" for value in (self.figure, max(self.figures)))
        return f"{self.name:<58} {figure:>10} {worst:>10} {goal:>10} {of_goal:>8}"

    def raw(self) -> dict[str, Any]:
        """Return everything that was measured, for the file."""
        return {**vars(self), "figures": list(self.figures)}


def wall_ms(command: Sequence[str], environ: Mapping[str, str], *, runs: int) -> list[float]:
    """Return the wall time of each of ``runs`` runs of a command, start to end; one run more warms up."""
    figures = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        subprocess.run(command, env=dict(environ), check=True, capture_output=True)
        figures.append((time.perf_counter() - started) * 1000)
    return figures[1:]
