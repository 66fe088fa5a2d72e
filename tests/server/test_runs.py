"""Supervised tasks whose store is behind a server: as embedded, and through the server's restarts."""

from __future__ import annotations

import json
import signal
import tempfile
from pathlib import Path

import pytest
from server_process import ServerProcess, server_process
from statekeep_command import THE_TASK, Statekeep

pytestmark = pytest.mark.slow

# Asked under way: the test answers with a line when it has done its part.
GO_ON = "echo here; read go_on; "


def test_a_task_keeps_its_state_and_its_assets_behind_the_server(
    server: ServerProcess, worker: Statekeep
) -> None:
    script = "statekeep state set a '{\"x\":[1,2]}' && statekeep asset set orders 7 && statekeep state get a"
    script = script.replace("asset set orders", "asset set orders watermark")
    ran = worker.shell(script, options=("--outlet", "orders"))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, '{"x":[1,2]}\n', "")
    operator = server.settings(server.operator)
    assert worker("state", "get", "a", *THE_TASK, **operator).stdout == '{"x":[1,2]}\n'
    assert worker("asset", "get", "orders", "watermark", **operator).stdout == "7\n"
    assert worker.statuses() == ["succeeded"]
    assert not worker.left_behind()


def test_a_failed_try_leaves_no_asset_write_and_the_next_goes_on_with_its_state(
    server: ServerProcess, worker: Statekeep
) -> None:
    first = worker.shell(
        "statekeep state set n 1; statekeep asset set a k 1; exit 3", options=("--outlet", "a")
    )
    assert first.returncode == 3
    absent = worker("asset", "get", "a", "k", **server.settings(server.operator))
    assert absent.returncode == 3
    second = worker.shell("statekeep state get n")
    assert (second.returncode, second.stdout) == (0, "1\n")
    assert worker.statuses() == ["failed", "succeeded"]


def test_neither_credential_nor_token_reaches_the_task(server: ServerProcess, worker: Statekeep) -> None:
    ran = worker.shell("env; statekeep state list --json")
    assert ran.returncode == 0
    assert server.worker not in ran.stdout
    assert "CREDENTIAL" not in ran.stdout
    assert "eyJ" not in ran.stdout  # as every token begins


def test_a_killed_server_that_comes_back_is_not_noticed_by_the_task(
    server: ServerProcess, worker: Statekeep
) -> None:
    script = f"statekeep state set before 1; {GO_ON} statekeep state set during 2 && echo done; {GO_ON}"
    with worker.started(script, options=("--outlet", "orders")) as run:
        assert run.line() == "here"
        server.kill()
        run.say("go on")
        assert run.process.poll() is None
        server.start()
        assert run.line() == "done"
        assert run.line() == "here"
        run.say("go on")
        assert run.wait() == 0
    operator = server.settings(server.operator)
    for key, value in (("before", "1"), ("during", "2")):
        assert worker("state", "get", key, *THE_TASK, **operator).stdout == f"{value}\n"
    assert worker.statuses() == ["succeeded"]


def test_an_outage_longer_than_the_lease_ends_nothing_and_is_said(
    server: ServerProcess, worker: Statekeep
) -> None:
    with worker.started(f"{GO_ON} statekeep state set k 1", STATEKEEP__WORKERS__LEASE_SECONDS="1") as run:
        assert run.line() == "here"
        server.kill()
        said = run.stderr.readline()  # by a heartbeat, whose store is away
        assert "the lease could not be renewed" in said or "no server answers" in said
        while "the lease could not be renewed" not in said:
            said = run.stderr.readline()
        server.start()
        run.say("go on")
        assert run.wait() == 0
    assert worker.statuses() == ["succeeded"]


def test_without_a_server_the_start_gives_up_after_the_patience_and_says_why(
    server: ServerProcess, worker: Statekeep
) -> None:
    server.kill()
    ran = worker.shell("true", STATEKEEP__API__PATIENCE_SECONDS="0.1")
    assert ran.returncode == 69
    assert "the server is unavailable" in ran.stderr
    assert server.url in ran.stderr
    assert "nothing was changed" in ran.stderr


