"""Locks on the rows that a write depends on, and on what has no row yet."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from statekeep_core.metastore.locks import Locks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from statekeep_core.metastore.transaction import Row

# Not FOR UPDATE: a foreign key's check of the row need not wait. Not FOR SHARE: writes of one try come one
# after the other, so that the versions of each key grow, and no lock has two holders to keep a list of.
HELD = " FOR NO KEY UPDATE"
FREE = HELD + " SKIP LOCKED"


class Sender(Protocol):
    """What locks need of a transaction."""

    def send(self, statement: str) -> None: ...
    def row(self, sql: str, parameters: Sequence[int] = ()) -> Row | None: ...


class RowLocks(Locks):
    """The locks of a transaction that writes beside others. Nothing is bound: they hold integers only."""

    def __init__(self, tx: Sender) -> None:
        self._tx = tx

    def hold_request(self, principal: str, request_id: str) -> None:
        number = advisory_number("request", principal, request_id)
        self._tx.send(f"SELECT pg_advisory_xact_lock({number})")

    def hold_instance(self, instance_id: int) -> None:
        self._tx.send(f"SELECT FROM task_instances WHERE instance_id = {int(instance_id)}{HELD}")

    def seize_instance(self, instance_id: int) -> bool:
        sql = f"SELECT 1 FROM task_instances WHERE instance_id = ?{FREE}"
        return self._tx.row(sql, (instance_id,)) is not None

    def hold_try(self, instance_id: int, try_number: int) -> None:
        its_row = f"instance_id = {int(instance_id)} AND try_number = {int(try_number)}"
        self._tx.send(f"SELECT FROM tries WHERE {its_row}{HELD}")

    def hold_asset_names(self) -> None:
        self._tx.send(f"SELECT pg_advisory_xact_lock({advisory_number('asset names')})")

    def hold_assets(self, asset_ids: Sequence[int]) -> None:
        if asset_ids:
            among = ", ".join(str(int(asset_id)) for asset_id in asset_ids)
            self._tx.send(f"SELECT FROM assets WHERE asset_id IN ({among}) ORDER BY asset_id{HELD}")

    def seize_asset(self, asset_id: int) -> bool:
        return self._tx.row(f"SELECT 1 FROM assets WHERE asset_id = ?{FREE}", (asset_id,)) is not None

    def hold_store(self) -> None:
        self._tx.send("LOCK TABLE tries, external_objects IN EXCLUSIVE MODE")

    def hold_condemned(self, *, shared: bool) -> None:
        kind = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        self._tx.send(f"SELECT {kind}({advisory_number('condemned')})")


def advisory_number(*names: str) -> int:
    """Return the number of an advisory lock, the same on every server; two names may share one."""
    digest = hashlib.blake2b("\0".join(("statekeep", *names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
