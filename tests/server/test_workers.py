"""Several processes behind one address: each may be killed, and so may their parent."""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from server_process import ServerProcess, free_port, server_process

from tests.postgresql.cluster import Cluster
from tests.server.asking import answered, until
from tests.server.counters import CLIENTS, Counters
from tests.server.test_tls import make_certificate

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for the workers in /proc"),
]


@pytest.fixture(scope="module")
def engine() -> str:
    """A file has one process."""
    return "postgresql"


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[ServerProcess]:
    with server_process(tmp_path, url=database_url, workers="2") as server:
        yield server


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, postgres_cluster: Cluster) -> Iterator[ServerProcess]:
    """One server for tests that leave it at work."""
    url = postgres_cluster.url(postgres_cluster.make_database())
    with server_process(tmp_path_factory.mktemp("shared"), url=url, workers="2") as server:
        yield server


def workers_of(server: ServerProcess) -> list[int]:
    """Return the processes that serve, the oldest first."""
    assert server._process is not None
    parent = server._process.pid
    return [int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def is_there(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def listening_sockets(port: int) -> int:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def test_a_worker_that_is_killed_under_load_loses_nothing_and_is_replaced(server: ServerProcess) -> None:
    counters = Counters(server)
    with ThreadPoolExecutor(1) as background:
        counting = background.submit(counters.count, 60, 20)
        for place in (0, 1, 0):
            for _ in range(CLIENTS):
                counters.are_under_way.acquire(timeout=60)
            killed = workers_of(server)
            os.kill(killed[place], signal.SIGKILL)
            until(lambda: len(set(workers_of(server)) - {killed[place]}) == 2)  # noqa: B023 -- called here
        assert counting.result() == [60] * CLIENTS
    counters.close()
    until(lambda: listening_sockets(server.port) == 2)
    assert server.stop() == 0
    said = "\n".join(server.said)
    assert len(re.findall(r"worker [12] \(process \d+\) was killed by signal 9", said)) == 3
    assert len(re.findall("shown this once", said)) == 1
    assert len(re.findall("listening on", said)) == 1


def test_workers_end_with_a_parent_that_is_killed_and_another_takes_its_address(
    server: ServerProcess,
) -> None:
    counters = Counters(server)
    with ThreadPoolExecutor(1) as background:
        counting = background.submit(counters.count, 40, 20)
        for _ in range(CLIENTS):
            counters.are_under_way.acquire(timeout=60)
        orphans = workers_of(server)
        server.kill()  # and reads what they say until they have ended
        until(lambda: not any(map(is_there, orphans)))
        server.start()
        assert counting.result() == [40] * CLIENTS
    counters.close()
    assert len(set(workers_of(server)) - set(orphans)) == 2


def test_a_stop_under_load_finishes_what_is_in_flight(server: ServerProcess) -> None:
    counters = Counters(server)
    with ThreadPoolExecutor(1) as background:
        counting = background.submit(counters.count, 40, 20)
        for _ in range(CLIENTS):
            counters.are_under_way.acquire(timeout=60)
        workers = workers_of(server)
        assert server.stop() == 0
        assert not any(map(is_there, workers))
        server.start()
        assert counting.result() == [40] * CLIENTS
    counters.close()


def test_a_worker_that_is_told_to_end_is_replaced(shared: ServerProcess) -> None:
    first, second = workers_of(shared)
    os.kill(first, signal.SIGTERM)
    os.kill(first, signal.SIGTERM)
    until(lambda: not is_there(first) and len(workers_of(shared)) == 2)
    assert second in workers_of(shared)
    until(lambda: listening_sockets(shared.port) == 2)
    assert answered(f"{shared.url}/health/ready").status == 200


def test_a_worker_that_hangs_is_killed_and_replaced(tmp_path: Path, database_url: str) -> None:
    with server_process(tmp_path, url=database_url, workers="2", worker_silence_seconds="3") as server:
        hung = workers_of(server)[0]
        os.kill(hung, signal.SIGSTOP)
        until(lambda: not is_there(hung) and len(workers_of(server)) == 2)
        until(lambda: listening_sockets(server.port) == 2)
        assert answered(f"{server.url}/health/ready").status == 200
        assert server.stop() == 0
    assert re.search(
        rf"worker [12] \(process {hung}\) has hung for 3 s, and is killed", "\n".join(server.said)
    )


def test_a_second_signal_ends_workers_that_do_not_answer(server: ServerProcess) -> None:
    stuck = workers_of(server)
    for worker in stuck:
        os.kill(worker, signal.SIGSTOP)
    server.signal(signal.SIGTERM)
    server.signal(signal.SIGINT)
    assert server.wait() == 0
    assert not any(map(is_there, stuck))


def test_workers_speak_tls(tmp_path: Path, database_url: str) -> None:
    certificate, key = make_certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(certificate))
    with server_process(
        tmp_path, url=database_url, workers="2", tls_certificate=str(certificate), tls_key=str(key)
    ) as server:
        assert f"https://127.0.0.1:{server.port}" in server.said[-1]
        url = server.url.replace("http:", "https:")
        with urllib.request.urlopen(f"{url}/health/ready", timeout=30, context=trusting) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"STATEKEEP__DATABASE__URL": "{folder}/state.db"}, "a file takes one process that writes"),
        (
            {"STATEKEEP__SERVER__TLS_CERTIFICATE": "/nowhere/server.pem"},
            "the certificate /nowhere/server.pem",
        ),
    ],
)
def test_what_keeps_the_first_worker_from_serving_ends_the_server(
    options: dict[str, str], problem: str, shared: ServerProcess, tmp_path: Path
) -> None:
    options = {"STATEKEEP__SERVER__PORT": "0"} | options
    refused = subprocess.run(
        [sys.executable, "-m", "statekeep", "server"],
        check=False,
        capture_output=True,
        text=True,
        env=shared.environ | {name: text.format(folder=tmp_path) for name, text in options.items()},
    )
    assert refused.returncode == 78
    assert problem in refused.stderr
    assert "Traceback" not in refused.stderr


def test_an_address_that_another_server_has_is_not_shared_with_it(shared: ServerProcess) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "statekeep", "server"],
        check=False,
        capture_output=True,
        text=True,
        env=shared.environ,
    )
    assert refused.returncode == 78
    assert f"the address 127.0.0.1:{shared.port} cannot be used" in refused.stderr


def test_while_the_database_is_away_an_address_has_one_server_too(tmp_path: Path) -> None:
    """Else both would serve there later, each what its own database has."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("STATEKEEP")} | {
        "STATEKEEP_CONFIG": "",
        "STATEKEEP__DATABASE__URL": f"postgresql:///one?host={tmp_path}",
        "STATEKEEP__SERVER__PORT": str(free_port()),
        "STATEKEEP__SERVER__WORKERS": "2",
    }
    serve = [sys.executable, "-m", "statekeep", "server"]
    with subprocess.Popen(serve, env=environ, stderr=subprocess.PIPE, text=True) as first:
        try:
            assert first.stderr is not None
            while "waiting for the database" not in first.stderr.readline():
                assert first.poll() is None
            for workers in ("1", "2"):
                second = subprocess.run(
                    serve,
                    env=environ | {"STATEKEEP__SERVER__WORKERS": workers},
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=60,
                )
                assert (second.returncode, "Address already in use" in second.stderr) == (78, True)
        finally:
            first.terminate()
            first.communicate()
    assert first.returncode == 0
