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
    """Figures of one thing; ``percentile`` 50 makes the median the figure that counts.

    ``peer``: those of Apache Airflow for the same thing, where it was there. ``more_is_better``: of a rate.
    """

    name: str
    unit: str
    figures: Sequence[float]
    goal: float | None = None
    percentile: int = 50
    peer: Sequence[float] = ()
    more_is_better: bool = False

    @property
    def figure(self) -> float:
        return self._of(self.figures)

    def row(self) -> str:
        """Return the measurement as a line of the table, after its head."""
        goal = "" if self.goal is None else f"{self.goal:g} {self.unit}"
        of_goal = "" if self.goal is None else f"{self._better_by(self.goal) ** -1:.2f}"
        worst_of_all = min(self.figures) if self.more_is_better else max(self.figures)
        figure, worst = (f"{value:.4g} {self.unit}" for value in (self.figure, worst_of_all))
        peer = f"{self._of(self.peer):.4g} {self.unit}" if self.peer else ""
        times = f"{self._better_by(self._of(self.peer)):.2f}" if self.peer and self.figure else ""
        return (
            f"{self.name:<58} {figure:>10} {worst:>10} {goal:>10} {of_goal:>8} {peer:>10} {times:>8}".rstrip()
        )

    def raw(self) -> dict[str, Any]:
        """Return everything that was measured, for the file."""
        return {**vars(self), "figures": list(self.figures), "peer": list(self.peer)}

    def _better_by(self, other: float) -> float:
        """Return how many times as good the figure is as another one."""
        return self.figure / other if self.more_is_better else other / self.figure

    def _of(self, figures: Sequence[float]) -> float:
        if len(figures) == 1:
            return figures[0]
        return statistics.quantiles(figures, n=100, method="inclusive")[self.percentile - 1]


HEAD = (
    f"{'measured':<58} {'median':>10} {'worst':>10} {'goal':>10} {'of goal':>8} {'Airflow':>10} {'better':>8}"
)


def wall_ms(
    command: Sequence[str], environ: Mapping[str, str], *, runs: int, warm_up_runs: int = 1
) -> list[float]:
    """Return the wall time of each of ``runs`` runs of a command, start to end; those before warm up."""
    figures = []
    for _ in range(warm_up_runs + runs):
        started = time.perf_counter()
        subprocess.run(command, env=dict(environ), check=True, capture_output=True)
        figures.append((time.perf_counter() - started) * 1000)
    return figures[warm_up_runs:]
