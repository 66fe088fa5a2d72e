"""`statekeep sweep`, the real command on a real store and a real folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from statekeep._shared.state import messages as m
from statekeep.sweeping.disposal import dispose
from statekeep.sweeping.expiry import expire
from statekeep_command import Statekeep
from sweeping.place import MovedClock, Place, file_of, write_in_place

pytestmark = pytest.mark.slow

_AN_HOUR_SECONDS = 3_600
_TWO_DAYS = 2 * 86_400


@pytest.fixture
def place(statekeep: Statekeep) -> Iterator[Place]:
    """The command's store, with a past: what is done here was done an hour ago."""
    place = Place(
        statekeep.store.parent, MovedClock(time.time() - _AN_HOUR_SECONDS), database=statekeep.database
    )
    expire(place.ask)  # or the store would sweep itself when the command closes it
    statekeep.environ |= {
        "STATEKEEP__WORKERS__STATE_BACKEND": "statekeep.backends.ObjectStoreBackend",
        "STATEKEEP__OBJECT_STORE__URL": f"file://{place.objects}",
        "STATEKEEP__OBJECT_STORE__THRESHOLD_BYTES": "0",
    }
    yield place
    place.close()


def age(file: str) -> None:
    long_ago = time.time() - _TWO_DAYS
    os.utime(file, (long_ago, long_ago))


def with_something_of_everything(place: Place) -> str:
    """Expired entries, a replaced value, an orphan; return the file of the one value that stays."""
    place.as_(place.claims, m.Set("gone", b"1", retention=60))
    write_in_place(place, "plain", retention=60)
    place.write("k", '"old"')
    kept = file_of(place.write("k", '"new"'))
    age(file_of(place.upload("orphan")))
    age(kept)
    place.upload("young")
    return kept


def swept(statekeep: Statekeep, *options: str) -> dict[str, Any]:
    done = statekeep("sweep", "--json", *options)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_everything_goes_that_should_and_the_report_has_the_facts(statekeep: Statekeep, place: Place) -> None:
    kept = with_something_of_everything(place)
    report = swept(statekeep, "--orphans")
    assert report["expired"] == {"task_entries": 2, "asset_entries": 0, "requests": 0}
    assert [(each["backend_id"], each["objects"]) for each in report["disposed"]] == [
        (place.backend.backend_id, 1)
    ]
    assert [each["objects"] for each in report["orphans"].pop("removed")] == [1]
    assert report["orphans"] == {"listed": 3, "too_young": 1, "not_understood": 0}
    assert report["cleaned_up"] == [place.backend.backend_id]
    assert (report["is_complete"], report["dry_run"], report["failures"]) == (True, False, [])
    assert kept in place.files()
    assert len(place.files()) == 2  # and the young one


def test_a_person_can_read_what_went_and_what_was_left_and_why(statekeep: Statekeep, place: Place) -> None:
    with_something_of_everything(place)
    done = statekeep("sweep", "--orphans")
    assert done.returncode == 0
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0] == "WHAT BACKEND REMOVED SIZE"
    assert "expired task entries - 2 -" in lines
    assert f"objects of replaced values {place.backend.backend_id} 1 5 bytes" in lines
    assert any(line.startswith(f"orphans {place.backend.backend_id} 1 ") for line in lines)
    assert "Within the grace period, and not looked at: 1 object." in lines
    assert sum("plain backend" in line and line.endswith(": 1 object.") for line in lines) == 1


def test_without_the_flag_orphans_stay(statekeep: Statekeep, place: Place) -> None:
    orphan = file_of(place.upload("orphan"))
    age(orphan)
    assert swept(statekeep)["orphans"] is None
    assert place.files() == {orphan}


def test_a_dry_run_counts_the_same_and_changes_nothing(statekeep: Statekeep, place: Place) -> None:
    with_something_of_everything(place)
    before = place.tables(), place.files()
    dry = swept(statekeep, "--orphans", "--dry-run")
    assert (place.tables(), place.files()) == before
    real = swept(statekeep, "--orphans")
    assert (dry["expired"], dry["disposed"]) == (real["expired"], real["disposed"])
    assert dry["orphans"]["removed"] == real["orphans"]["removed"]


def test_without_a_backend_the_store_alone_is_swept(statekeep: Statekeep, place: Place) -> None:
    with_something_of_everything(place)
    statekeep.environ["STATEKEEP__WORKERS__STATE_BACKEND"] = ""
    before = place.files()
    report = swept(statekeep, "--orphans")
    assert (report["expired"]["task_entries"], report["disposed"]) == (2, [])
    assert place.files() == before


