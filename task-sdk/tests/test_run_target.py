"""The start of a task process that calls a Python function."""

from __future__ import annotations

import pytest
from statekeep_command import THE_TASK, Statekeep

pytestmark = pytest.mark.slow

MODULE = """
import neighbour
import statekeep

def load():
    print(neighbour.NAME, statekeep.current_context().try_number, __name__)

class Loader:
    @staticmethod
    def load():
        print("static")

async def later():
    print("later")

def fails():
    raise ValueError("no")

def leaves():
    raise SystemExit(7)
"""


@pytest.fixture(autouse=True)
def _modules(statekeep: Statekeep) -> None:
    package = statekeep.folder / "jobs"
    package.mkdir()
    (package / "neighbour.py").write_text("NAME = 'neighbour'")
    (package / "flights.py").write_text(MODULE)
    (package / "script").write_text(MODULE)
    (statekeep.folder / "neighbour.py").write_text("NAME = 'from the working folder'")


@pytest.mark.parametrize(
    ("target", "output"),
    [
        ("jobs.flights:load", "from the working folder 1 jobs.flights"),
        ("jobs/flights.py:load", "neighbour 1 flights"),
        ("jobs/script:load", "neighbour 1 script"),
        ("jobs.flights:Loader.load", "static"),
        ("jobs.flights:later", "later"),
    ],
)
def test_a_function_is_found_by_module_or_by_file(statekeep: Statekeep, target: str, output: str) -> None:
    done = statekeep("run", *THE_TASK, target)
    assert (done.stdout, done.stderr) == (f"{output}\n", "")


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [
        ("jobs.flights:fails", 1, "ValueError: no"),
        ("jobs.flights:leaves", 7, ""),
        ("jobs.flights:nothing", 1, "statekeep: jobs.flights has no function nothing"),
        ("jobs.nothing:load", 1, "statekeep: there is no module jobs.nothing"),
        ("jobs/nothing.py:load", 1, "statekeep: there is no file jobs/nothing.py"),
        ("jobs/nothing:load", 1, "statekeep: there is no file jobs/nothing"),
    ],
)
def test_what_goes_wrong_is_the_tasks_failure(
    statekeep: Statekeep, target: str, status: int, message: str
) -> None:
    done = statekeep("run", *THE_TASK, target)
    assert done.returncode == status
    assert message in done.stderr
    assert statekeep.statuses() == ["failed"]
