"""Supervised commands, as people run them: what they exit with, what the store says, what is left behind."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from statekeep_command import SHOWN, THE_TASK, Statekeep, children_of

pytestmark = pytest.mark.slow

# --- exit statuses and outcomes --------------------------------------------------------------------------


def test_the_commands_status_is_passed_on_and_recorded(statekeep: Statekeep) -> None:
    assert statekeep.shell("exit 3").returncode == 3
    assert statekeep.shell("exit 0").returncode == 0
    failed, succeeded = statekeep.tries()
    assert (failed["status"], failed["exit_status"], failed["reason"]) == ("failed", 3, "exit status 3")
    assert (succeeded["status"], succeeded["exit_status"]) == ("succeeded", 0)
    assert statekeep.left_behind() == []


def test_a_command_that_a_signal_ends_gives_128_and_the_signals_number(statekeep: Statekeep) -> None:
    done = statekeep.shell("kill -9 $$")
    assert done.returncode == 128 + 9
    assert done.stderr == "statekeep: the command was ended by signal 9 (SIGKILL)\n"


def test_a_command_that_cannot_be_executed_fails_its_try_as_in_a_shell(
    statekeep: Statekeep, tmp_path: Path
) -> None:
    missing = statekeep.run("no-such-command")
    assert missing.returncode == 127
    assert "cannot execute no-such-command" in missing.stderr
    (tmp_path / "plain.txt").write_text("text")
    assert statekeep.run("./plain.txt").returncode == 126
    assert statekeep.statuses() == ["failed", "failed"]


def test_input_and_output_are_the_commands_own(statekeep: Statekeep) -> None:
    done = statekeep.run("sh", "-c", "cat; echo err >&2", stdin="in")
    assert (done.stdout, done.stderr) == ("in", "err\n")


def test_the_environment_gains_the_supervisors_address_and_nothing_else(statekeep: Statekeep) -> None:
    script = "import os, json; print(json.dumps(sorted(os.environ)))"
    names = statekeep.run(sys.executable, "-c", script).stdout
    plain = subprocess.run(
        [sys.executable, "-c", script], env=statekeep.environ, capture_output=True, text=True, check=True
    ).stdout
    gained = set(json.loads(names)) - set(json.loads(plain))
    assert gained == {"STATEKEEP_SUPERVISOR"}


def test_a_task_that_succeeded_is_not_run_again_unless_asked(statekeep: Statekeep) -> None:
    count = 'n=$(statekeep state get n --default 0); statekeep state set n $((n + 1)); echo "run $((n + 1))"'
    assert statekeep.shell(count).stdout == "run 1\n"
    again = statekeep.shell(count)
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr.startswith(f"statekeep: {SHOWN} already succeeded in try 1 at ")
    assert statekeep.shell(count, ("--rerun",)).stdout == "run 2\n"
    assert statekeep.shell(count, ("--rerun", "--fresh")).stdout == "run 1\n"
    assert statekeep.left_behind() == []


# --- retries ---------------------------------------------------------------------------------------------


def test_a_failed_try_is_followed_by_others_which_find_its_state(statekeep: Statekeep) -> None:
    script = "n=$(statekeep state get n --default 0); statekeep state set n $((n + 1)); test $n = 2"
    done = statekeep.shell(script, ("--retries=5",))
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        f"statekeep: try 1 of {SHOWN} failed; trying again (5 retries left)",
        f"statekeep: try 2 of {SHOWN} failed; trying again (4 retries left)",
    ]
    assert statekeep.statuses() == ["failed", "failed", "succeeded"]


def test_retries_end_and_the_last_status_counts(statekeep: Statekeep) -> None:
    assert statekeep.shell("exit 4", ("--retries=1",)).returncode == 4
    assert statekeep.statuses() == ["failed", "failed"]


def test_the_tries_after_a_fresh_one_keep_what_that_one_left(statekeep: Statekeep) -> None:
    statekeep.shell("statekeep state set n 7")
    script = """
        statekeep state get n --default none; statekeep state set n 1
        test -e failed || { touch failed; exit 1; }
    """
    done = statekeep.shell(script, ("--rerun", "--fresh", "--retries=1"))
    assert done.stdout == "none\n1\n"


def test_each_try_has_an_address_of_its_own(statekeep: Statekeep) -> None:
    done = statekeep.shell("echo $STATEKEEP_SUPERVISOR; exit 1", ("--retries=2",))
    assert len(set(done.stdout.splitlines())) == 3


def test_a_later_run_says_what_became_of_the_try_before(statekeep: Statekeep) -> None:
    statekeep.shell("exit 1")
    assert (
        statekeep.shell("true").stderr
        == f"statekeep: try 2 of {SHOWN}: try 1 failed; going on with its state\n"
    )


# --- one at a time ---------------------------------------------------------------------------------------


def test_a_second_supervisor_is_refused_while_the_first_runs(statekeep: Statekeep) -> None:
    with statekeep.started("echo ready; read _") as first:
        assert first.line() == "ready"
        second = statekeep.shell("echo never")
        assert (second.returncode, second.stdout) == (75, "")
        assert f"try 1 of {SHOWN} is running" in second.stderr
        first.say("go")
        assert first.wait() == 0
    assert statekeep.statuses() == ["succeeded"]


def test_a_second_supervisor_that_waits_runs_when_the_first_has_failed(statekeep: Statekeep) -> None:
    with statekeep.started("echo ready; read _; exit 1") as first:
        assert first.line() == "ready"
        with statekeep.started("echo second", ("--wait=30",)) as second:
            first.say("go")
            assert second.line() == "second"
            assert second.wait() == 0
        assert first.wait() == 1
    assert statekeep.statuses() == ["failed", "succeeded"]


def test_a_supervisor_that_waits_ends_when_it_is_told_to(statekeep: Statekeep) -> None:
    with statekeep.started("echo ready; read _") as first:
        assert first.line() == "ready"
        with statekeep.started("echo never", ("--wait=30",)) as second:
            assert second.stderr.readline() == f"statekeep: waiting up to 30 s for try 1 of {SHOWN}\n"
            second.signal(signal.SIGTERM)
            assert second.wait() == 128 + signal.SIGTERM
        first.say("go")
        assert first.wait() == 0


# --- signals ---------------------------------------------------------------------------------------------


def test_a_stop_is_forwarded_and_no_retry_follows(statekeep: Statekeep) -> None:
    with statekeep.started("echo ready; sleep 60", ("--retries=3",)) as run:
        assert run.line() == "ready"
        run.signal(signal.SIGTERM)
        assert run.wait() == 128 + signal.SIGTERM
        assert run.messages() == ["statekeep: the command was ended by signal 15 (SIGTERM)"]
    assert statekeep.statuses() == ["failed"]
    assert statekeep.left_behind() == []


def test_a_task_that_ends_well_after_a_stop_has_succeeded(statekeep: Statekeep) -> None:
    with statekeep.started("trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done") as run:
        assert run.line() == "ready"
        run.signal(signal.SIGTERM)
        assert run.wait() == 0
    assert statekeep.statuses() == ["succeeded"]


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2]
)
def test_every_signal_that_people_send_reaches_the_task(statekeep: Statekeep, number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    with statekeep.started(f"trap 'exit 9' {name}; echo ready; while :; do sleep 0.01; done") as run:
        assert run.line() == "ready"
        run.signal(number)
        assert run.wait() == 9


def test_a_signal_that_was_ignored_at_the_start_stays_ignored(statekeep: Statekeep) -> None:
    script = "kill -HUP $PPID; kill -HUP $$; echo alive"
    supervised = [sys.executable, "-m", "statekeep", "run", *THE_TASK, "--", "sh", "-c", script]
    run = subprocess.run(
        ["sh", "-c", 'trap "" HUP; "$@"', "sh", *supervised],
        env=statekeep.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, "alive\n")


def test_a_parent_that_ignores_the_end_of_children_makes_no_difference(statekeep: Statekeep) -> None:
    script = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
    script += " os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    supervised = ["-m", "statekeep", "run", *THE_TASK, "--", "sh", "-c", "exit 3"]
    done = subprocess.run(
        [sys.executable, "-c", script, *supervised], env=statekeep.environ, timeout=30, check=False
    )
    assert done.returncode == 3


# --- kills -----------------------------------------------------------------------------------------------


def test_a_killed_supervisor_takes_its_task_and_all_of_its_children_along(statekeep: Statekeep) -> None:
    with statekeep.started("(sleep 60 & sleep 60) & echo ready; sleep 60") as run:
        assert run.line() == "ready"
        run.signal(signal.SIGKILL)
        run.wait()
        run.wait_for_end_of_output()
    after = statekeep.shell("true")
    assert after.returncode == 0
    assert after.stderr == f"statekeep: try 2 of {SHOWN}: try 1 did not finish; going on with its state\n"
    assert statekeep.statuses() == ["superseded", "succeeded"]
    assert statekeep.left_behind() == []


def test_a_supervisor_whose_guardian_was_killed_gets_another(statekeep: Statekeep) -> None:
    with statekeep.started("(trap '' TERM; sleep 60) & echo $$; read _; echo on; sleep 60") as run:
        task = int(run.line())
        first = children_of(run.process.pid)
        for child in first:
            if child != task:
                os.kill(child, signal.SIGKILL)
        _wait_until(lambda: bool(set(children_of(run.process.pid)) - set(first)))
        run.say("go")
        assert run.line() == "on"
        run.signal(signal.SIGKILL)
        run.wait_for_end_of_output()
    assert statekeep.shell("true").returncode == 0
    assert statekeep.left_behind() == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the guardian alone sees to it")
def test_the_command_itself_dies_even_with_supervisor_and_guardian(statekeep: Statekeep) -> None:
    with statekeep.started("echo $$; exec sleep 60") as run:
        task = int(run.line())
        guardian = next(child for child in children_of(run.process.pid) if child != task)
        os.kill(run.process.pid, signal.SIGSTOP)  # so that it makes no new guardian
        os.kill(guardian, signal.SIGKILL)
        os.kill(run.process.pid, signal.SIGKILL)
        run.wait_for_end_of_output()


def test_what_outlived_both_supervisor_and_guardian_is_ended_by_the_next_start(statekeep: Statekeep) -> None:
    with statekeep.started("(sleep 60 & sleep 60) & echo $$; sleep 60") as run:
        task = int(run.line())
        guardian = next(child for child in children_of(run.process.pid) if child != task)
        os.kill(run.process.pid, signal.SIGSTOP)  # so that it makes no new guardian
        os.kill(guardian, signal.SIGKILL)
        os.kill(run.process.pid, signal.SIGKILL)
        run.wait()
        assert len(statekeep.left_behind()) == 2
        assert statekeep.shell("true").returncode == 0
        run.wait_for_end_of_output()
    assert statekeep.left_behind() == []


def test_what_a_finished_command_left_running_is_stopped(statekeep: Statekeep) -> None:
    with statekeep.started("sleep 60 & echo done", STATEKEEP__WORKERS__STOP_GRACE_SECONDS="5") as run:
        assert run.wait_for_end_of_output() == "done\n"
        assert run.messages() == ["statekeep: processes of the task have outlived it; stopping them"]
        assert run.wait() == 0


def test_what_does_not_heed_a_stop_is_killed(statekeep: Statekeep) -> None:
    script = "(trap '' TERM; exec sleep 60) & echo done; kill -TERM $PPID; sleep 60"
    with statekeep.started(script, STATEKEEP__WORKERS__STOP_GRACE_SECONDS="0.1") as run:
        assert run.wait_for_end_of_output() == "done\n"
        assert run.wait() == 128 + signal.SIGTERM


# --- leases and conflicts --------------------------------------------------------------------------------


def _superseded(statekeep: Statekeep, script: str, **environ: str) -> tuple[int, str, list[str]]:
    """Let a supervisor sleep until another has taken over; return its exit status, output and messages."""
    environ = {"STATEKEEP__WORKERS__LEASE_SECONDS": "1", **environ}
    with statekeep.started(script, (), **environ) as first:
        assert first.line() == "ready"
        first.signal(signal.SIGSTOP)
        assert statekeep.shell("true", ("--wait=30",), **environ).returncode == 0
        first.signal(signal.SIGCONT)
        first.say("go")
        output = first.wait_for_end_of_output()
        return first.wait(), output, first.messages()


def test_the_task_of_a_try_that_was_superseded_is_stopped(statekeep: Statekeep) -> None:
    status, _, messages = _superseded(statekeep, "echo ready; sleep 60")
    assert status == 77
    assert messages[0].endswith("it can neither read nor write any more; stopping the task")
    assert statekeep.statuses() == ["superseded", "succeeded"]


def test_a_task_may_go_on_without_its_state(statekeep: Statekeep) -> None:
    script = "echo ready; read _; statekeep state set k 1; echo refused $?"
    status, output, _ = _superseded(statekeep, script, STATEKEEP__WORKERS__ON_LEASE_LOST="continue")
    assert output == "refused 77\n"
    assert status == 77


def test_asset_writes_that_no_longer_fit_fail_the_try(statekeep: Statekeep) -> None:
    done = statekeep.shell("statekeep asset set flights day 1", ("--outlet=flights",))
    assert (done.returncode, done.stderr) == (0, "")
    at = json.loads(statekeep.printed("asset", "history", "flights", "day", "--json"))[0]["version"]
    script = f"statekeep asset set flights day 2 --if-version {at}; echo ready; read _"
    with statekeep.started(script, ("--outlet=flights", "--rerun")) as run:
        assert run.line() == "ready"
        statekeep.printed("asset", "set", "flights", "day", "9")
        run.say("go")
        assert run.wait() == 76
        assert "failed when its asset writes were applied" in run.messages()[-1]
    assert statekeep.printed("asset", "get", "flights", "day") == "9\n"
    assert statekeep.statuses() == ["succeeded", "failed"]


def test_asset_writes_that_another_type_stands_in_the_way_of_fail_the_try(statekeep: Statekeep) -> None:
    raising = "import statekeep; statekeep.current_context().asset_state['flights'].set_max('day', 1)"
    script = f'test -e failed && exit 0; touch failed; {sys.executable} -c "{raising}" && echo ready; read _'
    with statekeep.started(script, ("--outlet=flights", "--retries=1")) as run:
        assert run.line() == "ready"
        statekeep("asset", "set", "flights", "day", "--string", "monday")
        run.say("go")
        assert run.wait() == 0
        assert "failed when its asset writes were applied" in run.messages()[0]
    assert statekeep.statuses() == ["failed", "succeeded"]


# --- surroundings that go wrong --------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full", "2>&1 | true"])
def test_a_log_that_cannot_be_written_is_no_matter(statekeep: Statekeep, where: str) -> None:
    if where == "2>/dev/full" and not Path("/dev/full").exists():
        pytest.skip("this system has no full disk to hand")
    statekeep.shell("exit 1")  # so that the next run has something to say
    words = [sys.executable, "-m", "statekeep", "run", *THE_TASK, "--outlet=flights", "--", "sh", "-c"]
    script = "statekeep asset set flights day 1; sleep 1 & exit 0"  # and something more when it ends
    line = f"sleep 0.05; {shlex.join([*words, script])}; echo $? >&3"
    done = subprocess.run(
        ["sh", "-c", f"exec 3>&1; {{ {line}; }} {where}"],
        env=statekeep.environ,
        cwd=statekeep.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "0\n"
    assert statekeep.statuses() == ["failed", "succeeded"]
    assert statekeep("asset", "get", "flights", "day").stdout == "1\n"
    assert statekeep.left_behind() == []


@pytest.mark.parametrize("limit", [13, 15, 20, 24, 26, 28, 30, 40])
def test_too_few_descriptors_start_nothing_or_suffice(statekeep: Statekeep, limit: int) -> None:
    statekeep("tries", "list")  # makes the store
    words = [sys.executable, "-m", "statekeep", "run", *THE_TASK, "--", "sh", "-c", "exec sleep 0"]
    done = subprocess.run(
        ["sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", *words],
        env=statekeep.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        assert (done.stderr, statekeep.statuses()) == ("", ["succeeded"])
    else:
        assert (done.returncode, len(done.stderr.splitlines())) == (69, 1), done.stderr
        assert statekeep.tries() == []
    assert done.returncode == 0 or limit < 40
    assert statekeep.left_behind() == []


def test_a_task_that_uses_up_its_supervisors_descriptors_succeeds_all_the_same(statekeep: Statekeep) -> None:
    taking = (
        "import os, socket\n"
        "for _ in range(100):\n"
        "    peer = socket.socket(socket.AF_UNIX)\n"
        "    peer.connect(os.environ['STATEKEEP_SUPERVISOR'])\n"
        "    os.set_inheritable(peer.detach(), True)\n"
        "if os.fork() == 0:\n"  # so that the connections and the group outlive the command
        "    os.execlp('sleep', 'sleep', '0.2')\n"
    )
    raised = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))\n{taking}"
    words = [sys.executable, "-m", "statekeep", "run", *THE_TASK, "--", sys.executable, "-c", raised]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -S -n 50; exec "$@"', "sh", *words],
        env=statekeep.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert statekeep.statuses() == ["succeeded"]
    assert statekeep.left_behind() == []


@pytest.mark.parametrize("name", [b"\xff\xfe", b"missing"])
def test_any_temporary_folder_will_do(statekeep: Statekeep, name: bytes) -> None:
    temporary = statekeep.temporary / os.fsdecode(name)
    if name != b"missing":
        temporary.mkdir()
    done = statekeep.shell("statekeep state set k 1", TMPDIR=str(temporary))
    assert (done.returncode, done.stderr) == (0, "")
    assert statekeep.statuses() == ["succeeded"]


def test_locks_that_somebody_removed_do_not_let_a_second_try_in(statekeep: Statekeep) -> None:
    with statekeep.started("echo ready; read _; statekeep state set k 1") as first:
        assert first.line() == "ready"
        shutil.rmtree(statekeep.locks())
        for _ in range(2):
            assert statekeep.shell("echo never").returncode == 75
        with statekeep.started("echo never", ("--wait=30",)) as second:
            second.stderr.readline()
            second.signal(signal.SIGKILL)  # leaves a lock that says nothing about the first
            second.wait()
        assert statekeep.shell("echo never").returncode == 75
        first.say("go")
        assert first.wait() == 0
    assert statekeep.statuses() == ["succeeded"]
    assert statekeep.left_behind() == []


def test_a_guardian_that_somebody_stopped_does_not_keep_the_supervisor(statekeep: Statekeep) -> None:
    with statekeep.started("echo $$; read _") as run:
        task = int(run.line())
        [guardian] = set(children_of(run.process.pid)) - {task}
        os.kill(guardian, signal.SIGSTOP)
        run.say("go")
        assert run.wait() == 0
    assert statekeep.left_behind() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_reaches_a_task_that_was_suspended(statekeep: Statekeep, number: signal.Signals) -> None:
    script = "echo $$; kill -STOP $$; sleep 60"
    with statekeep.started(script) as run:
        task = run.line()
        _wait_until(lambda: _state_of(task).startswith("T"))
        run.signal(number)
        assert run.wait() == 128 + number
    assert statekeep.statuses() == ["failed"]


def _state_of(process_id: str) -> str:
    return subprocess.run(
        ["ps", "-o", "state=", "-p", process_id], capture_output=True, text=True, check=False
    ).stdout


# --- stores that cannot be used --------------------------------------------------------------------------


@pytest.mark.embedded_only("a worker of a server has no file")
def test_a_store_that_cannot_be_made_is_a_configuration_fault(statekeep: Statekeep, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = statekeep.shell("echo never", STATEKEEP__DATABASE__URL=str(tmp_path / "file" / "state.db"))
    assert (done.returncode, done.stdout) == (78, "")
    assert len(done.stderr.splitlines()) == 1


def test_settings_that_are_wrong_are_all_named_and_nothing_is_run(statekeep: Statekeep) -> None:
    done = statekeep.shell("echo never", STATEKEEP__WORKERS__LEASE_SECONDS="x", STATEKEEP__API__URL="y")
    assert (done.returncode, done.stdout) == (78, "")
    assert "[workers] lease_seconds" in done.stderr
    assert "[api] url" in done.stderr


def _wait_until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.005)
