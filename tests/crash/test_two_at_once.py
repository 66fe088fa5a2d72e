"""Several supervisors at the same moment on one SQLite file."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from tests.crash.checker import judge
from tests.crash.job import Work
from tests.crash.ledger import Acknowledged, Seen
from tests.crash.workplace import PATIENCE_SECONDS, Workplace, wait_until

pytestmark = pytest.mark.slow


def test_of_supervisors_that_start_one_task_at_once_one_runs_it(workplace: Workplace) -> None:
    gate = workplace.make_gate()
    command = workplace.job(Work(1, gate=str(gate)))
    # The store does not exist yet, either.
    runs = [workplace.start_run(command) for _ in range(4)]
    wait_until(lambda: len(_ended(runs)) == 3)
    [winner] = [run for run in runs if run.returncode is None]
    gate.write_bytes(b"")
    assert winner.wait(PATIENCE_SECONDS) == 0
    assert sorted(run.returncode for run in runs) == [0, 75, 75, 75]
    assert workplace.said().count("try 1 of crash/2026/job is running") == 3
    assert len(workplace.records(Seen)) == 1
    workplace.snapshot()
    assert judge(workplace.ledger.read()) == []
    assert workplace.left_behind() == []


def test_the_second_of_two_cron_jobs_finds_the_work_done(workplace: Workplace) -> None:
    assert workplace.start_run(workplace.job()).wait(PATIENCE_SECONDS) == 0
    assert workplace.start_run(workplace.job()).wait(PATIENCE_SECONDS) == 0
    assert "crash/2026/job already succeeded in try 1" in workplace.said()
    assert len(workplace.records(Seen)) == 1


def test_a_start_that_waits_runs_when_the_try_before_it_has_failed(workplace: Workplace) -> None:
    gate = workplace.make_gate()
    first = workplace.start_run(workplace.job(Work(1, exit_status=5, gate=str(gate))))
    wait_until(lambda: workplace.records(Seen))
    second = workplace.start_run(workplace.job(), "--wait", str(PATIENCE_SECONDS))
    gate.write_bytes(b"")
    assert (first.wait(PATIENCE_SECONDS), second.wait(PATIENCE_SECONDS)) == (5, 0)
    workplace.snapshot()
    assert judge(workplace.ledger.read()) == []


def test_two_stores_in_one_folder_do_not_meet(
    workplace: Workplace, make_workplace: Callable[[], Workplace]
) -> None:
    gate = workplace.make_gate()
    first = workplace.start_run(workplace.job(Work(1, gate=str(gate))))
    wait_until(lambda: workplace.records(Seen))
    neighbour = workplace.store_path.with_name("neighbour.db")
    other = make_workplace()
    second = other.start_run(other.job(), STATEKEEP__DATABASE__URL=f"sqlite:///{neighbour}")
    assert second.wait(PATIENCE_SECONDS) == 0
    assert workplace.start_run(workplace.job()).wait(PATIENCE_SECONDS) == 75
    gate.write_bytes(b"")
    assert first.wait(PATIENCE_SECONDS) == 0
    assert len(workplace.records(Seen)) == 1


def test_neither_of_two_tasks_starves_the_other(
    workplace: Workplace, make_workplace: Callable[[], Workplace]
) -> None:
    other = make_workplace()
    pieces = 30
    store = {"STATEKEEP__DATABASE__URL": workplace.environ["STATEKEEP__DATABASE__URL"]}
    places = {"left": workplace, "right": other}
    runs = []
    for name, place in places.items():
        work = Work(pieces, gate=str(place.make_gate()))
        runs.append(place.start_run(place.job(work), task=("crash", "2026", name), **store))
    wait_until(lambda: _ended(runs) or all(_acknowledged(place) for place in places.values()))
    begun = {name: _acknowledged(place) for name, place in places.items()}
    wait_until(lambda: any(_acknowledged(place) >= (pieces - 1) * 6 for place in places.values()))
    # While one did all its work, the other did at least an eighth of it.
    done = {name: _acknowledged(place) - begun[name] for name, place in places.items()}
    assert min(done.values()) > max(done.values()) / 8, done
    for place in places.values():
        (place.path / "gate").write_bytes(b"")
    assert [run.wait(PATIENCE_SECONDS) for run in runs] == [0, 0]


def _ended(runs: list[subprocess.Popen[bytes]]) -> list[subprocess.Popen[bytes]]:
    return [run for run in runs if run.poll() is not None]


def _acknowledged(place: Workplace) -> int:
    return len(place.records(Acknowledged))
