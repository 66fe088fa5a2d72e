"""What is done to a database by hand: it is examined, and a copy of one gets an id of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from statekeep_core.metastore import integrity, store_identity

from .connection import connect_patiently, place_of
from .failures import translated
from .migrate import check, migrate, migrations
from .steps import servers_can_go_on
from .store import open_store
from .transaction import PostgresTransaction

if TYPE_CHECKING:
    from statekeep_core.metastore.integrity import Fault
    from statekeep_core.metastore.store_identity import FormerId, Renewed

    from .schema import Schema


class Examined(NamedTuple):
    """A store as it is; of one without this release's schema only that is known."""

    schema: Schema
    store_id: str = ""
    former_ids: tuple[FormerId, ...] = ()
    faults: tuple[Fault, ...] = ()


def examine(url: str) -> Examined:
    """Read all of the store, at one instant; changes nothing, and writers do not wait.

    Raises :class:`StoreUnusableError` and :class:`UnavailableError`.
    """
    schema = check(url)
    if schema.version != schema.known_version:
        return Examined(schema)
    with translated(place_of(url)), connect_patiently(url) as connection:
        tx = PostgresTransaction(connection, reads_only=True)
        examined = Examined(
            schema,
            tx.store_id(),
            tuple(store_identity.former_ids(tx)),
            tuple(integrity.faults(tx)),
        )
        tx.commit()
        return examined


def can_migrate_beside_servers(schema: Schema) -> bool:
    """Return whether servers that know the schema go on when it is migrated to this release's."""
    return servers_can_go_on(schema, migrations())


def renew_id(url: str) -> Renewed:
    """Give a copy of a database, on which no server runs, an id of its own, after it has this schema."""
    migrate(url)
    store = open_store(url, connections=1, migrates=False)
    try:
        renewed: Renewed = store.transact(lambda work: store_identity.renew(work.tx))
    finally:
        store.close()
    return renewed
