"""What servers and their store take up, as the kernel and the database tell."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import apsw
import psycopg


class Taken(NamedTuple):
    """What one process has of the machine."""

    resident_mib: float
    descriptors: int
    threads: int


def taken(process_id: int) -> Taken | None:
    """Return what a process has now; None when there is no such process any more."""
    folder = Path(f"/proc/{process_id}")
    try:
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        descriptors = len(list((folder / "fd").iterdir()))
        return Taken(int(status["VmRSS"].split()[0]) / 1024, descriptors, int(status["Threads"]))
    except (OSError, KeyError):  # it is ending
        return None


class Store:
    """Counts what a store holds, beside its servers."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._is_file = "://" not in url

    def size_mib(self) -> float:
        """Return how large the store is, with its log."""
        if self._is_file:
            folder = Path(self._url).parent
            sizes = []
            for path in folder.iterdir():
                with contextlib.suppress(OSError):  # a log that has just been folded in
                    sizes.append(path.stat().st_size)
            return sum(sizes) / 2**20
        [(size_bytes,)] = self._rows("SELECT pg_database_size(current_database())")
        return int(size_bytes) / 2**20

    def connections(self) -> int:
        """Return how many connections to the database its servers have; 0 for a file."""
        if self._is_file:
            return 0
        [(count,)] = self._rows(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(count)

    def rows(self) -> dict[str, int]:
        """Return how many rows each table has."""
        names = [str(name) for (name,) in self._rows(_FILE_TABLES if self._is_file else _TABLES)]
        return {name: int(next(self._rows(f'SELECT count(*) FROM "{name}"'))[0]) for name in names}

    def _rows(self, statement: str) -> Iterator[tuple[str | int, ...]]:
        if self._is_file:
            with contextlib.closing(apsw.Connection(self._url, flags=apsw.SQLITE_OPEN_READONLY)) as file:
                return iter(list(file.execute(statement)))
        with psycopg.connect(self._url) as database:
            return iter(database.execute(statement.encode()).fetchall())


_FILE_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1"
_TABLES = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
)
