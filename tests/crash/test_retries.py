"""A supervisor that outlives its task: the failure is recorded, and it tries again itself."""

from __future__ import annotations

import os
import signal

import pytest

from tests.crash.checker import judge
from tests.crash.job import Work
from tests.crash.ledger import Seen
from tests.crash.steps import children_of, session_of
from tests.crash.workplace import PATIENCE_SECONDS, Workplace, wait_until

pytestmark = pytest.mark.slow


def test_a_killed_task_is_tried_again_under_the_same_supervisor(workplace: Workplace) -> None:
    gate = workplace.make_gate()
    run = workplace.start_run(workplace.job(Work(2, gate=str(gate))), "--retries", "2")
    for tries in (1, 2):
        wait_until(lambda tries=tries: len(workplace.records(Seen)) == tries)
        _kill_task(run.pid)
    wait_until(lambda: len(workplace.records(Seen)) == 3)
    gate.write_bytes(b"")
    assert run.wait(PATIENCE_SECONDS) == 0
    assert "the command was ended by signal 9 (SIGKILL)" in workplace.said()
    assert workplace.snapshot().statuses == {1: "failed", 2: "failed", 3: "succeeded"}
    assert judge(workplace.ledger.read()) == []
    assert workplace.left_behind() == []


def test_a_supervisor_killed_between_two_tries_leaves_the_next_one_to_the_next_start(
    workplace: Workplace,
) -> None:
    failing = workplace.job(Work(1, exit_status=4))
    run = workplace.start_run(failing, "--retries", "1", "--retry-delay", "3600")
    wait_until(lambda: "trying again in 3600 s" in workplace.said())
    run.kill()
    run.wait(PATIENCE_SECONDS)
    assert workplace.snapshot().statuses == {1: "failed"}
    assert workplace.start_run(workplace.job()).wait(PATIENCE_SECONDS) == 0
    assert workplace.snapshot().statuses == {1: "failed", 2: "succeeded"}
    assert judge(workplace.ledger.read()) == []
    assert workplace.left_behind() == []


def test_another_start_leaves_a_supervisor_its_retry(
    workplace: Workplace,
) -> None:
    first = workplace.start_run(workplace.job(Work(1, exit_status=4)), "--retries", "1", "--retry-delay", "1")
    wait_until(lambda: "trying again in 1 s" in workplace.said())
    first.send_signal(signal.SIGSTOP)  # so that the other start comes before the retry, however slow it is
    assert workplace.start_run(workplace.job()).wait(PATIENCE_SECONDS) == 75
    first.send_signal(signal.SIGCONT)
    assert first.wait(PATIENCE_SECONDS) == 4
    assert workplace.snapshot().statuses == {1: "failed", 2: "failed"}
    assert judge(workplace.ledger.read()) == []
    assert workplace.left_behind() == []


def _kill_task(supervisor: int) -> None:
    [task] = [child for child in children_of(supervisor) if session_of(child) != child]
    os.kill(task, signal.SIGKILL)
