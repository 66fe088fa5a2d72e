import sys
from pathlib import Path

import pytest

from demo.kills import Kill, Target
from demo.tries import FailedError, Job, Try, run_try, run_until_done

# A job that begins three days, one after the other, and waits in the second until a file tells it to go on,
# at most ten seconds.
THREE_DAYS = """
import sys, pathlib, time
print("2013-01-01", flush=True)
print("2013-01-02", flush=True)
for _ in range(1000):
    if pathlib.Path(sys.argv[1]).exists():
        break
    time.sleep(0.01)
print("2013-01-03", flush=True)
"""


def job_of(source: str, *arguments: str) -> Job:
    task = (sys.executable, "-c", source, *arguments)
    return Job(task, task, {})


def test_a_try_is_killed_at_its_day_and_the_job_is_started_again(tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    ended: list[Try] = []

    def on_end(one: Try) -> None:
        ended.append(one)
        go_on.touch()

    days: list[str] = []
    kill = Kill("task", after_days=2, delay_seconds=0)
    tries = run_until_done(job_of(THREE_DAYS, str(go_on)), [kill], days.append, on_end)
    assert (
        tries
        == ended
        == [
            Try(("2013-01-01", "2013-01-02"), "task"),
            Try(("2013-01-01", "2013-01-02", "2013-01-03"), None),
        ]
    )
    assert days == [day for one in tries for day in one.days]


# A supervisor with nothing of Statekeep in it, which notes that it has outlived its task.
SUPERVISOR = """
import pathlib, subprocess, sys
status = subprocess.call(sys.argv[2:])
pathlib.Path(sys.argv[1]).touch()
sys.exit(status != 0)
"""


@pytest.mark.parametrize("target", ["task", "both"])
def test_of_a_supervised_job_the_task_is_killed_or_both_are(target: Target, tmp_path: Path) -> None:
    task = (sys.executable, "-c", THREE_DAYS, str(tmp_path / "never"))
    outlived = tmp_path / "outlived"
    job = Job((sys.executable, "-c", SUPERVISOR, str(outlived), *task), task, {})
    ended = run_try(job, Kill(target, after_days=2, delay_seconds=0), lambda _: None)
    assert ended == Try(("2013-01-01", "2013-01-02"), target)
    assert outlived.exists() == (target == "task")


def test_a_try_that_succeeds_before_its_kill_is_the_last() -> None:
    kill = Kill("task", after_days=2, delay_seconds=0)
    tries = run_until_done(job_of("print('2013-01-01')"), [kill], lambda _: None, lambda _: None)
    assert tries == [Try(("2013-01-01",), None)]


def test_a_job_that_fails_by_itself_is_reported_with_what_it_said() -> None:
    with pytest.raises(FailedError, match="status 3:\nno such folder"):
        run_until_done(job_of("import sys; print('no such folder'); sys.exit(3)"), [], print, print)
