"""A supervisor behind a server is killed: the next start on its machine takes over at once, no other does.

The lease is an hour throughout, so that no start that waited for it would end within a test's limit.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import ServerProcess
from statekeep_command import Started, Statekeep, children_of

pytestmark = pytest.mark.slow

# What goes on between a worker and any server is looked at on one.
ON_ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def worker(shared_server: ServerProcess, tmp_path: Path) -> Iterator[Statekeep]:
    """A machine of its own, with a task of its own."""
    with tempfile.TemporaryDirectory(prefix="sk-", dir="/tmp") as temporary:
        worker = Statekeep(tmp_path, Path(temporary), run_id=tmp_path.name)
        worker.use_server(shared_server)
        worker.environ |= {**shared_server.settings(), "STATEKEEP__WORKERS__LEASE_SECONDS": "3600"}
        yield worker


def did_not_finish(worker: Statekeep) -> str:
    return f"statekeep: try 2 of {worker.shown}: try 1 did not finish; going on with its state\n"


def kill(run: Started) -> None:
    """Kill the supervisor, and return when its guardian has ended what it left behind."""
    run.signal(signal.SIGKILL)
    run.wait()
    run.wait_for_end_of_output()


def killed(worker: Statekeep) -> None:
    """Leave a try that runs, as far as the server knows."""
    with worker.started("echo ready; sleep 60") as run:
        assert run.line() == "ready"
        kill(run)


def the_lock(worker: Statekeep) -> Path:
    [path] = worker.folder.glob("data/statekeep/servers/*.locks/*.lock")
    return path


def test_the_next_start_takes_over_at_once_and_leaves_no_file(worker: Statekeep) -> None:
    killed(worker)
    after = worker.shell("true")
    assert (after.returncode, after.stderr) == (0, did_not_finish(worker))
    assert worker.statuses() == ["superseded", "succeeded"]
    assert worker.left_behind() == []


@ON_ONE_ENGINE
@pytest.mark.skipif(os.uname().sysname != "Linux", reason="elsewhere nobody can tell what a guardian left")
def test_so_it_does_when_the_guardian_was_killed_too(worker: Statekeep) -> None:
    with worker.started("echo $$; exec sleep 60") as run:
        task = int(run.line())
        [guardian] = set(children_of(run.process.pid)) - {task}
        run.signal(signal.SIGSTOP)  # so that it makes no new guardian
        os.kill(guardian, signal.SIGKILL)
        kill(run)
    assert worker.shell("true").stderr == did_not_finish(worker)
    assert worker.left_behind() == []


def test_another_machine_waits_for_the_lease(worker: Statekeep, tmp_path: Path) -> None:
    with worker.started("echo ready; sleep 60") as run:
        assert run.line() == "ready"
        elsewhere = {"XDG_DATA_HOME": str(tmp_path / "elsewhere")}
        assert worker.shell("true", (), **elsewhere).returncode == 75
        kill(run)
    refused = worker.shell("true", (), **elsewhere)
    assert refused.returncode == 75
    assert f"try 1 of {worker.shown} is running" in refused.stderr
    assert worker.shell("true").returncode == 0


@ON_ONE_ENGINE
def test_a_lock_file_that_was_removed_or_copied_is_no_licence(worker: Statekeep) -> None:
    with worker.started("echo ready; read _") as run:
        assert run.line() == "ready"
        lock = the_lock(worker)
        copy = lock.with_suffix(".copy")
        shutil.copy2(lock, copy)
        lock.unlink()
        assert worker.shell("echo never").returncode == 75
        copy.replace(lock)
        assert worker.shell("echo never").returncode == 75
        run.say("go")
        assert run.wait() == 0
    assert worker.statuses() == ["succeeded"]


@ON_ONE_ENGINE
def test_a_secret_of_an_earlier_try_is_no_licence(worker: Statekeep, tmp_path: Path) -> None:
    elsewhere = {"XDG_DATA_HOME": str(tmp_path / "elsewhere")}
    with worker.started("echo ready; sleep 60", STATEKEEP__WORKERS__LEASE_SECONDS="1") as run:
        assert run.line() == "ready"
        kill(run)
    with worker.started("echo ready; read _", ("--wait=60",), **elsewhere) as other:
        assert other.line() == "ready"
        assert worker.shell("echo never").returncode == 75
        other.say("go")
        assert other.wait() == 0


@ON_ONE_ENGINE
def test_a_start_that_no_server_answered_passes_on_what_it_found(
    shared_server: ServerProcess, worker: Statekeep
) -> None:
    killed(worker)
    shared_server.kill()
    away = {"STATEKEEP__API__PATIENCE_SECONDS": "0.1"}
    assert worker.shell("true", (), **away).returncode == 69
    with worker.started("true") as run:  # waits for a server, and dies before there is one
        while not the_lock(worker).read_text().startswith(f"{run.process.pid} "):
            assert run.process.poll() is None
        kill(run)
    shared_server.start()
    assert worker.shell("true").stderr == did_not_finish(worker)
    assert worker.left_behind() == []


@ON_ONE_ENGINE
def test_the_secret_is_in_the_lock_file_alone(shared_server: ServerProcess, worker: Statekeep) -> None:
    with worker.started("env; statekeep state list --json; echo ready; sleep 60") as run:
        shown = ""
        while not shown.endswith("ready\n"):
            shown += run.line() + "\n"
        lock = the_lock(worker)
        assert lock.stat().st_mode & 0o077 == 0
        secret = lock.read_text().split()[-1]
        kill(run)
    after = worker.shell("env")
    shown += after.stdout + after.stderr + worker("tries", "list", "--json").stdout
    assert shared_server.stop() == 0
    assert len(secret) == 32
    assert secret not in shown + "\n".join(shared_server.said)
    shared_server.start()


@ON_ONE_ENGINE
def test_a_stop_ends_the_wait_for_a_server_that_is_to_record_the_end(
    shared_server: ServerProcess, worker: Statekeep
) -> None:
    with worker.started("statekeep state set k 1; echo ready; read _") as run:
        assert run.line() == "ready"
        shared_server.kill()
        run.say("go")
        assert "no server answers" in run.stderr.readline()
        run.signal(signal.SIGTERM)
        assert run.wait() == 69
        [said] = run.messages()
    assert said.startswith(f"statekeep: the success of try 1 of {worker.shown} was not recorded: ")
    assert "stopped before there was an answer" in said
    shared_server.start()
    after = worker.shell("statekeep state get k")
    assert (after.returncode, after.stdout) == (0, "1\n")
    assert after.stderr == did_not_finish(worker)
    assert worker.left_behind() == []


@ON_ONE_ENGINE
def test_a_stop_ends_the_wait_for_a_server_that_is_to_start_a_try(
    shared_server: ServerProcess, worker: Statekeep
) -> None:
    shared_server.kill()
    with worker.started("echo never") as run:
        assert "no server answers" in run.stderr.readline()
        run.signal(signal.SIGINT)
        assert run.wait() == 128 + signal.SIGINT
        assert "stopped before it answered" in run.messages()[-1]
        assert run.wait_for_end_of_output() == ""
    shared_server.start()
    assert worker.shell("true").returncode == 0
    assert worker.left_behind() == []
