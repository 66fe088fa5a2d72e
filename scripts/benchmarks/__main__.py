"""Runs the benchmarks that are named, or all of them, and prints a table of medians beside their goals."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import (
    autovacuum,
    flatness,
    growth,
    imports,
    installed_size,
    object_store,
    offload,
    operations,
    query_plans,
    server,
    storage,
    supervised_noop,
    sweep,
    vendoring_check,
)
from benchmarks.airflow_environment import VARIABLE, airflow_python
from benchmarks.measurement import HEAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measurement import Measurement

    Row = Callable[[argparse.Namespace], list[Measurement]]

ROWS: dict[str, Row] = {
    "imports": lambda _: imports.measure(),
    "installed-size": lambda _: installed_size.measure(),
    "object-store": lambda _: object_store.measure(),
    "noop": lambda _: supervised_noop.measure(),
    "offload": lambda given: offload.measure(given.airflow_python),
    "operations": lambda _: operations.measure(),
    "server": lambda given: server.measure(given.airflow_python, given.workers, given.rounds),
    "vendoring": lambda _: vendoring_check.measure(),
}
# These fill large stores, and run when they are named.
LARGE_ROWS: dict[str, Row] = {
    "autovacuum": lambda given: autovacuum.measure(max(given.entries or [autovacuum.DEFAULT_ENTRIES])),
    "flatness": lambda given: flatness.measure(given.entries or flatness.DEFAULT_ENTRIES, given.engines),
    "growth": lambda given: growth.measure(given.entries or growth.DEFAULT_ENTRIES),
    "plans": lambda given: query_plans.measure(max(given.entries or [query_plans.DEFAULT_ENTRIES])),
    "storage": lambda given: storage.measure(max(given.entries or [storage.DEFAULT_ENTRIES])),
    "sweep": lambda _: sweep.measure(),
}
_RAW = Path(__file__).resolve().parents[2] / ".bench"


def main() -> int:
    """Measure, print the table, keep the raw figures; return an exit status."""
    arguments = _arguments()
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {_load()}")
    print(HEAD)
    rows = {**ROWS, **LARGE_ROWS}
    taken = [
        measurement for name in arguments.rows or ROWS for measurement in _printed(rows[name](arguments))
    ]
    _RAW.mkdir(exist_ok=True)
    raw = _RAW / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    raw.write_text(json.dumps([measurement.raw() for measurement in taken], indent=1), encoding="utf-8")
    print(f"raw figures: {raw.relative_to(Path.cwd())}; {_load()}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    names = f"{', '.join(ROWS)}; only when named: {', '.join(LARGE_ROWS)}"
    parser.add_argument("rows", nargs="*", metavar="ROW", help=names)
    parser.add_argument(
        "--airflow-python",
        metavar="PATH",
        help=f"an interpreter with Apache Airflow and s3fs, beside `offload` and `server`; also {VARIABLE}",
    )
    parser.add_argument("--install-airflow", action="store_true", help="make such an interpreter in .bench")
    parser.add_argument("--workers", type=int, default=1, help="processes of the server on PostgreSQL")
    parser.add_argument("--rounds", type=int, default=server.ROUNDS, help="how often `server` loads each")
    parser.add_argument("--entries", type=_number, nargs="*", help="the sizes of stores, as 10000 or 1e7")
    parser.add_argument("--engines", nargs="*", default=list(flatness.ENGINES), help="those of `flatness`")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.rows if name not in {**ROWS, **LARGE_ROWS}]
    if unknown:
        parser.error(f"no such row: {unknown[0]}; there are {names}")
    arguments.airflow_python = airflow_python(arguments.airflow_python, installs=arguments.install_airflow)
    return arguments


def _number(text: str) -> int:
    return int(float(text))


def _load() -> str:
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def _printed(measurements: list[Measurement]) -> list[Measurement]:
    for measurement in measurements:
        print(measurement.row(), flush=True)
    return measurements


sys.exit(main())
