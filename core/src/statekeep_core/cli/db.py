"""`statekeep db`: checks, migrates, backs up and restores the store."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from statekeep.cli.statuses import OF_LISTING, OF_STORES
from statekeep.config import process_environment

from statekeep_core import config
from statekeep_core._shared.state.errors import UnsupportedError
from statekeep_core.embedded import configured_path
from statekeep_core.postgres.driver import require_driver

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Sequence

    from statekeep_core.metastore.store_identity import Renewed

SUMMARY = "check, migrate, back up and restore the store"

_FAULTY = 1
# Others may use the tables for so long before a migration gives up: a dump, which reads all of them.
_PATIENCE_SECONDS = 3_600.0


def run(parser: ArgumentParser, given: Sequence[str]) -> int:
    """Run `statekeep db` with these arguments and return the exit status."""
    _add_arguments(parser)
    arguments = parser.parse_args(given)
    act: Callable[[Namespace], int] = arguments.act
    return act(arguments)


def _add_arguments(parser: ArgumentParser) -> None:
    parser.description = "Looks after the store of [database] url: a file, where it is, or a database."
    parser.epilog = OF_STORES
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=type(parser))
    check = _add(commands, "check", "say who the store is, and what is wrong with it (status 1)", _check)
    check.epilog = OF_STORES
    check.add_argument("--json", action="store_true", help="for programs")
    _add(commands, "migrate", "bring its schema to this release's", _migrate)
    backup = _add(commands, "backup", "copy it, while it is used, into a file that is checked", _back_up)
    backup.add_argument("path", type=Path, help="the file to make")
    restore = _add(commands, "restore", "make the store out of a backup, where there is none", _restore)
    restore.add_argument("path", type=Path, help="the backup, which stays as it is")
    renewed = _add(commands, "renew-id", "make a copy of a store a store of its own", _renew)
    renewed.description = (
        "For a file that was copied by other means than `statekeep db restore`, before it is used. It gets an"
        " id of its own; the objects of worker-side backends that the original names are read, and never"
        " deleted. Tries that were running when it was copied are ended."
    )


def _add(commands: Any, name: str, what: str, act: Callable[[Namespace], int]) -> ArgumentParser:
    command: ArgumentParser = commands.add_parser(name, help=what, description=what, epilog=OF_LISTING)
    command.set_defaults(act=act)
    return command


def _check(arguments: Namespace) -> int:
    from . import examination

    url = _database_url()
    found = examination.of_file(_path()) if url is None else examination.of_database(url)
    _say(json.dumps(found, indent=2) if arguments.json else examination.shown(found))
    return _FAULTY if found["faults"] else 0


def _migrate(_: Namespace) -> int:
    url = _database_url()
    before, newest = _migrated_file() if url is None else _migrated_database(url)
    _say(f"schema {newest}: it had it" if before == newest else f"schema {before} -> {newest}")
    return 0


def _migrated_file() -> tuple[int, int]:
    from statekeep_core.metastore.store_file import opened

    with opened(_path()) as store:
        return store.migrate(), store.known[-1].number


def _migrated_database(url: str) -> tuple[int, int]:
    from statekeep_core.postgres.migrate import check, migrate

    before = migrate(url, patience_seconds=_PATIENCE_SECONDS, say=_Notices("waiting: "))
    return before.version, check(url).version


def _back_up(arguments: Namespace) -> int:
    from statekeep_core.metastore.backup import back_up
    from statekeep_core.metastore.store_file import opened_to_read

    _require_file("backup")
    with opened_to_read(_path()) as store:
        size_bytes = back_up(store, arguments.path)
    _say(f"{arguments.path}: {size_bytes:,} bytes, checked")
    return 0


def _restore(arguments: Namespace) -> int:
    from statekeep_core.metastore.backup import restore
    from statekeep_core.metastore.store_file import opened_to_read

    _require_file("restore")
    with opened_to_read(arguments.path) as backup:
        renewed = restore(backup, _path())
    _say(f"{_path()}: restored")
    _tell(renewed)
    return 0


def _renew(_: Namespace) -> int:
    url = _database_url()
    _tell(_renewed_file() if url is None else _renewed_database(url))
    return 0


def _renewed_file() -> Renewed:
    from statekeep_core.metastore.backup import renew_id
    from statekeep_core.metastore.store_file import opened

    with opened(_path()) as store:
        return renew_id(store)


def _renewed_database(url: str) -> Renewed:
    from statekeep_core.postgres.upkeep import renew_id

    return renew_id(url)


def _path() -> Path:
    return configured_path(process_environment())


def _database_url() -> str | None:
    """Return the URL of a store on PostgreSQL, None for a file. Refuse one that has no driver here."""
    url = config.load(process_environment()).database.url
    if not config.is_postgresql(url):
        return None
    require_driver()
    return url


class _Notices:
    """Says on stderr what is news: the same twice in a row is said once."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._said = ""

    def __call__(self, notice: str) -> None:
        if notice != self._said:
            self._said = notice
            sys.stderr.write(f"statekeep: {self._prefix}{notice}\n")


def _require_file(command: str) -> None:
    if _database_url() is not None:
        raise UnsupportedError(
            what=f"`statekeep db {command}` on PostgreSQL",
            problem="use its own tools (pg_dump, pg_restore, a base backup), and `statekeep db renew-id` on"
            " what was restored, before a server uses it",
        )


def _tell(renewed: Renewed) -> None:
    _say(f"id {renewed.former_id} -> {renewed.store_id}")
    _say(f"running tries that were ended: {renewed.ended_tries:,}")
    _say(f"objects that are read and never deleted: {renewed.inherited_objects:,}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
