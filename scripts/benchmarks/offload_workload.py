"""What whoever keeps large values is put through, in Statekeep's and in Airflow's interpreter."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from benchmarks.peak_memory import peak_mb
from benchmarks.sample_values import hexadecimal_text, repeated_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ONE_BY_ONE = 20


class Way(NamedTuple):
    """A way to put a value somewhere and to take it back.

    ``prepared`` makes of a value what ``put`` takes, unmeasured. ``put(key, prepared)`` returns what ``take``
    needs, and which survives JSON.
    """

    name: str
    put: Callable[[str, Any], Any]
    take: Callable[[Any], str]
    prepared: Callable[[str], Any] = lambda value: value


class Subject(Protocol):
    """Who is measured."""

    @property
    def ways(self) -> Sequence[Way]:
        """The ways there are; the last one is how a task does it."""

    def put_at_once(self, keys: Sequence[str], value: str) -> None:
        """Put a value under many keys, on one event loop, all on their way together."""

    def clear(self) -> None:
        """Remove everything that the task has put."""


def main(subject: Subject) -> None:
    """Arguments: where to write the figures as JSON, the measurement, and what it wants to know."""
    report, measurement, *arguments = sys.argv[1:]
    measures: dict[str, Callable[..., Any]] = {"times": _times, "peak": _peak, "many": _many}
    figures = measures[measurement](subject, *map(json.loads, arguments))
    Path(report).write_text(json.dumps(figures), encoding="utf-8")


def _times(subject: Subject, sizes: list[tuple[str, int, int]]) -> dict[str, list[float]]:
    """Of every way in turn, the sets of a size, then the gets; whoever runs this repeats it in rounds."""
    _warm_up(subject)
    figures: dict[str, list[float]] = {}
    for size, size_bytes, times in sizes:
        value = hexadecimal_text(size_bytes)
        for way in subject.ways:
            put_ms, take_ms = _there_and_back(way, size, value, times)
            figures[f"{size}|set|{way.name}"] = put_ms
            figures[f"{size}|get|{way.name}"] = take_ms
    return figures


def _there_and_back(way: Way, name: str, value: str, times: int) -> tuple[list[float], list[float]]:
    """Put a value under so many keys, then take it from each; return the milliseconds of both."""
    prepared = way.prepared(value)
    put_ms, wheres = _each_timed([partial(way.put, f"{name}-{number}", prepared) for number in range(times)])
    del prepared
    take_ms, [*_, taken] = _each_timed([partial(way.take, where) for where in wheres], keep=1)
    if value[-100:] not in taken[-102:]:  # of JSON text, the quotes come along
        raise SystemExit(f"{way.name} did not give back what it was given")
    return put_ms, take_ms


def _each_timed(
    calls: Sequence[Callable[[], Any]], keep: int | None = None
) -> tuple[list[float], Sequence[Any]]:
    """Return the milliseconds of each call, and what the calls returned, or the last few of them."""
    milliseconds: list[float] = []
    returned: deque[Any] = deque(maxlen=keep)
    for call in calls:
        began = time.perf_counter()
        got = call()
        milliseconds.append((time.perf_counter() - began) * 1000)
        returned.append(got)
        del got
    return milliseconds, returned


def _peak(subject: Subject, operation: str, size_bytes: int, where: Any) -> dict[str, Any]:
    """The memory of one operation, the value's own included; a get is told where the set has put it."""
    _warm_up(subject)
    way = subject.ways[-1]
    before_mb = peak_mb()
    if operation == "set":
        where = way.put("peak", repeated_text(size_bytes))
    elif len(way.take(where)) < size_bytes // 64 * 64:
        raise SystemExit(f"{way.name} did not give back what it was given")
    return {"where": where, "added": peak_mb() - before_mb, "peak": peak_mb()}


def _many(subject: Subject, count: int, size_bytes: int) -> dict[str, list[float]]:
    """Sets one by one, sets at once, and a clear of all; of sets at once, what each took of the whole."""
    _warm_up(subject)
    value = hexadecimal_text(size_bytes)
    one_by_one, _ = _there_and_back(subject.ways[-1], "one", value, _ONE_BY_ONE)
    began = time.perf_counter()
    subject.put_at_once([f"many-{number}" for number in range(count)], value)
    at_once_ms = (time.perf_counter() - began) * 1000
    began = time.perf_counter()
    subject.clear()
    clear_ms = (time.perf_counter() - began) * 1000
    return {"one by one": one_by_one, "at once": [at_once_ms / count], "clear": [clear_ms]}


def _warm_up(subject: Subject) -> None:
    for way in subject.ways:
        _there_and_back(way, "warm-up", hexadecimal_text(1_000), times=3)
