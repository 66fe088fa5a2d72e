"""A store under a clock that the test moves, a folder of objects, and a task that writes into both."""

from __future__ import annotations

import base64
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from statekeep import TaskScope
from statekeep._shared.state import messages as m
from statekeep._shared.state import wire
from statekeep.backends import ObjectStoreBackend
from statekeep_core.embedded import open_store
from statekeep_core.metastore.clock import Instant
from statekeep_core.policy import Policy

TASK = m.TaskAddress("etl", "2026-01-01", "load")
ORDERS = m.AssetAddress("orders", "s3://lake/orders")
DISPOSE_AFTER_SECONDS = 5 * 60
LEASE_SECONDS = 5 * 60

_OPERATOR = m.OperatorClaims("ann")
_WORKER = m.WorkerClaims("here")


class MovedClock:
    """Stands still until it is moved."""

    def __init__(self, wall_seconds: float = 1_700_000_000) -> None:
        self._us = int(wall_seconds * 1_000_000)

    def __call__(self) -> Instant:
        return Instant(self._us, self._us, "boot")

    def advance(self, seconds: float) -> None:
        self._us += int(seconds * 1_000_000)


class Place:
    """``backend`` keeps the objects of the store in ``objects``, every value by reference.

    ``requests`` are those that the sweep made, by name.
    """

    def __init__(
        self, path: Path, clock: MovedClock | None = None, database: Path | str = "", **policy: Any
    ) -> None:
        """``database`` is a store beside ``path``: another file, or the url of one on PostgreSQL."""
        self.clock = clock or MovedClock()
        self.database = database or path / "state.db"
        self.objects = path / "objects"
        self.objects.mkdir(parents=True, exist_ok=True)
        self.requests: list[str] = []
        self._store = self._opened(Policy(**policy))
        self.store_id: str = self.as_(_OPERATOR, m.DescribeStore()).store_id
        self.backend = self.new_backend()
        started = self.as_(_WORKER, m.Start(TASK, outlets=(ORDERS,), holds_lock=True, rerun=True))
        self.claims = m.TryClaims(started.instance_id, started.try_number)

    def _opened(self, policy: Policy) -> Any:
        if isinstance(self.database, Path):
            return open_store(self.database, policy, self.clock)
        from statekeep_core.postgres.store import open_store as open_database

        return open_database(self.database, policy, self.clock, connections=1)

    def close(self) -> None:
        self._store.close()

    def new_backend(self, folder: Path | None = None, store_id: str = "") -> ObjectStoreBackend:
        folder = folder or self.objects
        folder.mkdir(exist_ok=True)
        return ObjectStoreBackend(f"file://{folder}", store_id=store_id or self.store_id, threshold_bytes=0)

    def as_(self, claims: m.Claims, request: Any) -> Any:
        call = (wire.to_plain(claims), os.urandom(16).hex(), wire.to_plain(request))
        return wire.raise_if_refused(
            wire.from_plain(self._store.handle_group([call])[0], ignore_unknown=True)
        )

    def ask(self, request: Any) -> Any:
        """Ask as a sweep does."""
        self.requests.append(type(request).__name__)
        return self.as_(_OPERATOR, request)

    def upload(self, key: str, value: str = '"v"', backend: Any = None) -> m.External:
        """Do the first half of a write: there is an object, and nobody knows."""
        backend = backend or self.backend
        generation = base64.b32encode(os.urandom(16)).decode().rstrip("=")
        storage_key, scope = f"{key}~{generation}", TaskScope(*TASK)
        reference = backend.serialize_task_state_to_ref(
            value=value, key=storage_key, ti_id=scope.ti_id, scope=scope, storage_key=storage_key
        )
        digest = sha256(value.encode()).digest()
        return m.External(reference, backend.backend_id, storage_key, TASK, len(value), digest)

    def commit(self, key: str, external: m.External) -> None:
        """Do the second half."""
        self.as_(self.claims, m.Set(key, b"", external=external))

    def write(self, key: str, value: str = '"v"', backend: Any = None) -> m.External:
        external = self.upload(key, value, backend)
        self.commit(key, external)
        return external

    def delete(self, key: str) -> None:
        self.as_(self.claims, m.Delete(key))

    def replaced(self, key: str) -> tuple[m.External, m.External]:
        """Write a key twice, long enough ago; return the object that is to go and the one that stays."""
        old, new = self.write(key, '"old"'), self.write(key, '"new"')
        self.clock.advance(DISPOSE_AFTER_SECONDS + 1)
        return old, new

    def files(self) -> set[str]:
        """Every file in the folder of objects, by its path."""
        return {str(file) for file in self.objects.rglob("*") if file.is_file()}

    def tables(self) -> dict[str, list[Any]]:
        """Every row of every table of the store.

        By its own connection: closing another one in this process would drop SQLite's locks on the file.
        """
        if isinstance(self.database, Path):
            names = self.rows("sqlite_master", "name", "type = 'table'")
        else:
            names = self.rows("pg_tables", "tablename", "schemaname = current_schema()")
        return {name: sorted(self.rows(name), key=repr) for (name,) in names}

    def rows(self, table: str, columns: str = "*", where: str = "true") -> list[Any]:
        """Rows of one table of the store."""
        query = f"SELECT {columns} FROM {table} WHERE {where}"
        found: list[Any] = self._store.transact(lambda work: work.tx.rows(query))
        return found


def write_in_place(place: Place, key: str, *, retention: float) -> None:
    """Write through a plain backend, whose objects the store cannot queue."""
    external = m.External(f"plain://{key}", "tests.Plain", key, TASK, 3)
    place.as_(place.claims, m.Set(key, b"", external=external, retention=retention))


def file_of(external: m.External) -> str:
    """Where the object lies, in a folder."""
    return external.reference.removeprefix("file://")
