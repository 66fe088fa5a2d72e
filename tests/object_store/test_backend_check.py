"""`statekeep backend check` on a real S3 server that is set up rightly, and in every wrong way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import obstore
import pytest

from tests.object_store.faulty_proxy import Fault, FaultyProxy
from tests.object_store.s3_server import WORKER, S3Server

pytestmark = pytest.mark.slow  # starts a server

OBJECTS = "statekeep.backends.ObjectStoreBackend"
KEY = "k1:UGk0q5VvCzc0rJ2m0d1mXo7iG8sB3nHqYwE9tLxZfA4="


class Command:
    """The real command on a store and a place in the bucket of its own."""

    def __init__(self, folder: Path, s3: S3Server, url: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STATEKEEP")}
        self.environ = inherited | {
            "STATEKEEP_CONFIG": "",
            "STATEKEEP__DATABASE__URL": str(folder / "state.db"),
            "STATEKEEP__WORKERS__STATE_BACKEND": OBJECTS,
            **_object_store(
                url=url,
                endpoint=f"http://127.0.0.1:{s3.port}",
                region="us-east-1",
                max_retries="1",
                retry_timeout_seconds="1",
                **WORKER,
            ),
        }

    def __call__(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "statekeep", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=self.environ | environ,
        )


def _object_store(**options: str) -> dict[str, str]:
    return {f"STATEKEEP__OBJECT_STORE__{name.upper()}": value for name, value in options.items()}


@pytest.fixture
def command(tmp_path: Path, s3: S3Server, url: str) -> Command:
    return Command(tmp_path, s3, url)


def test_a_bucket_that_works_passes_each_step_and_keeps_nothing(
    command: Command, s3: S3Server, url: str
) -> None:
    done = command("backend", "check", "--json")
    assert done.returncode == 0, done.stderr
    (checked,) = json.loads(done.stdout)
    assert checked["takes_values"] is True
    assert [(step["step"], step["problem"]) for step in checked["steps"]] == [
        (step, None) for step in ("write", "read", "list", "delete")
    ]
    assert all(step["milliseconds"] > 0 for step in checked["steps"])
    assert obstore.list(s3.store(prefix=url.rpartition("/")[2])).collect() == []
    table = command("backend", "check").stdout.splitlines()
    assert table[0].split() == ["BACKEND", "USE", "STEP", "MS", "RESULT", "PLACE"]
    assert all(url in line for line in table[1:])
    assert checked["place"] == f"{url} at http://127.0.0.1:{s3.port}"
    assert len(table) == 5


def test_with_encryption_around_it_too(command: Command) -> None:
    encrypted = {
        "STATEKEEP__WORKERS__STATE_BACKEND": "statekeep.backends.EncryptedBackend",
        "STATEKEEP__WORKERS__READ_BACKENDS": OBJECTS,
        "STATEKEEP__ENCRYPTION__KEYS": KEY,
    }
    done = command("backend", "check", "--json", **encrypted)
    assert done.returncode == 0, done.stderr
    assert [each["takes_values"] for each in json.loads(done.stdout)] == [True, False]
    assert len({each["place"] for each in json.loads(done.stdout)}) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"access_key_id": "NOBODY"}, "the access key id is unknown"),
        ({"secret_access_key": "wrong"}, "the secret access key is wrong"),
        ({"endpoint": "http://127.0.0.1:1"}, "the connection was refused"),
        ({"endpoint": "http://no-such-host.invalid"}, "its host name is not known"),
    ],
)
def test_what_is_wrong_is_said_in_words_and_once(
    command: Command, options: dict[str, str], words: str
) -> None:
    done = command("backend", "check", **_object_store(**options))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert words in line
    assert ": write: " in line
    assert "failed" in done.stdout


def test_a_bucket_that_does_not_exist_is_said(command: Command) -> None:
    done = command("backend", "check", **_object_store(url="s3://no-such-bucket/p"))
    assert done.returncode == 1
    # S3 tells only those who may list.
    assert "write: s3://no-such-bucket/p cannot be used: the credentials do not allow it, or" in done.stderr
    assert "delete: s3://no-such-bucket/p cannot be used: the bucket does not exist" in done.stderr


def test_an_endpoint_that_cuts_the_connection_is_said(command: Command, s3: S3Server) -> None:
    with FaultyProxy(s3.port, lambda _number, _head: Fault.CUT_BEFORE) as proxy:
        done = command("backend", "check", **_object_store(endpoint=f"http://127.0.0.1:{proxy.port}"))
    assert done.returncode == 1
    assert "the connection was cut" in done.stderr


def test_what_cannot_even_be_made_is_a_wrong_setting(command: Command) -> None:
    for environ, words in (
        ({"STATEKEEP__WORKERS__STATE_BACKEND": ""}, "no backend is configured"),
        ({"STATEKEEP__WORKERS__STATE_BACKEND": "nowhere.B"}, "there is no module nowhere"),
        (_object_store(url=""), "[object_store] url"),
        (_object_store(client_options="nonsense=1"), "nonsense"),
    ):
        done = command("backend", "check", **environ)
        assert done.returncode == 78, done.stderr
        assert words in done.stderr
        assert done.stdout == ""
    assert not Path(command.environ["STATEKEEP__DATABASE__URL"]).exists()


def test_a_value_goes_to_the_bucket_and_comes_back_over_a_crash(
    command: Command, s3: S3Server, url: str
) -> None:
    task = ("--dag=d", "--run=r", "--task=t")
    script = (
        "import os, statekeep\n"
        "state = statekeep.current_context().task_state\n"
        "print(state.get('big', '') == 'v' * 3_000_000, flush=True)\n"
        "state.set('big', 'v' * 3_000_000)\n"
        "os.environ.get('CRASH') and os.kill(os.getpid(), 9)\n"
    )
    crashed = command("run", *task, "--", sys.executable, "-c", script, CRASH="1")
    assert (crashed.returncode, crashed.stdout) == (137, "False\n"), crashed.stderr
    again = command("run", *task, "--", sys.executable, "-c", script)
    assert (again.returncode, again.stdout) == (0, "True\n"), again.stderr
    listed = obstore.list(s3.store(prefix=url.rpartition("/")[2])).collect()
    assert len(listed) == 2, "the one that was replaced is not due yet"
    assert len(command("state", "get", "big", *task).stdout) == 3_000_003
