"""What a supervisor deletes when its job has ended, and that nobody waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from statekeep._shared.state import messages as m
from statekeep_command import Statekeep
from sweeping.place import MovedClock, Place, file_of

pytestmark = pytest.mark.slow

_AN_HOUR_SECONDS = 3_600

# It notes that it deletes, after what the test gives it to do.
_NOTING = """
import os, subprocess, sys
from statekeep.backends import ObjectStoreBackend

class Noting(ObjectStoreBackend):
    def delete_objects(self, origins):
        command = "-m statekeep run --dag=etl --run=2026-01-01 --task=load -- true".split()
        environ = os.environ | {"STATEKEEP__WORKERS__STATE_BACKEND": ""}
        done = subprocess.run([sys.executable, *command], env=environ)
        with open("log", "a") as log:
            log.write(f"deleted {done.returncode}\\n")
        super().delete_objects(origins)
"""


@pytest.fixture
def place(statekeep: Statekeep) -> Iterator[Place]:
    """The store of the command, in which the task failed an hour ago."""
    place = Place(
        statekeep.store.parent, MovedClock(time.time() - _AN_HOUR_SECONDS), database=statekeep.database
    )
    statekeep.environ |= {
        "STATEKEEP__WORKERS__STATE_BACKEND": "statekeep.backends.ObjectStoreBackend",
        "STATEKEEP__OBJECT_STORE__URL": f"file://{place.objects}",
    }
    yield place
    place.close()


@pytest.fixture
def replaced(place: Place) -> tuple[str, str]:
    """The files of a value that was replaced an hour ago, and of the one that stands."""
    files = file_of(place.write("k", '"old"')), file_of(place.write("k", '"new"'))
    place.as_(place.claims, m.Finish(False))
    return files


@pytest.mark.parametrize("status", [0, 3])
def test_what_was_replaced_is_deleted_when_the_job_has_ended(
    statekeep: Statekeep, place: Place, replaced: tuple[str, str], status: int
) -> None:
    done = statekeep.shell(f"exit {status}")
    assert done.returncode == status
    assert "replaced" not in done.stderr
    assert place.files() == {replaced[1]}
    assert statekeep.left_behind() == []


def test_a_store_of_objects_that_is_away_is_said_in_a_line_and_changes_no_status(
    statekeep: Statekeep, place: Place, replaced: tuple[str, str]
) -> None:
    place.objects.rename(place.objects.with_name("away"))
    done = statekeep.shell("exit 0")
    assert done.returncode == 0
    assert sum("replaced values were not all deleted" in line for line in done.stderr.splitlines()) == 1


def test_no_retry_waits_for_it_and_the_task_can_be_run_again_meanwhile(
    statekeep: Statekeep, place: Place, replaced: tuple[str, str]
) -> None:
    (statekeep.folder / "noting.py").write_text(_NOTING, encoding="utf-8")
    backend = {"STATEKEEP__WORKERS__STATE_BACKEND": "noting.Noting", "PYTHONPATH": str(statekeep.folder)}
    done = statekeep.shell("echo try >>log; exit 3", ("--retries=1",), **backend)
    assert done.returncode == 3
    # The run from within the deletion was not refused with 75: nothing holds the task's lock any more.
    assert (statekeep.folder / "log").read_text().splitlines() == ["try", "try", "deleted 0"]
    assert place.files() == {replaced[1]}


def test_without_a_backend_nothing_of_this_is_imported(statekeep: Statekeep) -> None:
    imported = statekeep.shell("exit 0", PYTHONPROFILEIMPORTTIME="1").stderr
    assert "statekeep.supervisor.supervisor" in imported
    assert "statekeep.sweeping" not in imported
    assert "statekeep.backends" not in imported
