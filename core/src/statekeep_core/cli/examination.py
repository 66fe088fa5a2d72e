"""What `statekeep db check` finds, as a document and as lines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from statekeep_core.metastore.integrity import Fault
    from statekeep_core.metastore.store_identity import FormerId

Document = dict[str, Any]

_WITH_SERVERS = "; servers that use it now can go on meanwhile, and afterwards"
_WITHOUT_SERVERS = ", when no server uses it: those of older releases cannot use the new schema"


def of_file(path: Path) -> Document:
    """Examine a file, a backup, too. Raises :class:`StoreUnusableError` when it is no store."""
    from statekeep_core.metastore import store_identity
    from statekeep_core.metastore.integrity import damage, faults
    from statekeep_core.metastore.migrate import is_backup
    from statekeep_core.metastore.store_file import opened_to_read

    with opened_to_read(path) as store:
        version, newest = store.version, store.known[-1].number
        found: Document = {"store": str(store.path), "is_backup": is_backup(store.connection)}
        found |= {"schema_version": version, "known_schema_version": newest}
        damaged = [f"the file is damaged: {problem}" for problem in damage(store.connection)]
        if damaged:
            return found | {"faults": damaged}
        release = store.read(lambda tx: tx.rows("SELECT written_by_release FROM store")[0][0])
        found |= {"schema_release": release, "store_id": store.read(lambda tx: tx.store_id())}
        if version != newest:
            return found | _of_older_schema(version, "")
        return found | _of_rows(store.read(store_identity.former_ids), store.read(faults))


def of_database(url: str) -> Document:
    """Examine a database. Raises :class:`StoreUnusableError` and :class:`UnavailableError`."""
    from statekeep_core.postgres.connection import place_of
    from statekeep_core.postgres.upkeep import can_migrate_beside_servers, examine

    examined = examine(url)
    found: Document = {
        "store": place_of(url),
        "is_backup": False,
        "schema_version": examined.schema.version,
        "known_schema_version": examined.schema.known_version,
        "schema_release": examined.schema.written_by_release,
        "store_id": examined.store_id,
    }
    schema = examined.schema
    if schema.version > schema.known_version:
        return found | _of_newer_schema(schema.version, schema.written_by_release)
    if schema.version < schema.known_version:
        beside = can_migrate_beside_servers(schema)
        return found | _of_older_schema(schema.version, _WITH_SERVERS if beside else _WITHOUT_SERVERS)
    return found | _of_rows(examined.former_ids, examined.faults)


def shown(found: Document) -> str:
    """Return what was found as lines for people."""
    kind = "backup" if found["is_backup"] else "store"
    lines = [
        f"{kind + ':':12}{found['store']}",
        f"schema:     {found['schema_version']} (this release's is {found['known_schema_version']})",
    ]
    if found.get("schema_release"):
        lines.append(f"came with:  statekeep-core {found['schema_release']}")
    if found.get("store_id"):
        lines.append(f"id:         {found['store_id']}")
    for former in found.get("former_ids", ()):
        objects = f"{former['named_objects']:,} of its objects are named"
        lines.append(f"before:     {former['store_id']}, until {former['renewed_at']}; {objects}")
    lines += [f"WRONG:      {fault}" for fault in found["faults"]]
    return "\n".join(lines)


def _of_older_schema(version: int, when: str) -> Document:
    if version == 0:
        return {"faults": ["there is no store yet; `statekeep db migrate` makes it, or the first server"]}
    # What must hold between the rows is written down for this release's schema alone.
    return {"faults": [f"the schema is version {version}; run `statekeep db migrate`{when}"]}


def _of_newer_schema(version: int, release: str) -> Document:
    return {"faults": [f"the schema is version {version}; examine it with statekeep-core {release} or newer"]}


def _of_rows(former_ids: Iterable[FormerId], faults: Iterable[Fault]) -> Document:
    formers = [{**each._asdict(), "renewed_at": _instant(each.renewed_at)} for each in former_ids]
    return {"former_ids": formers, "faults": [f"{each.rows:,} {each.what}" for each in faults]}


def _instant(instant_us: int) -> str:
    return datetime.fromtimestamp(instant_us / 1_000_000, UTC).isoformat(timespec="seconds")
