"""`statekeep state`: from a shell script inside a task, and from outside."""

from __future__ import annotations

import json
from pathlib import Path

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


def test_an_absent_key_has_an_exit_status_of_its_own_and_a_message(statekeep: Statekeep) -> None:
    done = statekeep.shell("statekeep state get nothing; echo $?")
    assert done.stdout == "3\n"
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
    assert statuses == ["absent-76", "version-76", "gone-3", "json-64", "retention-64"]


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


@pytest.mark.parametrize("streams", [">&-", ">&- 2>&-", ">/dev/full", ">/dev/full 2>/dev/full", "--raw >&-"])
def test_output_that_is_lost_is_told_from_an_absent_key_and_no_traceback(
    statekeep: Statekeep, streams: str
) -> None:
    if "/dev/full" in streams and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    done = statekeep.shell(f"statekeep state set k 1; statekeep state get k {streams}; echo $?")
    assert done.stdout == "74\n"
    assert [line[:26] for line in done.stderr.splitlines()] == ["statekeep: standard output"] * (
        "2>" not in streams
    )


def test_an_absent_key_stays_one_when_nobody_can_be_told(statekeep: Statekeep) -> None:
    assert statekeep.shell("statekeep state get k >&- 2>&- <&-; echo $?").stdout == "3\n"


def test_a_mistake_says_nothing_on_standard_output_when_standard_error_is_closed(
    statekeep: Statekeep,
) -> None:
    assert statekeep.shell("statekeep state get 2>&-; echo $?").stdout == "64\n"


def test_a_stream_of_few_characters_gets_escapes_and_raw_bytes(statekeep: Statekeep) -> None:
    script = """
        export PYTHONIOENCODING=ascii
        statekeep state set --string k 'ü😀'; echo 'ü' | statekeep state set --string piped -
        statekeep state get k; statekeep state get k --raw; statekeep state get x --default ö
        statekeep state list --json; statekeep state list
    """
    done = statekeep.shell(script)
    lines = done.stdout.splitlines()
    assert lines[:3] == [r'"\u00fc\ud83d\ude00"', "ü😀", "ö"]
    listing = "\n".join(lines[3 : lines.index("]") + 1])
    assert listing.isascii()
    assert [entry["value"] for entry in json.loads(listing)] == ["ü😀", "ü"]
    assert r"\xfc" in lines[-1]
    assert done.stderr == ""


def test_input_that_is_no_utf8_or_closed_is_refused(statekeep: Statekeep) -> None:
    script = (
        r"printf '\377' | statekeep state set --string k -; echo $?; statekeep state set k - <&-; echo $?"
    )
    done = statekeep.shell(script)
    assert done.stdout == "64\n64\n"
    assert [line.split(";")[0] for line in done.stderr.splitlines()] == [
        "statekeep: the value on standard input is no UTF-8",
        "statekeep: the value is no JSON",
    ]


def test_a_value_may_begin_with_a_dash(statekeep: Statekeep) -> None:
    script = "statekeep state set --string k -- -x; statekeep state get k; statekeep state set k -5"
    assert statekeep.shell(script).stdout == '"-x"\n'
    assert "`--` before it" in " ".join(statekeep("state", "set", "--help").stdout.split())


def test_a_task_that_never_ran_is_no_absent_key(statekeep: Statekeep) -> None:
    done = statekeep("state", "get", "k", *THE_TASK, "--default", "none")
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr == "statekeep: task instance etl/2026-01-01/load does not exist\n"
    assert "there is no such task" in statekeep("state", "get", "--help").stdout
