"""What the demo shows: a bar and a line per try while it runs, and the summary at the end."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from .comparison import Comparison
from .tries import Try

KILLED = {"task": "task killed", "supervisor": "supervisor killed", "both": "both killed"}
SUCCEEDED = "succeeded"
LONGEST = max(map(len, KILLED.values()))


class Outcome(NamedTuple):
    """One way of running the job, to its end."""

    tries: Sequence[Try]
    watermarks: Sequence[str]
    """What others saw of the asset's watermark after each try; empty where nobody asked."""
    compared: Comparison

    @property
    def kills(self) -> int:
        """How many tries were killed."""
        return sum(ended.killed is not None for ended in self.tries)

    @property
    def days_begun(self) -> int:
        """How many days were begun, each as often as it was."""
        return sum(len(ended.days) for ended in self.tries)

    @property
    def days_again(self) -> int:
        """How many of them had been begun before."""
        return self.days_begun - len({day for ended in self.tries for day in ended.days})


class Watch:
    """Shows one run of the job: which day it is at, and a line when a try has ended."""

    def __init__(self, progress: Progress, days: Sequence[str], watermark: Callable[[], str] | None) -> None:
        self.progress = progress
        self.watermark = watermark
        self.bar = progress.add_task("", total=len(days))
        self.place = {day: number for number, day in enumerate(days, start=1)}
        self.watermarks: list[str] = []
        self.tries = 0

    def on_day(self, day: str) -> None:
        """The job has begun a day."""
        self.progress.update(self.bar, completed=self.place[day])

    def on_end(self, ended: Try) -> None:
        """A try has ended."""
        self.tries += 1
        line = try_line(self.tries, ended)
        if self.watermark:
            self.watermarks.append(self.watermark())
            line += f"  watermark {self.watermarks[-1] or 'none yet'}"
        self.progress.console.print(line.rstrip())


@contextmanager
def watching(console: Console, days: Sequence[str], watermark: Callable[[], str] | None) -> Iterator[Watch]:
    """A bar on a terminal; elsewhere only the lines."""
    columns = (TextColumn("  day"), MofNCompleteColumn(), BarColumn(bar_width=50), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Watch(progress, days, watermark)


def try_line(number: int, ended: Try) -> str:
    """`try  3  from 2013-02-11 to 2013-03-02  task killed`, in colour."""
    span = f"from {ended.days[0]} to {ended.days[-1]}" if ended.days else "no day begun".ljust(29)
    how, colour = (KILLED[ended.killed], "red") if ended.killed else (SUCCEEDED, "green")
    return f"  try {number:>2}  {span}  [{colour}]{how}[/{colour}]" + " " * (LONGEST - len(how))


def summary(kept: Outcome, forgotten: Outcome) -> Table:
    """Both ways side by side."""
    table = Table(box=None, padding=(0, 3, 0, 0))
    table.add_column("")
    table.add_column("with state", justify="right")
    table.add_column("switched off", justify="right")
    for label, *cells in rows(kept, forgotten):
        table.add_row(label, *cells)
    return table


def rows(kept: Outcome, forgotten: Outcome) -> Iterator[tuple[str, ...]]:
    """The summary's rows."""
    both = (kept, forgotten)
    yield "times killed", *(f"{o.kills:,}" for o in both)
    yield "days begun", *(f"{o.days_begun:,}" for o in both)
    yield "  of these, again", *(f"{o.days_again:,}" for o in both)
    yield "rows in the source", *(f"{o.compared.source_rows:,}" for o in both)
    yield "rows loaded", *(f"{o.compared.loaded_rows:,}" for o in both)
    yield "rows missing", *(f"{o.compared.missing_rows:,}" for o in both)
    yield "rows twice", *(f"{o.compared.twice_rows:,}" for o in both)
    yield "rows altered", *(f"{o.compared.altered_rows:,}" for o in both)


def verdict(kept: Outcome, forgotten: Outcome, last_day: str) -> tuple[bool, list[str]]:
    """Whether all is as it should be, and what the figures come to, a sentence each."""
    if not kept.compared.equal:
        return False, ["[bold red]The table differs from the source.[/bold red]"]
    if [*kept.watermarks] != [""] * (len(kept.tries) - 1) + [last_day]:
        return False, ["[bold red]The watermark did not wait for the try that succeeded.[/bold red]"]
    whole = f"The table holds the source's {kept.compared.source_rows:,} rows, each once"
    sentences = [
        f"[bold green]{whole}: every row was compared, in both directions.[/bold green]",
        "The watermark moved once, when the load had succeeded.",
    ]
    if forgotten.compared.equal and forgotten.days_again:
        sentences.append(
            "With its state switched off the job comes to the same rows, because it deletes each day before "
            f"it inserts it, but it did {forgotten.days_again:,} days again instead of {kept.days_again:,}."
        )
    return True, sentences
