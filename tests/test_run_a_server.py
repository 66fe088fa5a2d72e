"""Who follows the guides has a server, on a file and on PostgreSQL, and a newer schema."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from server_process import free_port
from statekeep_core.postgres.connection import place_of
from statekeep_core.postgres.migrate import check, migrate, migrations
from statekeep_core.postgres.steps import servers_can_go_on

from tests.guide import Reader, snippets, without_own
from tests.postgresql.cluster import Cluster

pytestmark = pytest.mark.slow

GUIDE = "run-a-server.md"


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path, STATEKEEP__SERVER__PORT=str(free_port()))


def in_section(reader: Reader, section: str) -> str:
    """Return the commands of a section; the server's port is the reader's."""
    commands = "".join(text for kind, text in snippets(GUIDE, section) if kind == "sh")
    return commands.replace("7411", reader.environ["STATEKEEP__SERVER__PORT"])


@contextmanager
def served(reader: Reader, commands: str) -> Iterator[str]:
    """Follow commands whose last one is a server; give what they said until it listens, and end it."""
    assert commands.endswith("\nstatekeep server\n")
    commands = reader.in_its_place(commands.removesuffix("statekeep server\n") + "exec statekeep server")
    with subprocess.Popen(
        ["sh", "-e", "-c", commands],
        cwd=reader.folder,
        env=reader.environ,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        said = ""
        for line in running.stderr:
            said += line
            if "listening on" in line:
                break
        try:
            yield said
        finally:
            running.send_signal(signal.SIGTERM)
            running.stderr.read()
            assert running.wait() == 0


def use(reader: Reader) -> None:
    """Watch a server, and work with it under the credential that the guide has made."""
    reader.follows(in_section(reader, "Watch it, stop it"))
    reader.environ |= {
        "STATEKEEP__API__URL": f"http://127.0.0.1:{reader.environ['STATEKEEP__SERVER__PORT']}",
        "STATEKEEP__API__CREDENTIAL_FILE": str(reader.folder / "credential"),
    }
    job = "statekeep run --dag d --run r --task t -- sh -c 'statekeep state set k 1; statekeep state get k'"
    assert reader.follows(job) == "1\n"


def test_a_file_is_served_and_nobody_else_is_told_a_credential(reader: Reader) -> None:
    with served(reader, in_section(reader, "On a file")) as said:
        assert "credential" not in said
        use(reader)
        exported = in_section(reader, "On a file").splitlines()[0]
        listed = reader.follows(f"{exported}\n{in_section(reader, 'Who may ask')}")
        assert "maria\toperator" in listed


def test_a_database_is_served(reader: Reader, postgres_cluster: Cluster) -> None:
    address = reader.place("/etc/statekeep/database-url")
    address.write_text(postgres_cluster.url(postgres_cluster.make_database()) + "\n")
    with served(reader, in_section(reader, "On PostgreSQL")) as said:
        assert "credential" not in said
        use(reader)


def test_a_database_is_upgraded_as_the_guide_says(reader: Reader, postgres_cluster: Cluster) -> None:
    url = postgres_cluster.url(postgres_cluster.make_database())
    migrate(url, migrations()[:-1])
    reader.environ["STATEKEEP__DATABASE__URL"] = url
    asked, found, migrated, done = [text for _, text in snippets("upgrade.md", "On PostgreSQL")]
    said = reader.follows(asked, status=1)
    if servers_can_go_on(check(url), migrations()):  # that of the guide's example
        found = found.replace("statekeep on db.internal", place_of(url))
        assert without_own(said) == without_own(found)
    assert without_own(reader.follows(migrated)) == without_own(done)
    assert "WRONG" not in reader.follows(asked)
