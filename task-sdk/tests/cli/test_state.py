"""`statekeep state`: from a shell script inside a task, and from outside."""

from __future__ import annotations

import json

import pytest
from statekeep_command import THE_TASK, Statekeep

pytestmark = pytest.mark.slow


def test_a_shell_script_keeps_state_over_its_tries(statekeep: Statekeep) -> None:
    script = """
        statekeep state get job --default none; statekeep state set job '{"id": 7}'
        statekeep state get job; exit 1
    """
    assert statekeep.shell(script).stdout == 'none\n{"id":7}\n'
    assert statekeep.shell(script).stdout == '{"id":7}\n{"id":7}\n'


def test_an_absent_key_is_exit_status_1_and_a_message(statekeep: Statekeep) -> None:
    done = statekeep.shell("statekeep state get nothing; echo $?")
    assert done.stdout == "1\n"
    assert done.stderr == "statekeep: there is no key 'nothing'\n"


def test_strings_go_in_and_come_out_unquoted_when_asked(statekeep: Statekeep) -> None:
    script = """
        statekeep state set --string name 'ü "quoted"'
        statekeep state get name; statekeep state get --raw name
        printf '[1,\n 2]' | statekeep state set list -; statekeep state get list
        echo 'a line' | statekeep state set --string line -; statekeep state get line
    """
    lines = statekeep.shell(script).stdout.splitlines()
    assert lines == [r'"ü \"quoted\""', 'ü "quoted"', "[1,2]", '"a line"']


def test_conditions_retention_and_delete(statekeep: Statekeep) -> None:
    script = """
        statekeep state set k 1 --if-absent; statekeep state set k 2 --if-absent; echo absent-$?
        statekeep state set k 3 --if-version 99; echo version-$?
        statekeep state set soon 4 --retention 1h; statekeep state list --json
        statekeep state delete k; statekeep state delete k; statekeep state get k; echo gone-$?
        statekeep state set x nonsense; echo json-$?
        statekeep state set x 1 --retention soon; echo retention-$?
    """
    done = statekeep.shell(script)
    listed = done.stdout[done.stdout.index("[\n") : done.stdout.index("]\n") + 1]
    assert [(entry["key"], entry["value"], entry["expires_at"] is None) for entry in json.loads(listed)] == [
        ("k", 1, True),
        ("soon", 4, False),
    ]
    statuses = [line for line in done.stdout.splitlines() if "-" in line and " " not in line]
    assert statuses == ["absent-76", "version-76", "gone-1", "json-64", "retention-64"]


def test_inside_a_task_only_its_own_state_can_be_named(statekeep: Statekeep) -> None:
    script = f"statekeep state get k {' '.join(THE_TASK)}; echo $?; statekeep tries list; echo $?"
    done = statekeep.shell(script)
    assert done.stdout == "64\n64\n"
    assert len(done.stderr.splitlines()) == 2


def test_an_operator_reads_and_corrects_from_outside(statekeep: Statekeep) -> None:
    statekeep.shell("statekeep state set cursor 5; exit 1")
    assert statekeep("state", "get", "cursor", *THE_TASK).stdout == "5\n"
    assert statekeep("state", "set", "cursor", "4", *THE_TASK).returncode == 0
    assert statekeep.shell("statekeep state get cursor").stdout == "4\n"
    table = statekeep("state", "list", *THE_TASK).stdout.splitlines()
    assert table[0].split() == ["KEY", "VALUE", "VERSION", "UPDATED", "EXPIRES"]
    assert table[1].split()[:2] == ["cursor", "4"]


def test_outside_a_task_one_must_be_named(statekeep: Statekeep) -> None:
    done = statekeep("state", "get", "k")
    assert done.returncode == 64
    assert done.stderr == (
        "statekeep: the task is not known outside a task; name it with --dag, --run and --task\n"
    )
