"""What the demo shows: a bar and a line per try while it runs, and the summary at the end."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from .comparison import Comparison
from .tries import Try

KILLED = {"task": "task killed", "supervisor": "supervisor killed", "both": "task and supervisor killed"}
SUCCEEDED = "succeeded"
LONGEST = max(map(len, KILLED.values()))


class Outcome(NamedTuple):
    """One way of running the job, to its end."""

    tries: Sequence[Try]
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
        self.tries = 0

    def on_day(self, day: str) -> None:
        """The job has begun a day."""
        self.progress.update(self.bar, completed=self.place[day])

    def on_end(self, ended: Try) -> None:
        """A try has ended."""
        self.tries += 1
        line = try_line(self.tries, ended)
        if self.watermark:
            line += f"   watermark: {self.watermark() or 'none yet'}"
        self.progress.console.print(line.rstrip())


@contextmanager
def watching(
    console: Console, title: str, days: Sequence[str], watermark: Callable[[], str] | None
) -> Iterator[Watch]:
    """A bar on a terminal; elsewhere only the lines."""
    console.print(f"\n[bold]{title}[/bold]")
    columns = (TextColumn("  day"), MofNCompleteColumn(), BarColumn(bar_width=50), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Watch(progress, days, watermark)


def try_line(number: int, ended: Try) -> str:
    """`try  3   from 2013-02-11 to 2013-03-02   task killed`, in colour."""
    span = f"from {ended.days[0]} to {ended.days[-1]}" if ended.days else "no day begun".ljust(29)
    how, colour = (KILLED[ended.killed], "red") if ended.killed else (SUCCEEDED, "green")
    return f"  try {number:>2}   {span}   [{colour}]{how}[/{colour}]" + " " * (LONGEST - len(how))


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
    yield "days loaded", *(f"{o.days_begun:,}" for o in both)
    yield "  of these, again", *(f"{o.days_again:,}" for o in both)
    yield "rows in the source", *(f"{o.compared.source_rows:,}" for o in both)
    yield "rows loaded", *(f"{o.compared.loaded_rows:,}" for o in both)
    yield "rows missing", *(f"{o.compared.missing_rows:,}" for o in both)
    yield "rows twice", *(f"{o.compared.twice_rows:,}" for o in both)
    yield "rows altered", *(f"{o.compared.altered_rows:,}" for o in both)


def targets_line(outcome: Outcome) -> str:
    """What was killed how often: `task 3, supervisor 3, both 3`."""
    counted = Counter(ended.killed for ended in outcome.tries if ended.killed)
    return ", ".join(f"{target} {times}" for target, times in counted.items())


def verdict(kept: Outcome, forgotten: Outcome) -> Iterator[str]:
    """What the figures come to, a sentence a line."""
    if not kept.compared.equal:
        yield "[bold red]The table differs from the source.[/bold red]"
        return
    rows_text = f"{kept.compared.source_rows:,} rows"
    yield f"[bold green]The table holds the source's {rows_text}, each once; compared both ways.[/bold green]"
    if forgotten.compared.equal and forgotten.days_again:
        yield (
            "Switched off, it comes to the same rows, because each day is deleted before it is inserted, "
            f"but it did {forgotten.days_again:,} days again instead of {kept.days_again:,}."
        )
