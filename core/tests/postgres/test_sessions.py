"""A pooler that gives sessions away is refused when a store is opened; one that does not is used."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from statekeep_core._shared.state.errors import StoreUnusableError
from statekeep_core.postgres import sessions
from statekeep_core.postgres.connection import connect
from statekeep_core.postgres.migrate import check, migrate
from statekeep_core.postgres.store import open_store

from tests.postgresql.cluster import Cluster

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


def pooled(processes: int, *, last_first: bool) -> Callable[[], int]:
    """Return what a transaction pooler answers any of its clients: which process answers now."""
    free = deque(range(1, processes + 1))

    def answer() -> int:
        process = free.pop() if last_first else free.popleft()
        free.append(process)
        return process

    return answer


@pytest.mark.parametrize("processes", [1, 2, 3, 40])
@pytest.mark.parametrize("last_first", [True, False])
def test_sessions_that_are_shared_are_seen(processes: int, last_first: bool) -> None:
    answer = pooled(processes, last_first=last_first)
    assert sessions.are_shared(answer, answer)


def test_sessions_that_others_use_in_between_are_seen() -> None:
    answer = pooled(3, last_first=True)
    asked = iter(range(1_000))

    def with_another_client() -> int:
        if next(asked) % 3 == 1:
            answer()
        return answer()

    assert sessions.are_shared(with_another_client, with_another_client)


def test_sessions_of_ones_own_are_not_shared() -> None:
    assert not sessions.are_shared(lambda: 1, lambda: 2)


def test_where_postgresql_itself_answers_no_second_connection_is_made(
    postgres_store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(postgres_store_url) as connection:
        monkeypatch.setattr(sessions, "connect", None)
        sessions.require_own(connection, postgres_store_url, "here")


@pytest.fixture(scope="module")
def database(postgres_cluster: Cluster) -> str:
    name = postgres_cluster.make_database()
    migrate(postgres_cluster.conninfo(name))
    return name


@pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")
@pytest.mark.parametrize("mode", ["transaction", "statement"])
@pytest.mark.parametrize(
    "settings", ["", "server_round_robin = 1\nmin_pool_size = 3", "default_pool_size = 1"]
)
def test_pgbouncer_is_refused_unless_a_session_stays_with_its_client(
    postgres_cluster: Cluster, database: str, mode: str, settings: str
) -> None:
    with pgbouncer(postgres_cluster, f"pool_mode = {mode}\n{settings}") as folder:
        url = f"postgresql:///{database}?host={quote(str(folder))}&port=6432&user=postgres"
        for open_it in (check, migrate, open_store, lambda url: open_store(url, migrates=False)):
            with pytest.raises(StoreUnusableError, match="set its pool_mode to session") as refused:
                open_it(url)
            assert refused.value.retryable is False


@pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")
def test_pgbouncer_with_a_session_for_each_client_is_used(postgres_cluster: Cluster, database: str) -> None:
    with pgbouncer(postgres_cluster, "pool_mode = session") as folder:
        url = f"postgresql:///{database}?host={quote(str(folder))}&port=6432&user=postgres"
        with connect(url) as connection:
            assert connection.info.backend_pid != sessions._process(connection)  # or it would not be there
        store = open_store(url)
        assert store.transact(lambda work: work.tx.rows("SELECT 1")) == [(1,)]
        store.close()


@contextmanager
def pgbouncer(cluster: Cluster, settings: str) -> Iterator[Path]:
    """Run PgBouncer before a cluster; yields the folder of its socket."""
    assert PGBOUNCER is not None
    with tempfile.TemporaryDirectory() as folder:
        of_pooler = Path(folder)
        (of_pooler / "users").write_text('"postgres" ""\n')
        (of_pooler / "ini").write_text(
            f"[databases]\n* = host={cluster.folder} user=postgres\n[pgbouncer]\nlisten_addr =\n"
            f"listen_port = 6432\nunix_socket_dir = {folder}\nauth_type = any\n"
            f"auth_file = {folder}/users\n{settings}\n"
        )
        as_nobody = []
        if os.geteuid() == 0:  # which PgBouncer refuses to run as
            os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
            as_nobody = ["-u", "nobody"]
        log = (of_pooler / "log").open("w")
        with (
            log,
            subprocess.Popen([PGBOUNCER, *as_nobody, folder + "/ini"], stdout=log, stderr=log) as pooler,
        ):
            try:
                _until_it_listens(of_pooler, pooler)
                yield of_pooler
            finally:
                pooler.kill()


def _until_it_listens(folder: Path, pooler: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + 60
    while time.monotonic() < give_up_at and pooler.poll() is None:
        with suppress(psycopg.OperationalError):
            psycopg.connect(host=str(folder), port=6432, user="postgres", dbname="postgres").close()
            return
        time.sleep(0.02)
    raise AssertionError((folder / "log").read_text())
