"""What a server gives over HTTP, on SQLite and PostgreSQL, with Apache Airflow beside it in the same run."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from benchmarks import process_tree
from benchmarks.airflow_server import served_airflow
from benchmarks.durable_postgresql import SETTINGS, postmaster
from benchmarks.measurement import Measurement
from benchmarks.statekeep_server import served_statekeep
from benchmarks.wrk_load import ask_each_once, load
from tests.postgresql.cluster import running_cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.served import Served
    from tests.postgresql.cluster import Cluster

_SECONDS = 5
_WARM_UP_SECONDS = 2
ROUNDS = 5
_CONNECTIONS = (64, 1)
_OPERATIONS = ("set", "get")
# So many times as many requests as Airflow's, by operation and connections; and the server's own time of one.
_TIMES_AIRFLOW = {("set", 64): 100, ("get", 64): 150, ("set", 1): 10, ("get", 1): 20}
_CPU_MS = {"set": 0.12, "get": 0.08}


class _Figure(NamedTuple):
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    database_ms: float
    refused_percent: float
    load_average: float


class _Pair(NamedTuple):
    """Two servers on one kind of database; without Airflow, one."""

    database: str
    ours: Served
    airflow: Served | None
    database_process: int | None


_Figures = dict[tuple[str, str, str, int], list[_Figure]]


def measure(airflow_python: str | None = None, workers: int = 1, rounds: int = ROUNDS) -> list[Measurement]:
    """Load the servers in turn, several times over, in another order each time."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="statekeep-bench-")))
        cluster = stack.enter_context(running_cluster(*SETTINGS))
        pairs = [
            _on_sqlite(stack, folder, airflow_python),
            _on_postgresql(stack, folder, cluster, airflow_python, workers),
        ]
        figures = _loaded(pairs, rounds)
    return [
        row
        for pair in pairs
        for connections in _CONNECTIONS
        for operation in _OPERATIONS
        for row in _rows(pair, operation, connections, figures)
    ]


def _on_sqlite(stack: ExitStack, folder: Path, python: str | None) -> _Pair:
    ours = stack.enter_context(served_statekeep("Statekeep", f"{folder}/state.db"))
    airflow = None
    if python is not None:
        (folder / "airflow-sqlite").mkdir()
        url = f"sqlite:///{folder}/airflow-sqlite/airflow.db"
        airflow = stack.enter_context(served_airflow("Airflow", python, folder / "airflow-sqlite", url))
    return _Pair("SQLite", ours, airflow, None)


def _on_postgresql(
    stack: ExitStack, folder: Path, cluster: Cluster, python: str | None, workers: int
) -> _Pair:
    arguments = ["--workers", str(workers)] if workers > 1 else []
    url = cluster.url(cluster.make_database())
    ours = stack.enter_context(served_statekeep("Statekeep", url, *arguments))
    airflow = None
    if python is not None:
        (folder / "airflow-postgresql").mkdir()
        host = quote(str(cluster.folder))
        url = f"postgresql+psycopg2://postgres@/{cluster.make_database()}?host={host}"
        airflow = stack.enter_context(served_airflow("Airflow", python, folder / "airflow-postgresql", url))
    return _Pair("PostgreSQL", ours, airflow, postmaster(cluster))


def _loaded(pairs: Sequence[_Pair], rounds: int) -> _Figures:
    figures: _Figures = defaultdict(list)
    cells = [
        (pair, served, operation, connections)
        for pair in pairs
        for served in (pair.ours, pair.airflow)
        for operation in _OPERATIONS
        for connections in _CONNECTIONS
        if served is not None
    ]
    for pair in pairs:
        for served in (pair.ours, pair.airflow):
            if served is not None:
                ask_each_once(served.port, served.asked["set"])
    for _, served, operation, _ in cells:
        load(served.port, served.asked[operation], 16, _WARM_UP_SECONDS)
    for _ in range(rounds):
        random.shuffle(cells)
        for pair, served, operation, connections in cells:
            figure = _figure(pair, served, operation, connections)
            figures[pair.database, served.name, operation, connections].append(figure)
    return figures


def _figure(pair: _Pair, served: Served, operation: str, connections: int) -> _Figure:
    before = _times(pair, served)
    taken = load(served.port, served.asked[operation], connections, _SECONDS)
    if served is pair.ours and (taken.refused or taken.broken):
        raise SystemExit(f"{served.name} on {pair.database}: {taken}")
    # What the last requests leave to be done (a checkpoint, a log) counts too.
    time.sleep(0.2)
    own, database = (
        (after - earlier) * 1000 / taken.requests
        for after, earlier in zip(_times(pair, served), before, strict=True)
    )
    refused = 100 * (taken.refused + taken.broken) / taken.requests
    load_average = os.getloadavg()[0]
    return _Figure(taken.per_second, taken.p50_ms, taken.p99_ms, own, database, refused, load_average)


def _times(pair: _Pair, served: Served) -> tuple[float, float]:
    database = pair.database_process
    return (
        process_tree.cpu_seconds(served.process_id),
        0.0 if database is None else process_tree.cpu_seconds(database),
    )


def _rows(pair: _Pair, operation: str, connections: int, figures: _Figures) -> list[Measurement]:
    ours = figures[pair.database, "Statekeep", operation, connections]
    theirs = figures.get((pair.database, "Airflow", operation, connections), [])
    name = f"{pair.database}, {connections} connection{'s'[: connections - 1]}: {operation} of 100 B"
    rows = []
    for field, what, unit, goal in (
        ("per_second", "", "req/s", None),
        ("p50_ms", ", p50", "ms", None),
        ("p99_ms", ", p99", "ms", None),
        ("cpu_ms", ", server CPU", "ms", _CPU_MS[operation] if connections > 1 else None),
        ("database_ms", ", database CPU", "ms", None),
        ("refused_percent", ", refused", "%", None),
        ("load_average", ", load average meanwhile", "", None),
    ):
        own, peer = ([getattr(figure, field) for figure in each] for each in (ours, theirs))
        if field == "per_second" and peer:
            goal = _TIMES_AIRFLOW[operation, connections] * sorted(peer)[len(peer) // 2]
        is_rate = field == "per_second"
        rows.append(Measurement(name + what, unit, own, goal, peer=peer, more_is_better=is_rate))
    return rows
