"""A token opens one door: what a task asks beyond its own is refused, and changes nothing."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from statekeep_core._shared.state import messages as m
from statekeep_core.embedded import open_store

from tests.crash.observer import ask
from tests.crash.supervise import TASK
from tests.crash.trespass import foreign_requests
from tests.crash.workplace import PATIENCE_SECONDS, Workplace

pytestmark = pytest.mark.slow

OTHER = m.TaskAddress("crash", "2026", "other")
FOREIGN, INLET = m.AssetAddress("foreign"), m.AssetAddress("inlet")


def test_a_task_reaches_nothing_but_its_own_state_and_its_declared_assets(workplace: Workplace) -> None:
    write = f"{sys.executable} -m statekeep state set k '\"secret\"'"
    other = ("--inlet", "inlet", "--outlet", "foreign")
    prepared = workplace.start_run(["sh", "-c", write], *other, task=("crash", "2026", "other"))
    assert prepared.wait(PATIENCE_SECONDS) == 0, workplace.said()
    with closing(open_store(workplace.store_path)) as store:
        ask(store, m.Set("k", b'"foreign"', FOREIGN), m.Set("k", b'"inlet"', INLET))
        [assets] = ask(store, m.ListAssets())
        before = everything(store)
    [foreign] = [row.asset_id for row in assets.assets if row.name == "foreign"]

    report = workplace.path / "report"
    command = [sys.executable, "-m", "tests.crash.trespass", str(report), str(foreign)]
    run = workplace.start_run(command, "--inlet", "inlet")
    assert run.wait(PATIENCE_SECONDS) == 0, workplace.said()

    answers = json.loads(report.read_text())
    assert len(answers) == len(foreign_requests(0, 0))
    # A try names an asset by the id that it was granted; a name or a uri is no request of its.
    refusals = {"forbidden", "asset_not_declared", "invalid_request"}
    assert [answer for answer in answers if answer[1] not in refusals] == []
    with closing(open_store(workplace.store_path)) as store:
        assert everything(store) == before
        [own] = ask(store, m.ListEntries(m.TaskAddress(*TASK)))
    # Nor has the part of a refused batch that was allowed taken effect.
    assert [entry.key for entry in own.entries] == ["still"]


def test_the_environment_of_a_task_holds_the_supervisors_socket_and_nothing_else_of_its_own(
    workplace: Workplace,
) -> None:
    report = workplace.path / "report"
    assert workplace.start_run(["sh", "-c", f"env > {report}"]).wait(PATIENCE_SECONDS) == 0
    variables = dict(line.split("=", 1) for line in report.read_text().splitlines() if "=" in line)
    added = {name: text for name, text in variables.items() if workplace.environ.get(name) != text}
    # What a shell sets by itself.
    assert set(added) - {"PWD", "OLDPWD", "SHLVL", "_"} == {"STATEKEEP_SUPERVISOR"}
    socket = Path(added["STATEKEEP_SUPERVISOR"])
    assert socket.is_relative_to(workplace.temporary)


def everything(store: Any) -> list[Any]:
    """Return the state that is none of the task's business, and how the other task's try stands."""
    return ask(
        store,
        m.ListEntries(OTHER, with_values=True),
        m.ListEntries(FOREIGN, with_values=True),
        m.ListEntries(INLET, with_values=True),
        m.ListHistory(FOREIGN),
        m.ListHistory(INLET),
        m.ListTries(task_id="other"),
    )