def test_what_lies_in_each_backend_is_shown_and_whether_it_is_configured_here(
    statekeep: Statekeep, place: Place
) -> None:
    with_something_of_everything(place)
    backend_id = place.backend.backend_id
    report = swept(statekeep)
    counts = {"named": 1, "due": 0, "is_configured": True, "is_overdue": False}
    assert report["objects"] == [{"backend_id": backend_id, **counts}]
    lines = [" ".join(line.split()) for line in statekeep("sweep").stdout.splitlines()]
    after = lines.index("OBJECTS OF BACKEND NAMED DUE CONFIGURED HERE")
    assert lines[after + 1] == f"{backend_id} 1 0 yes"


def test_due_objects_of_a_backend_that_is_not_configured_are_said(statekeep: Statekeep, place: Place) -> None:
    with_something_of_everything(place)
    backend_id = place.backend.backend_id
    statekeep.environ["STATEKEEP__WORKERS__STATE_BACKEND"] = ""
    counts = {"named": 1, "due": 1, "is_configured": False, "is_overdue": False}
    assert swept(statekeep)["objects"] == [{"backend_id": backend_id, **counts}]
    said = f"1 object of backend {backend_id} is due; that backend is not configured here."
    assert said in statekeep("sweep").stdout.splitlines()


def test_when_nobody_has_deleted_them_for_a_day_that_is_1_and_said_on_stderr(
    statekeep: Statekeep, place: Place
) -> None:
    place.clock.advance(-_TWO_DAYS)
    for value in ('"1"', '"2"', '"3"'):
        place.write("k", value)
    backend_id = place.backend.backend_id
    done = statekeep("sweep", "--json", STATEKEEP__WORKERS__STATE_BACKEND="")
    assert done.returncode == 1
    assert f"2 objects of backend {backend_id} are due; that backend is not configured here" in done.stderr
    assert "[workers] state_backend or read_backends" in done.stderr
    assert json.loads(done.stdout)["objects"][0]["is_overdue"]
    assert statekeep("sweep").returncode == 0


def test_a_backend_that_cannot_be_made_is_78_and_nothing_is_swept(statekeep: Statekeep, place: Place) -> None:
    with_something_of_everything(place)
    before = place.tables(), place.files()
    done = statekeep("sweep", STATEKEEP__WORKERS__STATE_BACKEND="no.such.Backend")
    assert done.returncode == 78
    assert "state_backend" in done.stderr
    assert (place.tables(), place.files()) == before


def test_a_backend_that_fails_is_1_and_what_was_done_stands(statekeep: Statekeep, place: Place) -> None:
    with_something_of_everything(place)
    place.objects.rename(place.objects.with_name("away"))
    done = statekeep("sweep", "--orphans", "--json")
    assert done.returncode == 1
    assert "does not exist" in done.stderr
    report = json.loads(done.stdout)
    assert report["expired"]["task_entries"] == 2
    assert len(report["failures"]) == 2  # the deletion and the listing
    assert report["is_complete"]  # nothing was stopped for lack of time


def test_inside_a_task_it_is_refused(statekeep: Statekeep) -> None:
    done = statekeep.run(sys.executable, "-m", "statekeep", "sweep")
    assert done.returncode == 64
    assert "run it outside" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--orphans", "--grace=59m"),
        ("--orphans", "--grace=soon"),
        ("--orphans", "--grace=never"),
        ("--grace=2h",),
        ("--time-limit=-1",),
    ],
)
def test_a_mistake_in_the_arguments_is_64(statekeep: Statekeep, arguments: tuple[str, ...]) -> None:
    done = statekeep("sweep", *arguments)
    assert done.returncode == 64
    assert "Traceback" not in done.stderr
    assert not statekeep.store.exists()


def test_when_its_time_is_up_it_says_so_and_the_next_goes_on(statekeep: Statekeep, place: Place) -> None:
    with_something_of_everything(place)
    assert swept(statekeep, "--orphans", "--time-limit=0")["is_complete"] is False
    assert "The time was up" in statekeep("sweep", "--time-limit=0").stdout
    assert swept(statekeep)["expired"]["task_entries"] == 2


_WAITING = """
import sys, time
from statekeep.backends import ObjectStoreBackend

class Waiting(ObjectStoreBackend):
    def delete_objects(self, origins):
        print("deleting", file=sys.stderr, flush=True)
        time.sleep(60)
"""


def test_interrupted_in_the_middle_it_leaves_what_the_next_sweep_completes(
    statekeep: Statekeep, place: Place
) -> None:
    kept = with_something_of_everything(place)
    (statekeep.folder / "waiting.py").write_text(_WAITING, encoding="utf-8")
    environ = statekeep.environ | {
        "PYTHONPATH": str(statekeep.folder),
        "STATEKEEP__WORKERS__STATE_BACKEND": "waiting.Waiting",
    }
    command = [sys.executable, "-m", "statekeep", "sweep", "--orphans"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "deleting\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    swept(statekeep, "--orphans")
    place.clock.advance(2 * _AN_HOUR_SECONDS)
    assert dispose(place.ask, [place.backend]).removed[0].objects == 1  # leased until then
    assert kept in place.files()
    assert len(place.files()) == 2
