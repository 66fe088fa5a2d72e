"""`statekeep db`: checks, migrates, backs up and restores the store."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from statekeep.config import process_environment

from statekeep_core import __version__
from statekeep_core.embedded import configured_path

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Sequence

    from statekeep_core.metastore.store_file import StoreReader
    from statekeep_core.metastore.store_identity import Renewed

SUMMARY = "check, migrate, back up and restore the store"

_FAULTY = 1


def run(parser: ArgumentParser, given: Sequence[str]) -> int:
    """Run `statekeep db` with these arguments and return the exit status."""
    _add_arguments(parser)
    arguments = parser.parse_args(given)
    act: Callable[[Namespace], int] = arguments.act
    return act(arguments)


def _add_arguments(parser: ArgumentParser) -> None:
    parser.description = "Looks after the store of [database] url, where its file is."
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=type(parser))
    check = commands.add_parser("check", help="say who the store is, and what is wrong with it (status 1)")
    check.add_argument("--json", action="store_true", help="for programs")
    check.set_defaults(act=_check)
    commands.add_parser("migrate", help="bring its schema to this release's").set_defaults(act=_migrate)
    backup = commands.add_parser("backup", help="copy it, while it is used, into a file that is checked")
    backup.add_argument("path", type=Path, help="the file to make")
    backup.set_defaults(act=_back_up)
    restore = commands.add_parser("restore", help="make the store out of a backup, where there is none")
    restore.add_argument("path", type=Path, help="the backup, which stays as it is")
    restore.set_defaults(act=_restore)
    renewed = commands.add_parser("renew-id", help="make a copy of a store a store of its own")
    renewed.description = (
        "For a file that was copied by other means than `statekeep db restore`, before it is used. It gets an"
        " id of its own; the objects of worker-side backends that the original names are read, and never"
        " deleted. Tries that were running when it was copied are ended."
    )
    renewed.set_defaults(act=_renew)


def _check(arguments: Namespace) -> int:
    from statekeep_core.metastore.store_file import opened_to_read

    with opened_to_read(configured_path(process_environment())) as store:
        found = _examined(store)
    _say(json.dumps(found, indent=2) if arguments.json else _shown(found))
    return _FAULTY if found["faults"] else 0


def _examined(store: StoreReader) -> dict[str, Any]:
    from statekeep_core.metastore import store_identity
    from statekeep_core.metastore.integrity import damage, faults
    from statekeep_core.metastore.migrate import is_backup

    version, newest = store.version, store.known[-1].number
    found: dict[str, Any] = {"store": str(store.path), "is_backup": is_backup(store.connection)}
    found |= {"schema_version": version, "known_schema_version": newest}
    wrong = [f"the file is damaged: {problem}" for problem in damage(store.connection)]
    if wrong:
        return found | {"faults": wrong}
    release = store.read(lambda tx: tx.rows("SELECT written_by_release FROM store")[0][0])
    found |= {"store_id": store.read(lambda tx: tx.store_id()), "written_by_release": release}
    if version != newest:
        # What must hold is written down for one schema.
        return found | {"faults": [f"the schema is version {version}: run `statekeep db migrate`"]}
    found["former_ids"] = [
        {**each._asdict(), "renewed_at": _instant(each.renewed_at)}
        for each in store.read(store_identity.former_ids)
    ]
    return found | {"faults": [f"{each.rows:,} {each.what}" for each in store.read(faults)]}


def _shown(found: dict[str, Any]) -> str:
    kind = "backup" if found["is_backup"] else "store"
    lines = [
        f"{kind + ':':12}{found['store']}",
        f"schema:     {found['schema_version']} (this release's is {found['known_schema_version']})",
    ]
    if "store_id" in found:
        lines.append(f"written by: statekeep-core {found['written_by_release']}")
        lines.append(f"id:         {found['store_id']}")
    for former in found.get("former_ids", ()):
        objects = f"{former['named_objects']:,} of its objects are named"
        lines.append(f"before:     {former['store_id']}, until {former['renewed_at']}; {objects}")
    lines += [f"WRONG:      {fault}" for fault in found["faults"]]
    return "\n".join(lines)


def _migrate(_: Namespace) -> int:
    from statekeep_core.metastore.store_file import opened

    with opened(configured_path(process_environment())) as store:
        before = store.migrate(__version__)
        newest = store.known[-1].number
    _say(f"schema {newest}: it had it" if before == newest else f"schema {before} -> {newest}")
    return 0


def _back_up(arguments: Namespace) -> int:
    from statekeep_core.metastore.backup import back_up
    from statekeep_core.metastore.store_file import opened_to_read

    with opened_to_read(configured_path(process_environment())) as store:
        size_bytes = back_up(store, arguments.path)
    _say(f"{arguments.path}: {size_bytes:,} bytes, checked")
    return 0


def _restore(arguments: Namespace) -> int:
    from statekeep_core.metastore.backup import restore
    from statekeep_core.metastore.store_file import opened_to_read

    path = configured_path(process_environment())
    with opened_to_read(arguments.path) as backup:
        renewed = restore(backup, path, __version__)
    _say(f"{path}: restored")
    _tell(renewed)
    return 0


def _renew(_: Namespace) -> int:
    from statekeep_core.metastore.backup import renew_id
    from statekeep_core.metastore.store_file import opened

    with opened(configured_path(process_environment())) as store:
        renewed = renew_id(store, __version__)
    _tell(renewed)
    return 0


def _tell(renewed: Renewed) -> None:
    _say(f"id {renewed.former_id} -> {renewed.store_id}")
    _say(f"running tries that were ended: {renewed.ended_tries:,}")
    _say(f"objects that are read and never deleted: {renewed.inherited_objects:,}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _instant(instant_us: int) -> str:
    return datetime.fromtimestamp(instant_us / 1_000_000, UTC).isoformat(timespec="seconds")
