"""`@statekeep.task`: functions that are run as durable tasks, in interpreters of their own."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from statekeep.errors import InvalidRequestError, InvalidValueError
from statekeep.tasks import TaskFailedError, TaskOutcome, importable_target, task
from statekeep_command import Statekeep

JOB = """
import json
import statekeep

@statekeep.task(dag="etl", outlets=[statekeep.Asset("orders", "s3://lake/orders")], retries=1)
def load(day, *, fail=False):
    "What it does."
    context = statekeep.current_context()
    count = context.task_state.increment("count")
    context.asset_state["orders"].set("day", day)
    print(json.dumps([day, count, context.try_number]))
    if fail:
        raise ValueError("it failed")

@statekeep.task(dag="etl", task="other-name")
async def asynchronous():
    await statekeep.current_context().task_state.aset("k", 1)
"""


def run_python(statekeep: Statekeep, script: str) -> subprocess.CompletedProcess[str]:
    (statekeep.folder / "job.py").write_text(JOB)
    (statekeep.folder / "main.py").write_text(script)
    return subprocess.run(
        [sys.executable, "main.py"],
        cwd=statekeep.folder,
        env=statekeep.environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_function_runs_in_a_process_of_its_own_with_its_arguments(statekeep: Statekeep) -> None:
    done = run_python(statekeep, "import job; print(*job.load.run('r', {'é': [1, 2.5, None]}))")
    assert done.stdout.splitlines() == ['[{"\\u00e9": [1, 2.5, null]}, 1, 1]', "succeeded 0 1"]
    assert statekeep("asset", "get", "s3://lake/orders", "day").stdout == '{"é":[1,2.5,null]}\n'


@pytest.mark.slow
def test_a_task_that_succeeded_is_not_run_again(statekeep: Statekeep) -> None:
    done = run_python(statekeep, "import job; job.load.run('r', 1); print(job.load.run('r', 1).status)")
    assert done.stdout.splitlines()[1:] == ["already_succeeded"]


@pytest.mark.slow
def test_a_failure_is_raised_after_the_retries(statekeep: Statekeep) -> None:
    script = """
import job, statekeep
try:
    job.load.run('r', 1, fail=True, map_index=4)
except statekeep.TaskFailedError as error:
    print(error)
    print(*error.outcome)
"""
    lines = run_python(statekeep, script).stdout.splitlines()
    assert lines[-2:] == [
        "etl/r/load[4] failed: try 2 ended with exit status 1; its output says why",
        "failed 1 2",
    ]
    assert [json.loads(line)[1:3] for line in lines[:2]] == [[1, 1], [2, 2]]


@pytest.mark.slow
def test_a_coroutine_function_and_a_function_of_the_main_script_can_be_run(statekeep: Statekeep) -> None:
    script = """
import statekeep, job
@statekeep.task(dag="etl")
def here(): print("here", __name__)
if __name__ == "__main__":
    print(job.asynchronous.run("r").status)
    print(here.run("r").status)
"""
    assert run_python(statekeep, script).stdout.splitlines() == ["succeeded", "here main", "succeeded"]
    assert {row["task_id"] for row in statekeep.tries()} == {"other-name", "here"}


@pytest.mark.slow
def test_a_script_without_an_ending_can_be_the_main_one(statekeep: Statekeep) -> None:
    (statekeep.folder / "noext").write_text(
        "import statekeep\n@statekeep.task(dag='etl')\ndef here(arguments): print(arguments)\n"
        "if __name__ == '__main__': print(here.run('r', arguments='given').status)\n"
    )
    done = subprocess.run(
        [sys.executable, "./noext"],
        cwd=statekeep.folder,
        env=statekeep.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("given\nsucceeded\n", "")


@pytest.mark.slow
def test_the_arguments_show_in_no_process_and_no_environment(statekeep: Statekeep) -> None:
    (statekeep.folder / "look.py").write_text(
        """
import os, subprocess, statekeep
@statekeep.task(dag="etl")
def look(secret):
    seen = subprocess.run(["ps", "-Aww", "-o", "args="], capture_output=True, text=True).stdout
    print(secret in seen, secret in str(os.environ))
