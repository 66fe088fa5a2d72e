"""What one request costs as the store grows: the same requests, in turn, of stores of several sizes."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from statekeep_core import embedded
from statekeep_core.postgres.store import open_store as open_postgresql

from benchmarks.durable_postgresql import SETTINGS
from benchmarks.grown_requests import TIMED, GrownRequests
from benchmarks.grown_rows import Grown
from benchmarks.grown_store import fill_postgresql, fill_sqlite
from benchmarks.measurement import Measurement
from benchmarks.served_file import MAPPED_BYTES
from tests.postgresql.cluster import running_cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.postgresql.cluster import Cluster

DEFAULT_ENTRIES = (10_000, 100_000, 1_000_000)
ENGINES = ("SQLite", "PostgreSQL")
_ROUNDS = 9
_FLAT_WITHIN = 1.5

_Figures = dict[tuple[str, int], list[float]]


def measure(entries: Sequence[int] = DEFAULT_ENTRIES, engines: Sequence[str] = ENGINES) -> list[Measurement]:
    """Fill a store of each size on each engine, and ask them in turn; the goal is set by the smallest."""
    rows = []
    for engine in engines:
        with ExitStack() as stack:
            sizes = [Grown(number) for number in sorted(entries)]
            stores = _filled(engine, sizes, stack)
            rows += _rows(engine, _figures(stores), sizes)
    return rows


def _filled(engine: str, sizes: Sequence[Grown], stack: ExitStack) -> list[tuple[Grown, Any]]:
    if engine == "SQLite":
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="statekeep-bench-")))
        stores = [(grown, _sqlite(folder / f"{grown.entries}.db", grown)) for grown in sizes]
    else:
        cluster = stack.enter_context(running_cluster(*SETTINGS))
        stores = [(grown, _postgresql(cluster, grown)) for grown in sizes]
    for _, store in stores:
        stack.callback(store.close)
    return stores


def _sqlite(path: Path, grown: Grown) -> Any:
    fill_sqlite(path, grown)
    return embedded.open_store(path, mapped_bytes=MAPPED_BYTES)


def _postgresql(cluster: Cluster, grown: Grown) -> Any:
    conninfo = cluster.conninfo(cluster.make_database())
    fill_postgresql(conninfo, grown)
    return open_postgresql(conninfo)


def _figures(stores: Sequence[tuple[Grown, Any]]) -> _Figures:
    figures: _Figures = defaultdict(list)
    asked = [(grown, GrownRequests(store, grown)) for grown, store in stores]
    for is_warm_up in (True, *[False] * _ROUNDS):
        for name, ask, parts, times in TIMED:
            for grown, requests in asked:
                taken = []
                for _ in range(times):
                    started = time.perf_counter()
                    ask(requests)
                    taken.append((time.perf_counter() - started) * 1000 / parts)
                if not is_warm_up:
                    figures[name, grown.entries] += taken
    return figures


def _rows(engine: str, figures: _Figures, sizes: Sequence[Grown]) -> list[Measurement]:
    rows = []
    for name, *_ in TIMED:
        smallest = statistics.median(figures[name, sizes[0].entries])
        for grown in sizes:
            goal = None if grown is sizes[0] else smallest * _FLAT_WITHIN
            shown = f"{engine}, {grown.entries:,} entries: {name}"
            rows.append(Measurement(shown, "ms", figures[name, grown.entries], goal))
    return rows