@pytest.mark.parametrize(
    ("credential", "said"), [("", "set [api] credential"), ("statekeep_wrong", "unknown, revoked or expired")]
)
def test_without_a_good_credential_nothing_starts(worker: Statekeep, credential: str, said: str) -> None:
    ran = worker.shell("echo ran", STATEKEEP__API__CREDENTIAL=credential)
    assert ran.returncode not in (0, 3)
    assert ran.stdout == ""
    assert said in ran.stderr


def test_something_else_than_a_server_is_told_apart(server: ServerProcess, worker: Statekeep) -> None:
    ran = worker.shell("true", STATEKEEP__API__URL=f"{server.url}/elsewhere")
    assert ran.returncode != 0
    assert "not exist" in ran.stderr or "not as a Statekeep server" in ran.stderr


def test_the_second_server_is_asked_when_the_first_is_away(
    server: ServerProcess, worker: Statekeep, tmp_path: Path
) -> None:
    with server_process(tmp_path / "gone") as gone:
        gone.kill()
    for _ in range(3):  # whichever is asked first
        ran = worker.run("true", options=("--rerun",), STATEKEEP__API__URL=f"{gone.url},{server.url}")
        assert (ran.returncode, ran.stderr.count("no server answers")) == (0, 0)


def test_a_server_that_is_told_to_stop_finishes_and_closes_its_store(
    server: ServerProcess, worker: Statekeep
) -> None:
    assert worker.shell("statekeep state set k 1").returncode == 0
    assert server.stop() == 0
    assert not server.store.with_name("state.db-wal").exists()  # of a file
    server.start()
    assert worker.statuses() == ["succeeded"]
    assert server.stop() == 0
    assert not any("Traceback" in line for line in server.said)


def test_two_interrupts_end_a_server_at_once(server: ServerProcess) -> None:
    server.signal(signal.SIGINT)
    server.signal(signal.SIGINT)
    assert server.wait() == 0


def test_credentials_are_listed_without_their_secrets_and_revoked(
    server: ServerProcess, worker: Statekeep
) -> None:
    listed = server.command("credentials", "list")
    assert [line.split("\t")[:2] for line in listed.splitlines()] == [
        ["first", "worker"],
        ["operator", "operator"],
    ]
    assert server.worker not in listed
    server.command("credentials", "revoke", "first")
    server.stop()
    server.start()
    ran = worker.shell("true")
    assert "unknown, revoked or expired" in ran.stderr


def test_no_log_of_the_server_holds_a_value_or_a_token(server: ServerProcess, worker: Statekeep) -> None:
    assert worker.shell("statekeep state set k '\"hunter2\"'; statekeep state increment k").returncode != 0
    server.stop()
    said = "\n".join(line for line in server.said if "shown this once" not in line)
    assert "hunter2" not in said
    assert "statekeep_" not in said
    assert "eyJ" not in said


def test_the_largest_value_that_the_store_takes_fits_into_a_request(tmp_path: Path) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="sk-", dir="/tmp") as temporary,
        server_process(tmp_path, max_body_bytes="1024") as server,
    ):
        worker = Statekeep(tmp_path, Path(temporary))
        worker.use_server(server)
        largest = json.dumps("x" * (65_536 - 2))
        ran = worker.run("statekeep", "state", "set", "k", "-", stdin=largest)
        assert (ran.returncode, ran.stderr) == (0, "")
        over = worker.run(
            "statekeep", "state", "set", "k", "-", options=("--rerun",), stdin=json.dumps("x" * 65_536)
        )
        assert "over the limit of 65,536" in over.stderr


def test_a_sweep_through_the_server_needs_a_workers_credential_only(worker: Statekeep) -> None:
    swept = worker("sweep", "--json")
    assert (swept.returncode, swept.stderr) == (0, "")
    assert json.loads(swept.stdout)
