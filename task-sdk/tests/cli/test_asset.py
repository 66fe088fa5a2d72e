"""`statekeep asset`: staged inside a task, at once outside, and what operators do."""

from __future__ import annotations

import json
import sys

import pytest
from statekeep_command import Statekeep

pytestmark = pytest.mark.slow


def test_a_write_shows_when_the_try_succeeds_and_not_when_it_fails(statekeep: Statekeep) -> None:
    script = "statekeep asset set flights day '\"2013-01-01\"' && statekeep asset get flights day"
    failed = statekeep.shell(f"{script}; exit 1", ("--outlet=flights",))
    assert failed.stdout == '"2013-01-01"\n'
    assert statekeep("asset", "get", "flights", "day").returncode == 3
    statekeep.shell(script, ("--outlet=flights",))
    assert statekeep("asset", "get", "flights", "day", "--raw").stdout == "2013-01-01\n"


def test_a_write_with_now_stays_even_if_the_try_fails(statekeep: Statekeep) -> None:
    statekeep.shell("statekeep asset set --now flights day 3; exit 1", ("--outlet=flights",))
    assert statekeep("asset", "get", "flights", "day").stdout == "3\n"


def test_an_asset_is_known_by_its_name_and_its_uri(statekeep: Statekeep) -> None:
    script = "statekeep asset set lake rows 1; statekeep asset get s3://lake/rows rows"
    assert statekeep.shell(script, ("--outlet=lake=s3://lake/rows",)).stdout == "1\n"
    listed = json.loads(statekeep("asset", "list", "--json").stdout)
    assert [(row["name"], row["uri"]) for row in listed] == [("lake", "s3://lake/rows")]


def test_an_undeclared_asset_and_an_inlet_cannot_be_written(statekeep: Statekeep) -> None:
    script = "statekeep asset set in k 1; echo $?; statekeep asset get other k; echo $?"
    done = statekeep.shell(script, ("--inlet=in",))
    assert done.stdout == "64\n64\n"
    assert "declare it when the task starts (--outlet in)" in done.stderr


def test_history_says_who_and_rewind_brings_a_version_back(statekeep: Statekeep) -> None:
    statekeep.shell("statekeep asset set flights day 1", ("--outlet=flights",))
    statekeep("asset", "set", "flights", "day", "2")
    newest, oldest = json.loads(statekeep("asset", "history", "flights", "day", "--json").stdout)
    assert (newest["value"], oldest["value"]) == (2, 1)
    assert newest["writer"].startswith("operator:")
    assert oldest["writer"] == "try 1 of etl/2026-01-01/load"
    assert statekeep("asset", "rewind", "flights", "day", str(oldest["version"])).returncode == 0
    assert statekeep("asset", "get", "flights", "day").stdout == "1\n"
    table = statekeep("asset", "history", "flights").stdout.splitlines()
    assert [line.split()[2] for line in table] == ["CHANGE", "rewind", "set", "set"]


def test_a_history_of_several_pages_is_shown_as_one(statekeep: Statekeep) -> None:
    statekeep.shell(f"{sys.executable} -c '{_MANY_CHANGES}'", ("--outlet=flights",))
    shown = statekeep("asset", "history", "flights", "--limit=2000", "--json").stdout
    assert [row["value"] for row in json.loads(shown)] == list(range(1_199, -1, -1))


_MANY_CHANGES = """import statekeep
for keys in (range(600), range(600, 1200)):
    with statekeep.current_context().asset_state["flights"].batch(commit="now") as batch:
        for key in keys:
            batch.set(f"{key:04}", key)
"""


def test_an_asset_that_was_deactivated_can_be_restored_or_made_anew(statekeep: Statekeep) -> None:
    statekeep.shell("statekeep asset set flights day 1", ("--outlet=flights",))
    assert statekeep("asset", "deactivate", "flights").returncode == 0
    refused = statekeep.shell("true", ("--outlet=flights", "--rerun"))
    assert refused.returncode == 64
    assert "statekeep asset restore flights" in refused.stderr
    assert "flights" not in statekeep("asset", "list").stdout
    assert "inactive" in statekeep("asset", "list", "--all").stdout
    assert statekeep("asset", "restore", "flights").returncode == 0
    assert statekeep("asset", "get", "flights", "day").stdout == "1\n"


def test_a_mistake_shows_the_usage_of_the_command_that_was_meant(statekeep: Statekeep) -> None:
    done = statekeep("asset", "rewind", "flights", "day", "--to", "7")
    assert done.returncode == 64
    usage, said = done.stderr.splitlines()
    assert usage == "usage: statekeep asset rewind [-h] A KEY VERSION"
    assert said == "statekeep: unrecognized arguments: --to"
