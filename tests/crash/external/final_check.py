"""The end of each course: the job succeeds, the clock moves, one sweep runs, and everything is judged."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from statekeep._shared.state import messages as m
from statekeep.sweeping.expiry import expire

from tests.crash.external.job import BRIEF_KEYS
from tests.crash.external.judging import judge_all
from tests.crash.external.objects import TEMPORARY, wrong_objects
from tests.crash.external.place import DAY_SECONDS, STEP_SECONDS
from tests.crash.external.reading import ASSET_ADDRESS, TASK_ADDRESS
from tests.crash.external.sweep import SweepPlan, sweep
from tests.crash.steps import Killer

if TYPE_CHECKING:
    from tests.crash.external.place import ExternalPlace

# Longer than task state is kept after a success, and an asset after its deactivation.
_RETENTION_DAYS = 40


def end_job(place: ExternalPlace, seed: int) -> None:
    """Run the job to its success."""
    status = place.run_job(place.work(seed))
    assert status == 0, f"{status}: {place.said()[-3000:]}"
    assert place.left_behind() == []
    place.snapshot()


def check(place: ExternalPlace) -> None:
    """Judge: what one sweep leaves is what the records name, and no promise was broken."""
    sweep_later(place, 2 * DAY_SECONDS)
    with place.reader() as reader:
        brief = [entry.key for entry in reader.entries(TASK_ADDRESS) if entry.key in BRIEF_KEYS]
    assert brief == [], brief
    place.snapshot()
    violations = judge_all(place.ledger.read())
    assert violations == [], violations
    assert _temporary_files(place) == []


def check_retention(place: ExternalPlace) -> None:
    """Let the task's state expire and the asset be swept; no object outlives the last record of it."""
    with place.reader() as reader:
        reader.transport.call(m.Deactivate(ASSET_ADDRESS), "deactivate")
    sweep_later(place, _RETENTION_DAYS * DAY_SECONDS)
    with place.reader() as reader:
        assert reader.entries(TASK_ADDRESS) == []
        named = [path for path in place.evidence(reader).named if "/task/" in path]
    assert named == [], named


def sweep_later(place: ExternalPlace, seconds: float) -> None:
    """Have the store remove what has expired, sweep once, and see that just what is named is there."""
    place.let_pass(seconds)
    with place.reader() as reader:
        expire(reader.transport.call)
    place.let_pass(STEP_SECONDS)
    for path in _temporary_files(place):  # their age goes by the disk's clock
        os.utime(path, times=(0, 0))
    plan = SweepPlan(place.store, place.ahead_seconds, page_objects=1_000)
    report = sweep(plan, place.environ, Killer(None))
    assert report.is_complete, report
    assert report.failures == (), report
    with place.reader() as reader:
        wrong = wrong_objects(place.evidence(reader))
    assert wrong == [], wrong


def _temporary_files(place: ExternalPlace) -> list[Path]:
    folder = Path(place.medium.folder or place.path / "nowhere", TEMPORARY)
    return list(folder.iterdir()) if folder.exists() else []
