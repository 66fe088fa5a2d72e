"""What it costs a supervised task to keep values in a backend of its worker, with Apache Airflow's beside it.

Statekeep's figures are end to end: the accessor, the backend, the record in the store, acknowledged after its
commit. Airflow's are those of its hooks alone, in favour of Airflow: its server is not asked.
"""

from __future__ import annotations

import statistics
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from benchmarks.measurement import Measurement, wall_ms
from benchmarks.offload_disposal import disposed_ms
from benchmarks.offload_places import Place, local_place, s3_place
from benchmarks.offload_runs import COMMAND, Runs
from benchmarks.temporary_store import temporary_store
from tests.object_store.s3_server import running_s3_server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KB, _MB = 1_000, 1_000_000
_ROUNDS = 5
# Name, bytes, and how often in a round: the largest takes a second a piece.
_SIZES = (("1 KB", _KB, 40), ("1 MB", _MB, 8), ("100 MB", 100 * _MB, 1))
_ENCRYPTED_SIZES = _SIZES[1:2]
_NOOPS = 15
_MANY = 1_000
_FASTER_THAN_AIRFLOW = 5
_MORE_THAN_RAW = 1.3  # at the same durability
_TIMES_THE_VALUE = 2  # of memory, the value included
_SHOWN = MappingProxyType(
    {"task": "inside a task", "hooks": "the hook alone", "raw": "raw, fsync and rename"}
)

_Figures = defaultdict[tuple[str, str], list[float]]


def measure(airflow_python: str | None = None) -> list[Measurement]:
    """Measure sets and gets, the memory of the largest, many at once, a clear, and the start of a job."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="statekeep-bench-")))
        environ = stack.enter_context(temporary_store())
        (folder / "s3").mkdir()
        s3 = s3_place(stack.enter_context(running_s3_server(folder / "s3")))
        local = local_place(folder / "files")
        runs = Runs(environ, folder, airflow_python)
        rows = _times(runs, local, s3, folder)
        for place in (local, s3):
            rows += _peaks(runs, place)
        rows += _many_and_clear(runs, s3)
        return rows + _starts(environ, local, s3)


def _times(runs: Runs, local: Place, s3: Place, folder: Path) -> list[Measurement]:
    figures: _Figures = defaultdict(list)
    (folder / "raw").mkdir()
    hooks = {"STATEKEEP_BENCH_HOOKS": "yes"}
    raw = {**hooks, "STATEKEEP_BENCH_RAW_FOLDER": str(folder / "raw")}
    for number in range(_ROUNDS):
        for name, place, sizes, environ in (
            ("file, uncompressed", local.uncompressed(), _SIZES, raw),
            ("file", local, _SIZES, hooks),
            ("S3", s3, _SIZES, hooks),
            ("file, encrypted", local.encrypted(), _ENCRYPTED_SIZES, {}),
            ("S3, encrypted", s3.encrypted(), _ENCRYPTED_SIZES, {}),
        ):
            run = f"{name}, {number}"
            _add(figures, name, runs.task(run, place, "times", sizes, environ=environ))
        for place in (local, s3):
            _add(figures, place.name, runs.airflow(f"times-{number}", place, "times", _SIZES))
    return _rows(figures)


def _add(figures: _Figures, place: str, taken: Mapping[str, Sequence[float]]) -> None:
    for name, milliseconds in taken.items():
        figures[place, name] += milliseconds


def _rows(figures: _Figures) -> list[Measurement]:
    rows = []
    for (place, name), milliseconds in figures.items():
        size, operation, way = name.split("|")
        if way == "airflow":
            continue
        peer = figures.get((place.partition(",")[0], f"{size}|{operation}|airflow"), [])
        raw = figures.get((place, f"{size}|{operation}|raw"), [])
        goal = _goal(size, operation, place, peer, raw) if way == "hooks" else None
        shown = f"{place}, {size}: {operation}, {_SHOWN[way]}"
        rows.append(Measurement(shown, "ms", milliseconds, goal, peer=() if way == "raw" else peer))
    return rows


def _goal(size: str, operation: str, place: str, peer: Sequence[float], raw: Sequence[float]) -> float | None:
    """Return the most milliseconds that a hook may take, as far as what it is held against was measured."""
    is_asked_for = size == "1 KB" and (place == "S3" or operation == "get")
    fifth = statistics.median(peer) / _FASTER_THAN_AIRFLOW if peer and is_asked_for else None
    if not raw:
        return fifth
    return max(statistics.median(raw) * _MORE_THAN_RAW, fifth or 0)


def _peaks(runs: Runs, place: Place) -> list[Measurement]:
    size_bytes = 100 * _MB
    # Uncompressed: whatever is held on the way is then as large as it gets.
    plain = place.uncompressed()
    where = peer_where = None
    rows = []
    for operation in ("set", "get"):
        own = runs.task(f"peak {place.name}", plain, "peak", operation, size_bytes, where)
        peer = runs.airflow("peak", place, "peak", operation, size_bytes, peer_where)
        where, peer_where = own["where"], peer.get("where")
        goals = {"added": 100.0 * _TIMES_THE_VALUE, "peak": None}
        for figure, what in (("added", "memory"), ("peak", "the process at its peak")):
            name = f"{place.name}, 100 MB: {what}, {operation} inside a task"
            of_peer = [peer[figure]] if peer else []
            rows.append(Measurement(name, "MB", [own[figure]], goals[figure], peer=of_peer))
    return rows


def _many_and_clear(runs: Runs, place: Place) -> list[Measurement]:
    own = runs.task("many", place, "many", _MANY, _KB)
    peer = runs.airflow("many", place, "many", _MANY, _KB)
    objects, took_ms = disposed_ms({**runs.store_environ, **place.own})
    if objects < _MANY:
        raise SystemExit(f"of {_MANY:,} objects, {objects:,} were queued for disposal")
    cleared = [own["clear"][0] + took_ms]
    peers_clear = peer.get("clear", [])
    goal = peers_clear[0] / _FASTER_THAN_AIRFLOW if peers_clear else None
    name = f"{place.name}, 1 KB: "
    return [
        Measurement(f"{name}set, one by one", "ms", own["one by one"], peer=peer.get("one by one", [])),
        Measurement(
            f"{name}set, each of {_MANY:,} at once", "ms", own["at once"], peer=peer.get("at once", [])
        ),
        Measurement(f"{name}clear of {_MANY:,}, until the records are gone", "ms", own["clear"]),
        Measurement(
            f"{name}clear of {_MANY:,}, until the objects are gone", "ms", cleared, goal, peer=peers_clear
        ),
    ]


def _starts(environ: Mapping[str, str], local: Place, s3: Place) -> list[Measurement]:
    command = [COMMAND, "run", "--dag", "bench", "--run", "1", "--task", "noop", "--rerun", "--", "true"]
    environs = {
        "without a backend": dict(environ),
        "file": {**environ, **local.own},
        "S3": {**environ, **s3.own},
        "S3, encrypted": {**environ, **s3.encrypted().own},
    }
    figures: dict[str, list[float]] = {name: [] for name in environs}
    for _ in range(_NOOPS):
        for name, own in environs.items():
            figures[name] += wall_ms(command, own, runs=1, warm_up_runs=0)
    return [Measurement(f"a supervised no-op: {name}", "ms", taken) for name, taken in figures.items()]