"""
    )
    secret = os.urandom(8).hex()
    (statekeep.folder / "secret").write_text(secret)
    done = run_python(statekeep, "import look; look.look.run('r', open('secret').read())")
    assert done.stdout == "False False\n"


@pytest.mark.slow
def test_what_escapes_from_the_task_keeps_nobody_waiting(statekeep: Statekeep) -> None:
    (statekeep.folder / "escape.py").write_text(
        """
import statekeep, subprocess
@statekeep.task(dag="etl")
def escape():
    sleeper = subprocess.Popen(["sleep", "60"], start_new_session=True, close_fds=False)
    open("sleeper", "w").write(str(sleeper.pid))
"""
    )
    script = (
        "import escape, os; escape.escape.run('r'); os.kill(int(open('sleeper').read()), 9); print('in time')"
    )
    assert run_python(statekeep, script).stdout == "in time\n"


@pytest.mark.embedded_only("a worker of a server has no file")
@pytest.mark.slow
def test_a_store_that_cannot_be_used_is_raised_as_itself(statekeep: Statekeep) -> None:
    script = """
import job, os, statekeep.errors
os.environ["STATEKEEP__DATABASE__URL"] = os.path.abspath("job.py/state.db")
try:
    job.load.run("r", 1)
except statekeep.errors.StoreUnusableError as error:
    print("unusable")
"""
    assert run_python(statekeep, script).stdout == "unusable\n"


def test_calling_a_task_calls_the_function() -> None:
    @task(dag="etl")
    def double(number: int) -> int:
        """Twice."""
        return 2 * number

    assert double(4) == 8
    assert (double.__name__, double.__doc__) == ("double", "Twice.")


def test_a_function_that_no_other_process_finds_is_refused() -> None:
    def inner() -> None:
        pass

    decorate: Any = task(dag="etl", task="t")
    for function in (inner, lambda: None):
        with pytest.raises(InvalidRequestError, match="move it to its module"):
            decorate(function).run("r")


def test_a_function_of_a_module_is_found_by_its_name() -> None:
    assert importable_target(importable_target) == "statekeep.tasks:importable_target"


def test_arguments_that_are_no_json_are_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"the task's arguments at \$\.arguments\[0\]"):
        task(dag="etl")(importable_target).run("r", object())


@pytest.mark.parametrize("argument", [datetime(2026, 1, 1, tzinfo=UTC), Decimal(1), b"bytes"])
def test_arguments_that_would_arrive_as_another_type_are_refused(argument: object) -> None:
    with pytest.raises(InvalidValueError, match=f"hold a {type(argument).__name__}, which would not arrive"):
        task(dag="etl")(importable_target).run("r", day=[argument])


def test_a_keyword_called_arguments_hides_no_positional_argument() -> None:
    with pytest.raises(InvalidValueError, match=r"the task's arguments at \$\.arguments\[0\]"):
        task(dag="etl")(importable_target).run("r", (1,), arguments=1)


@pytest.mark.parametrize(
    ("declared", "given", "refused"),
    [
        ({"retries": 1, "retry_delay_seconds": float("nan")}, {}, "retry_delay_seconds is nan"),
        ({"retry_delay_seconds": -1}, {}, "retry_delay_seconds is -1"),
        ({"retry_delay_seconds": float("inf")}, {}, "retry_delay_seconds is inf"),
        ({"retries": -1}, {}, "retries is -1"),
        ({"retries": "1"}, {}, "retries is '1'"),
        ({"retries": 10**9}, {}, "retries is 1000000000"),
        ({}, {"wait_seconds": "5"}, "wait_seconds is '5'"),
        ({}, {"wait_seconds": float("nan")}, "wait_seconds is nan"),
        ({}, {"map_index": "0"}, "map_index"),
    ],
)
def test_numbers_that_nobody_can_count_or_wait_for_are_refused(
    declared: dict[str, Any],
    given: dict[str, Any],
    refused: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("STATEKEEP__DATABASE__URL", str(tmp_path / "state.db"))
    decorated: Any = task(dag="etl", **declared)(importable_target)
    with pytest.raises(InvalidRequestError, match=refused):
        decorated.run("r", **given)


def test_a_failure_survives_pickling() -> None:
    error = TaskFailedError(TaskOutcome("failed", 1, 2), task="t", problem="p")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.outcome) == (str(error), error.outcome)
