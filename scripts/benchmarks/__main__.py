"""Runs the benchmarks that are named, or all of them, and prints a table of medians beside their goals."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import (
    imports,
    installed_size,
    object_store,
    offload,
    operations,
    server,
    supervised_noop,
    vendoring_check,
)
from benchmarks.measurement import HEAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measurement import Measurement

ROWS: dict[str, Callable[[], list[Measurement]]] = {
    "imports": imports.measure,
    "installed-size": installed_size.measure,
    "object-store": object_store.measure,
    "noop": supervised_noop.measure,
    "offload": offload.measure,
    "operations": operations.measure,
    "server": server.measure,
    "vendoring": vendoring_check.measure,
}
_RAW = Path(__file__).resolve().parents[2] / ".bench"


def main() -> int:
    """Measure, print the table, keep the raw figures; return an exit status."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    parser.add_argument(
        "--airflow-python",
        metavar="PATH",
        help="an interpreter with Apache Airflow and s3fs, whose backend is put beside `offload`",
    )
    arguments = parser.parse_args()
    chosen = arguments.rows or list(ROWS)
    measured_by: dict[str, Callable[[], list[Measurement]]] = {
        **ROWS,
        "offload": partial(offload.measure, arguments.airflow_python),
    }
    unknown = [name for name in chosen if name not in ROWS]
    if unknown:
        parser.error(f"no such row: {unknown[0]}; there are {', '.join(ROWS)}")
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    print(HEAD)
    taken = [measurement for name in chosen for measurement in _printed(measured_by[name]())]
    _RAW.mkdir(exist_ok=True)
    raw = _RAW / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    raw.write_text(json.dumps([measurement.raw() for measurement in taken], indent=1), encoding="utf-8")
    print(f"raw figures: {raw.relative_to(Path.cwd())}")
    return 0


def _printed(measurements: list[Measurement]) -> list[Measurement]:
    for measurement in measurements:
        print(measurement.row(), flush=True)
    return measurements


sys.exit(main())
