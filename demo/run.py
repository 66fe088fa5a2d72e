"""Load a year of flights, killed at random moments, with state and with the state calls switched off."""

import argparse
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from .comparison import compare
from .jobs import (
    RUN,
    commands_to_look_with,
    demo_environment,
    forgetful_job,
    supervised_job,
    watermark_seen,
)
from .kills import Kill, draw_kills
from .landing import create_table, lay_out_days, unpack_source
from .report import Outcome, summary, verdict, watching
from .tries import FailedError, Job, run_until_done
from .worker_side import look, objects_folder, sentence, worker_side_settings


class Stage(NamedTuple):
    """What both runs have in common."""

    console: Console
    csv: Path
    landing: Path
    days: Sequence[str]
    kills: Sequence[Kill]


def main() -> int:
    """Run the demo. 0 when all is as it should be, 1 when it is not, 130 when it was interrupted."""
    options = parse_options()
    folder = Path(tempfile.mkdtemp(prefix="statekeep-demo-"))
    try:
        return show(options, folder, Console(soft_wrap=True, highlight=False))
    except FailedError as failed:
        print(failed, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--kills", type=int, default=9, metavar="N", help="how often to kill it (default: 9)")
    parser.add_argument("--seed", type=int, metavar="N", help="repeat the kills of an earlier demo")
    parser.add_argument("--days", type=int, default=365, metavar="N", help="load the first N days only")
    parser.add_argument(
        "--offload",
        action="store_true",
        help="keep the values on the worker, encrypted; references in the store",
    )
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
    console.print(f"Laying out the flights of 2013, one file a day, in {folder}")
    csv, landing = unpack_source(folder), folder / "landing"
    days = lay_out_days(csv, landing, options.days)
    stage = Stage(console, csv, landing, days, draw_kills(options.kills, len(days), seed))

    kept_file, forgotten_file = folder / "flights.duckdb", folder / "flights-switched-off.duckdb"
    environ = demo_environment(folder / "state.db")
    if options.offload:
        environ |= worker_side_settings(folder)
    console.print(f"\n[bold]statekeep {' '.join(RUN)} python demo/load_flights.py …[/bold]")
    console.print(
        f"killed with SIGKILL {options.kills} times at random moments (--seed {seed}), and started again"
    )
    kept = outcome(
        stage, supervised_job(landing, kept_file, environ), kept_file, lambda: watermark_seen(environ)
    )
    console.print("\n[bold]The same job with its state calls switched off[/bold]\nkilled at the same moments")
    forgotten = outcome(stage, forgetful_job(landing, forgotten_file, environ), forgotten_file, None)

    console.print("", summary(kept, forgotten), "")
    fine, sentences = verdict(kept, forgotten, days[-1])
    console.print(*sentences, sep="\n")
    if options.offload:
        found = look(folder / "state.db", objects_folder(folder), days[-1])
        console.print(sentence(found, objects_folder(folder), is_left=options.keep))
        fine = fine and found.all_on_the_worker
    if options.keep:
        console.print(f"\nEverything is left in {folder}. To look at it:\n")
        console.print(commands_to_look_with(environ))
    return 0 if fine else 1


def outcome(stage: Stage, job: Job, database: Path, watermark: Callable[[], str] | None) -> Outcome:
    """Run the job into a new table until it succeeds, and compare the table with the source."""
    create_table(database, stage.landing)
    with watching(stage.console, stage.days, watermark) as watch:
        tries = run_until_done(job, stage.kills, watch.on_day, watch.on_end)
    return Outcome(tries, watch.watermarks, compare(stage.csv, database, stage.days[-1]))


if __name__ == "__main__":
    sys.exit(main())
