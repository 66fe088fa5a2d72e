"""The command as a whole: help, versions, mistakes, listings."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import statekeep as package
from statekeep.supervisor import exit_status
from statekeep_command import THE_TASK, Statekeep

pytestmark = pytest.mark.slow


def test_the_version_is_the_packages(statekeep: Statekeep) -> None:
    assert statekeep("--version").stdout == f"statekeep {package.__version__}\n"


def test_help_names_every_command_and_every_exit_status(statekeep: Statekeep) -> None:
    assert all(name in statekeep("--help").stdout for name in ("run", "state", "asset", "tries", "config"))
    text = statekeep("run", "--help").stdout
    assert all(f"  {status:<10}{meaning}" in text for status, meaning in exit_status.MEANINGS)
    assert "  3    there is no such key" in statekeep("state", "get", "--help").stdout
    assert "  3    there is no such key" not in statekeep("asset", "set", "--help").stdout


@pytest.mark.parametrize(
    "command", [("state", "list"), ("asset", "history"), ("tries", "list"), ("config", "list")]
)
def test_every_command_says_its_exit_statuses(statekeep: Statekeep, command: tuple[str, str]) -> None:
    assert "  64   " in statekeep(*command, "--help").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("run", "--dag=d"),
        ("run", *THE_TASK),
        ("run", *THE_TASK, "no-function"),
        ("run", *THE_TASK, "module:function", "--", "true"),
        ("run", *THE_TASK, "--fresh", "--", "true"),
        ("run", *THE_TASK, "--retries=-1", "--", "true"),
        ("run", *THE_TASK, "--retries=1000000", "--", "true"),
        ("run", *THE_TASK, "--wait=soon", "--", "true"),
        ("run", *THE_TASK, "--wait=inf", "--", "true"),
        ("run", *THE_TASK, "--retry-delay=nan", "--", "true"),
        ("run", *THE_TASK, "--retry-delay=-1", "--", "true"),
        ("run", *THE_TASK, "--retry-delay=1e9", "--", "true"),
        ("run", *THE_TASK, ":function"),
        ("run", *THE_TASK, "module:"),
        ("run", *THE_TASK, ".module:function"),
        ("run", *THE_TASK, "--inlet=", "--", "true"),
        ("run", "--dag=", "--run=r", "--task=t", "--", "true"),
        ("tries", "list", "--dag=\udcff"),
        ("state",),
        ("state", "set", "k"),
        ("asset", "get", "", "k"),
    ],
)
def test_a_mistake_in_the_arguments_is_64_and_says_what_is_wrong(
    statekeep: Statekeep, arguments: tuple[str, ...]
) -> None:
    done = statekeep(*arguments)
    assert done.returncode == 64
    assert done.stderr.splitlines()[-1].startswith("statekeep: ")
    assert "Traceback" not in done.stderr
    assert not statekeep.store.exists()


def test_tries_are_listed_newest_first_and_can_be_narrowed(statekeep: Statekeep) -> None:
    statekeep.shell("exit 3", ("--map-index=0",))
    statekeep.shell("true", ("--map-index=1",))
    table = statekeep("tries", "list").stdout.splitlines()
    assert table[0].split() == ["TASK", "TRY", "STATUS", "STARTED", "TOOK", "EXIT", "REASON", "SUPERVISOR"]
    assert [line.split()[:3] for line in table[1:]] == [
        ["etl/2026-01-01/load[1]", "1", "succeeded"],
        ["etl/2026-01-01/load[0]", "1", "failed"],
    ]
    narrowed = json.loads(statekeep("tries", "list", "--map-index=0", "--json").stdout)
    assert [row["exit_status"] for row in narrowed] == [3]


def test_settings_are_listed_with_their_sources(statekeep: Statekeep) -> None:
    environ = {"STATEKEEP__WORKERS__STOP_GRACE_SECONDS": "3"}
    rows = json.loads(statekeep("config", "list", "--json", **environ).stdout)
    found = {row["option"]: row["source"] for row in rows}
    assert found["[workers] lease_seconds"] == "default"
    [name] = environ
    assert found["[workers] stop_grace_seconds"] == f"environment variable {name}"


def test_a_reader_that_goes_away_is_no_error(statekeep: Statekeep) -> None:
    listing = f"{sys.executable} -m statekeep config list"
    done = subprocess.run(
        ["sh", "-c", f"({listing}; echo $? >status) | true"],
        env=statekeep.environ,
        cwd=statekeep.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
