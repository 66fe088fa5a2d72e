"""A real PostgreSQL for tests, which listens on a socket in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
from psycopg.conninfo import make_conninfo

from .binaries import binaries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_KEEPER = Path(__file__).with_name("keeper.py")
_ACCOUNT = "nobody"  # PostgreSQL refuses to run as root
_START_SECONDS = 60.0


class Cluster:
    """One PostgreSQL, running or killed. ``folder`` holds its socket and its log."""

    def __init__(self, folder: Path, settings: Sequence[str] = (), programs: Path | None = None) -> None:
        self.folder = folder
        account = _ACCOUNT if os.geteuid() == 0 else ""
        if account:
            os.chown(folder, pwd.getpwnam(_ACCOUNT).pw_uid, -1)
        self._keeper = subprocess.Popen(
            [sys.executable, _KEEPER, binaries(folder, account, programs), folder, account, *settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def conninfo(self, database: str = "postgres") -> str:
        """Return how to reach a database."""
        return make_conninfo(host=str(self.folder), user="postgres", dbname=database)

    def url(self, database: str) -> str:
        """Return how to reach a database, as the settings have it."""
        return f"postgresql:///{database}?host={quote(str(self.folder))}&user=postgres"

    def start(self) -> None:
        """Start it, after a kill too, and wait until it takes connections."""
        give_up_at = time.monotonic() + _START_SECONDS
        while True:
            self._tell("start")
            try:
                psycopg.connect(self.conninfo()).close()
            except psycopg.OperationalError as error:
                if time.monotonic() > give_up_at:
                    log = (self.folder / "log").read_text(errors="replace")
                    raise AssertionError(f"PostgreSQL did not start:\n{log}") from error
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """End it as its operator would; what is not committed is lost."""
        self._tell("stop")

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self._tell("kill")

    def make_database(self, template: str = "template1") -> str:
        """Make a database and return its name."""
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self.conninfo(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return name

    def close(self) -> None:
        """End it and remove its folder."""
        if self._keeper.stdin is not None and self._keeper.stdout is not None:
            self._keeper.stdin.close()
            self._keeper.wait()
            self._keeper.stdout.close()

    def _tell(self, command: str) -> None:
        if self._keeper.stdin is None or self._keeper.stdout is None:
            raise AssertionError("the keeper has pipes")
        self._keeper.stdin.write(command + "\n")
        self._keeper.stdin.flush()
        if self._keeper.stdout.readline() != "done\n":
            raise AssertionError(f"PostgreSQL's keeper ended with {self._keeper.wait()}")


@contextlib.contextmanager
def running_cluster(*settings: str, programs: Path | None = None) -> Iterator[Cluster]:
    """A started PostgreSQL, gone with its folder at the end of the block, or of this process.

    ``settings`` are NAME=VALUE, over those that tests have; ``programs`` are another version's.
    """
    # Not under pytest's folder: that is private to root, and the path of a socket has 107 bytes.
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="statekeep-pg-")), settings, programs)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


def empty(url: str, kept: Sequence[str] = ("store",)) -> None:
    """Make a store as good as new: no rows, and numbers that begin at 1. Its id stays, and these tables."""
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT string_agg('DELETE FROM ' || quote_ident(tablename), '; ') FROM pg_tables"
            " WHERE schemaname = current_schema() AND tablename <> ALL (%s)",
            (list(kept),),
        ).fetchone()
        numbers = connection.execute(
            "SELECT string_agg(format('ALTER SEQUENCE %I RESTART', sequencename), '; ') FROM pg_sequences"
            " WHERE schemaname = current_schema()"
        ).fetchone()
        if tables is None or numbers is None:
            raise AssertionError("an aggregate has a row")
        # Foreign keys and the triggers that count would look at each row; all of them go.
        commands = ["SET session_replication_role = replica", tables[0], numbers[0]]
        connection.execute("; ".join([*commands, "UPDATE store SET swept_at = 0"]).encode())
