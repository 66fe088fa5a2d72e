"""docs/how-to/observe.md says what the code does: each metric, and each event of the log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry
from statekeep_core.server.telemetry.metrics import figures

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "how-to" / "observe.md").read_text("utf-8")
CORE = ROOT / "core" / "src" / "statekeep_core"
# Where an event gets its name: `event("name"`, and the two ways around it.
EVENT = re.compile(r'(?:event\(|_described\(|"event": |bounded, "[^"]*", |, "a [^"]*", )"([a-z_]+)"')


def documented(heading: str) -> Iterator[list[str]]:
    """Return the rows of the first table under a heading, cell by cell."""
    for line in GUIDE.partition(heading)[2].splitlines():
        if line.startswith("#"):
            return
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def test_the_guide_has_every_metric_with_its_type_and_its_labels() -> None:
    made = {
        (metric._name + ("_total" if metric._type == "counter" else ""), metric._type, metric._labelnames)
        for metric in figures(CollectorRegistry())
    }
    told = {
        (name.strip("`"), kind, tuple(re.findall("`([a-z]+)`", labels)))
        for name, kind, labels, *_ in documented("## Metrics\n")
    }
    assert told == made


def test_the_guide_has_every_event_of_the_log() -> None:
    used = {name for path in CORE.rglob("*.py") for name in EVENT.findall(path.read_text("utf-8"))}
    told = {name.strip("`") for name, *_ in documented("## The log\n")}
    assert told == used - {"log"}


def test_the_alerts_ask_for_metrics_that_there_are() -> None:
    there = {name.strip("`") for name, *_ in documented("## Metrics\n")}
    asked = set(re.findall("statekeep_[a-z_]+", GUIDE.partition("```yaml")[2].partition("```")[0]))
    assert asked
    assert {name.removesuffix("_bucket") for name in asked} <= there
