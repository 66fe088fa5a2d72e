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

    ``peer``: those of Apache Airflow for the same thing, where it was there.
    """

    name: str
    unit: str
    figures: Sequence[float]
    goal: float | None = None
    percentile: int = 50
    peer: Sequence[float] = ()

    @property
    def figure(self) -> float:
        return self._of(self.figures)

    def row(self) -> str:
        """Return the measurement as a line of the table, after its head."""
        goal = "" if self.goal is None else f"{self.goal:g} {self.unit}"
        of_goal = "" if self.goal is None else f"{self.figure / self.goal:.2f}"
        figure, worst = (f"{value:.4g} {self.unit}" for value in (self.figure, max(self.figures)))
        peer = f"{self._of(self.peer):.4g} {self.unit}" if self.peer else ""
        times = f"{self._of(self.peer) / self.figure:.2f}" if self.peer else ""
        return (
            f"{self.name:<58} {figure:>10} {worst:>10} {goal:>10} {of_goal:>8} {peer:>10} {times:>8}".rstrip()
        )

    def raw(self) -> dict[str, Any]:
        """Return everything that was measured, for the file."""
        return {**vars(self), "figures": list(self.figures), "peer": list(self.peer)}

    def _of(self, figures: Sequence[float]) -> float:
        if len(figures) == 1:
            return figures[0]
        return statistics.quantiles(figures, n=100, method="inclusive")[self.percentile - 1]


HEAD = (
    f"{'measured':<58} {'median':>10} {'worst':>10} {'goal':>10} {'of goal':>8}"
    f" {'Airflow':>10} {'its/ours':>8}"
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
