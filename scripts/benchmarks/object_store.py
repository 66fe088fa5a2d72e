"""What it costs to put a value into an object store and to take it out: local files and a real S3 server."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from statekeep import TaskScope
from statekeep.backends import ObjectStoreBackend

from benchmarks.measurement import Measurement
from benchmarks.raw_files import read_text, write_durably
from benchmarks.sample_values import hexadecimal_text
from tests.object_store.s3_server import BUCKET, running_s3_server

if TYPE_CHECKING:
    from collections.abc import Callable

_SCOPE = TaskScope("bench", "1", "object-store")
_KB, _MB = 1_000, 1_000_000
# Size, name, and how often: the largest takes a second a piece.
_SIZES = ((_KB, "1 KB", 200), (_MB, "1 MB", 30), (100 * _MB, "100 MB", 3))
# Apache Airflow 3.3.2 on local files, of which a fifth is enough: 3,986, 569 and 7.3 per second.
_AIRFLOW_GET_MS = {"1 KB": 1000 / 3_986, "1 MB": 1000 / 569, "100 MB": 1000 / 7.3}
_MORE_THAN_RAW = 1.3  # at the same durability
_TIMES_THE_VALUE = 2  # of memory, the value included
_PEAK = Path(__file__).with_name("object_store_peak.py")


def measure() -> list[Measurement]:
    """Measure sets and gets, by size and by medium, and the memory of the largest."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="statekeep-bench-")))
        (folder / "s3").mkdir()
        (folder / "files").mkdir()
        server = stack.enter_context(running_s3_server(folder / "s3"))
        options = server.options()
        rows = _local_rows(folder / "files")
        s3 = _backend(f"s3://{BUCKET}/bench", options=options)
        for size_bytes, size, times in _SIZES:
            rows += _set_and_get(s3, f"S3, {size}", _value(size_bytes), times)
        rows.append(_bulk_delete(s3))
        rows += _peaks(f"file://{folder}/files", {}) + _peaks(f"s3://{BUCKET}/peak", options)
    return rows


def _backend(url: str, *, options: dict[str, str] | None = None) -> ObjectStoreBackend:
    return ObjectStoreBackend(url, store_id="bench", threshold_bytes=0, options=options)


def _local_rows(folder: Path) -> list[Measurement]:
    rows = []
    backend = _backend(f"file://{folder}")
    plain = ObjectStoreBackend(f"file://{folder}", store_id="off", threshold_bytes=0, compression_level=None)
    for size_bytes, size, times in _SIZES:
        value = _value(size_bytes)
        raw_set, raw_get = _raw_files(folder, value.encode(), times)
        rows += [Measurement(f"raw file with fsync and rename, {size}: set", "ms", raw_set)]
        rows += [Measurement(f"raw file, {size}: get", "ms", raw_get)]
        goals = tuple(sorted(figures)[len(figures) // 2] * _MORE_THAN_RAW for figures in (raw_set, raw_get))
        goals = (goals[0], max(goals[1], _AIRFLOW_GET_MS[size] / 5))
        rows += _set_and_get(plain, f"local, {size}, uncompressed", value, times, goals)
        rows += _set_and_get(backend, f"local, {size}", value, times)
    return rows


def _set_and_get(
    backend: ObjectStoreBackend, name: str, value: str, times: int, goals: tuple[float, ...] = ()
) -> list[Measurement]:
    keys = [f"k~{os.urandom(13).hex()}" for _ in range(times)]
    references: list[str] = []
    unwritten, unread = iter(keys), zip(keys, references, strict=False)

    def put() -> None:
        key = next(unwritten)
        references.append(
            backend.serialize_task_state_to_ref(
                value=value, key=key, ti_id=_SCOPE.ti_id, scope=_SCOPE, storage_key=key
            )
        )

    def take() -> None:
        key, reference = next(unread)
        backend.deserialize_task_state_from_ref(reference, scope=_SCOPE, storage_key=key)

    goal_set, goal_get = goals or (None, None)
    rows = [Measurement(f"{name}: set", "ms", _timed(put, times), goal_set)]
    rows.append(Measurement(f"{name}: get", "ms", _timed(take, times), goal_get))
    backend.delete_objects([(_SCOPE, key) for key in keys])
    return rows


def _raw_files(folder: Path, data: bytes, times: int) -> tuple[list[float], list[float]]:
    names = [folder / f"raw-{number}" for number in range(times)]
    unwritten, unread = iter(names), iter(names)

    def put() -> None:
        write_durably(next(unwritten), data)

    def take() -> None:
        read_text(next(unread))

    figures = _timed(put, times), _timed(take, times)
    for name in names:
        name.unlink()
    return figures


def _bulk_delete(backend: ObjectStoreBackend) -> Measurement:
    keys = [f"{number}~{'0' * 26}" for number in range(1_000)]
    for key in keys:
        backend.set(_SCOPE, key, "1")
    [figure] = _timed(lambda: backend.clear(_SCOPE), 1)
    return Measurement("S3, clear of 1,000 keys", "ms", [figure], goal=14_300 / 5)


def _peaks(url: str, options: dict[str, str]) -> list[Measurement]:
    rows = []
    for operation in ("set", "get"):
        command = [
            sys.executable,
            str(_PEAK),
            operation,
            url,
            str(100 * _MB),
            *itertools.chain(*options.items()),
        ]
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
        kind, goal = url.partition(":")[0], float(100 * _TIMES_THE_VALUE)
        rows.append(
            Measurement(f"memory of a {operation} of 100 MB, {kind}", "MB", [float(ran.stdout)], goal)
        )
    return rows


def _value(size_bytes: int) -> str:
    return f'"{hexadecimal_text(size_bytes - 2)}"'


def _timed(operation: Callable[[], None], times: int) -> list[float]:
    figures = []
    for _ in range(times):
        started = time.perf_counter()
        operation()
        figures.append((time.perf_counter() - started) * 1000)
    return figures
