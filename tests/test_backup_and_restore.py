"""The guide to backups works as it stands: its commands, in their order, and what they print."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import psycopg
import pytest
from server_process import server_process

from tests.guide import Reader, Snippet, snippets, without_own
from tests.postgresql.binaries import bundled
from tests.postgresql.cluster import Cluster

pytestmark = pytest.mark.slow  # starts a process for every command

GUIDE = "backup-and-restore.md"
ON_POSTGRESQL = "A store on PostgreSQL"
JOB = "statekeep run --dag d --run r --task t -- sh -c"


def reader_with_objects(folder: Path, **variables: str) -> Reader:
    (folder / "objects").mkdir()
    return Reader(
        folder,
        STATEKEEP__WORKERS__STATE_BACKEND="statekeep.backends.ObjectStoreBackend",
        STATEKEEP__OBJECT_STORE__URL=f"file://{folder}/objects",
        STATEKEEP__OBJECT_STORE__THRESHOLD_BYTES="0",
        **variables,
    )


def started(reader: Reader, commands: str) -> subprocess.Popen[str]:
    """Start a job that goes on when it is told to, and return when it has written a value."""
    running = subprocess.Popen(
        ["sh", "-c", f"{reader.in_its_place(commands)} 'statekeep state set k 1; echo set; read go_on'"],
        env=reader.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "set\n"
    return running


def test_who_follows_the_guide_gets_what_it_says(tmp_path: Path) -> None:
    reader = reader_with_objects(tmp_path)
    steps = [step for step in snippets(GUIDE) if step not in snippets(GUIDE, ON_POSTGRESQL)]
    exported, said = steps[0].text, ""
    # While the guide is followed up to its first backup, a job runs that has written a value.
    with started(reader, exported + JOB) as running:
        for number, (kind, text) in enumerate(steps):
            if kind == "sh":
                said = reader.follows(f"{exported}\n{text}")
                if "db backup" in text:
                    running.communicate("\n")
            else:
                assert without_own(reader.in_its_place(text)) == without_own(said), number
    assert reader.follows(f"{exported}\n{JOB} 'statekeep state get k'") == "1\n"


def test_a_database_is_dumped_beside_its_server_and_restored_as_the_guide_says(
    tmp_path: Path, postgres_cluster: Cluster
) -> None:
    copied, restored, printed, checked = snippets(GUIDE, ON_POSTGRESQL)
    name = postgres_cluster.make_database()
    with (
        psycopg.connect(postgres_cluster.conninfo(), autocommit=True) as server_role,
        contextlib.suppress(psycopg.errors.DuplicateObject),
    ):
        server_role.execute("CREATE ROLE statekeep LOGIN")
    reader = reader_with_objects(tmp_path, PGHOST=str(postgres_cluster.folder), PGUSER="postgres")
    reader.environ["PATH"] = f"{bundled()}{os.pathsep}{reader.environ['PATH']}"

    def of_the_test(step: Snippet) -> str:
        text = step.text.replace("statekeep_restored", f"{name}_restored")
        return text.replace(".dump statekeep\n", f".dump {name}\n")

    with server_process(tmp_path / "server", url=postgres_cluster.url(name)) as server:
        reader.environ |= server.settings()
        with started(reader, JOB) as running:
            reader.follows(of_the_test(copied))
            running.communicate("\n")
    assert without_own(reader.follows(of_the_test(restored))) == without_own(printed.text)
    with psycopg.connect(postgres_cluster.conninfo(f"{name}_restored")) as connection:
        owners = connection.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
        assert owners.fetchall() == [("statekeep",)]
    assert "first\tworker" in reader.follows(of_the_test(checked))
    server.environ["STATEKEEP__DATABASE__URL"] = postgres_cluster.url(f"{name}_restored")
    with server_process(tmp_path / "again", beside=server) as again:
        reader.environ |= again.settings()
        assert reader.follows(f"{JOB} 'statekeep state get k'") == "1\n"
