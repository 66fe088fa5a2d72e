"""Load a year of flights, killed at random moments, with state and with the state calls switched off."""

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from .comparison import compare
from .kills import draw_kills
from .landing import create_table, lay_out_days, unpack_source
from .report import Outcome, summary, targets_line, verdict, watching
from .tries import FailedError, Job, run_until_done

HERE = Path(__file__).parent
STATEKEEP = Path(sys.executable).parent / "statekeep"
JOB = str(HERE / "load_flights.py")
SWITCHED_OFF = str(HERE / "switched_off.py")
TASK = ("--dag", "flights", "--run", "2013", "--task", "load")


def main() -> int:
    """Run the demo. 0 when the loaded rows equal the source's, 1 when they do not."""
    options = parse_options()
    folder = Path(tempfile.mkdtemp(prefix="statekeep-demo-"))
    try:
        return show(options, folder, Console(soft_wrap=True, highlight=False))
    except FailedError as failed:
        print(failed, file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            shutil.rmtree(folder)


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--kills", type=int, default=9, metavar="N", help="how often to kill it (default: 9)")
    parser.add_argument("--seed", type=int, help="repeat the kills of an earlier demo")
    parser.add_argument("--days", type=int, default=365, metavar="N", help="load the first N days only")
    parser.add_argument("--keep", action="store_true", help="leave the store and the table behind for a look")
    options = parser.parse_args()
    if not 1 <= options.days <= 365:
        parser.error("--days must be from 1 to 365")
    if not 0 <= options.kills < options.days:
        parser.error("--kills must be at least 0 and less than the number of days")
    return options


def show(options: argparse.Namespace, folder: Path, console: Console) -> int:
    """Lay out the input, run the job both ways, and say how each compares with the source."""
    seed = secrets.randbelow(10_000) if options.seed is None else options.seed
    console.print(f"Laying out the flights, one file a day, in {folder}")
    csv = unpack_source(folder)
    days = lay_out_days(csv, folder / "landing", options.days)
    kills = draw_kills(options.kills, len(days), seed)

    def outcome(title: str, job: Job, database: Path, watermark: Callable[[], str] | None) -> Outcome:
        create_table(database, folder / "landing")
        with watching(console, title, days, watermark) as watch:
            tries = run_until_done(job, kills, watch.on_day, watch.on_end)
        return Outcome(tries, compare(csv, database, days[-1]))

    kept_file, forgotten_file = folder / "flights.duckdb", folder / "flights-switched-off.duckdb"
    environ = os.environ | {"STATEKEEP__DATABASE__URL": str(folder / "state.db"), "STATEKEEP_CONFIG": ""}
    kept = outcome(
        "The job, killed and started again",
        supervised_job(folder / "landing", kept_file, environ),
        kept_file,
        lambda: watermark_seen(environ),
    )
    forgotten = outcome(
        "The same job, killed at the same moments, with its state calls switched off",
        forgetful_job(folder / "landing", forgotten_file, environ),
        forgotten_file,
        None,
    )
    report(console, kept, forgotten, seed)
    if options.keep:
        console.print(what_to_look_at(folder))
    return 0 if kept.compared.equal else 1


def supervised_job(landing: Path, database: Path, environ: dict[str, str]) -> Job:
    """The job as a user would start it."""
    task = (sys.executable, JOB, str(landing), str(database))
    command = (str(STATEKEEP), "run", *TASK, "--outlet", "flights", "--", *task)
    return Job(command, task, environ)


def forgetful_job(landing: Path, database: Path, environ: dict[str, str]) -> Job:
    """The same file, with nothing behind its state calls, and so with nothing to supervise it."""
    task = (sys.executable, SWITCHED_OFF, JOB, str(landing), str(database))
    return Job(task, task, environ)


def watermark_seen(environ: dict[str, str]) -> str:
    """The asset's watermark as anybody else sees it now."""
    command = (str(STATEKEEP), "asset", "get", "flights", "day")
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False).stdout.strip()


def report(console: Console, kept: Outcome, forgotten: Outcome, seed: int) -> None:
    """The summary."""
    console.print()
    console.print(summary(kept, forgotten))
    console.print(f"\nKilled: {targets_line(kept)}. To see it again: scripts/demo --seed {seed}")
    for line in verdict(kept, forgotten):
        console.print(line)


def what_to_look_at(folder: Path) -> str:
    """The commands that show what was kept."""
    statekeep = os.path.relpath(STATEKEEP)
    task = " ".join(TASK)
    return f"""
Everything is left in {folder}. To look at it:

  export STATEKEEP__DATABASE__URL={folder / "state.db"}
  {statekeep} tries list {task}
  {statekeep} state list {task}
  {statekeep} asset history flights day
"""


if __name__ == "__main__":
    sys.exit(main())
