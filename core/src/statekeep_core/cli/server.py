"""`statekeep server`: serves the store to many workers, and says who may ask."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from statekeep.cli.statuses import OF_LISTING, OF_SERVING
from statekeep.config import process_environment
from statekeep.supervisor import exit_status
from statekeep.supervisor.saying import said, say

from statekeep_core import config
from statekeep_core._shared.settings import SettingsError
from statekeep_core._shared.state.errors import NotFoundError, StatekeepError, UnsupportedError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Sequence

    from statekeep_core.metastore.credentials import CredentialRecord
    from statekeep_core.policy import Work

SUMMARY = "serve the store to many workers"

_A_DAY_SECONDS = 86_400.0
_LONGEST_DAYS = 36_500


def run(parser: ArgumentParser, given: Sequence[str]) -> int:
    """Run `statekeep server` with these arguments and return the exit status."""
    _add_arguments(parser)
    arguments = parser.parse_args(given)
    act: Callable[[Namespace], int] = arguments.act
    return act(arguments)


def _add_arguments(parser: ArgumentParser) -> None:
    parser.description = "Serves the store of [database] url over HTTP until it is told to stop (SIGTERM)."
    parser.epilog = OF_SERVING
    parser.add_argument("--host", help="the address to listen on ([server] host)")
    parser.add_argument("--port", help="the port to listen on ([server] port)")
    parser.add_argument("--workers", help="how many processes serve, on PostgreSQL ([server] workers)")
    parser.set_defaults(act=_serve)
    groups = parser.add_subparsers(metavar="[COMMAND]", parser_class=type(parser))
    _add_credentials(_group(groups, "credentials", "who may ask"))
    keys = _group(groups, "keys", "what task tokens are signed with")
    rotated = _add(keys, "rotate", "sign with a new key; tokens of the older ones stay good", _rotate_keys)
    rotated.add_argument("--forget", action="store_true", help="remove the older keys, and end their tokens")


def _add_credentials(credentials: Any) -> None:
    added = _add(credentials, "add", "make one and print it, this once", _add_credential)
    added.add_argument("name", help="whose it is; stands in the records of what is written under it")
    added.add_argument("--operator", action="store_true", help="may read and write all state, as people do")
    added.add_argument("--days", type=_days, metavar="N", help="good for so long (default: until revoked)")
    _add(credentials, "list", "show all, without their secrets", _list_credentials)
    revoked = _add(credentials, "revoke", "let one open nothing any more, within seconds", _revoke_credential)
    revoked.add_argument("name", help="as `statekeep server credentials list` shows it")


def _group(groups: Any, name: str, what: str) -> Any:
    group: ArgumentParser = groups.add_parser(name, help=what, description=what)
    return group.add_subparsers(required=True, metavar="COMMAND", parser_class=type(group))


def _add(commands: Any, name: str, what: str, act: Callable[[Namespace], int]) -> ArgumentParser:
    command: ArgumentParser = commands.add_parser(name, help=what, description=what, epilog=OF_LISTING)
    command.set_defaults(act=act)
    return command


def _serve(arguments: Namespace) -> int:
    given = {
        "server.host": arguments.host,
        "server.port": arguments.port,
        "server.workers": arguments.workers,
    }
    environ = process_environment()
    settings = config.load(environ, {name: text for name, text in given.items() if text is not None})
    try:
        from statekeep_core.server.serving import serve, serve_with_workers
        from statekeep_core.server.telemetry import logs
    except ModuleNotFoundError as error:
        if error.name not in ("jwt", "uvicorn", "uvloop", "msgspec"):
            raise
        raise UnsupportedError(
            what="`statekeep server`", problem="it is not installed; pip install 'statekeep-core[server]'"
        ) from None
    logs.configure(settings.server, sys.stderr)
    try:
        if settings.server.workers > 1:
            return serve_with_workers(settings.server, environ, said, _status_of)
        serve(settings.server, environ, said)
        return 0
    finally:
        logs.finish()


def _status_of(serve: Callable[[], None]) -> int:
    """Run a worker, and return with which status its process ends; say why if it ends by an error."""
    try:
        serve()
    except (StatekeepError, SettingsError) as error:
        say(str(error))
        return exit_status.of_refusal(error.code)
    return 0


def _add_credential(arguments: Namespace) -> int:
    from statekeep_core.metastore.credentials import OPERATOR, WORKER
    from statekeep_core.server.access import add_credential

    role = OPERATOR if arguments.operator else WORKER
    lifetime_seconds = None if arguments.days is None else arguments.days * _A_DAY_SECONDS
    text = _transact(lambda work: add_credential(work, arguments.name, role, lifetime_seconds))
    sys.stdout.write(f"{text}\n")
    return 0


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days <= _LONGEST_DAYS:
        raise argparse.ArgumentTypeError(
            f"{text!r:.40} is no number of days above 0 and up to {_LONGEST_DAYS:,}"
        )
    return days


def _list_credentials(_: Namespace) -> int:
    from statekeep_core.metastore import credentials

    records, now_us = _transact(lambda work: (credentials.every(work.tx), work.tx.now.wall_us))
    for record in records:
        state = _state_of(record, now_us)
        sys.stdout.write(f"{record.name}\t{record.role}\tmade {_shown(record.created_at)}\t{state}\n")
    return 0


def _state_of(record: CredentialRecord, now_us: int) -> str:
    if record.revoked_at is not None:
        return f"revoked {_shown(record.revoked_at)}"
    if record.expires_at is None:
        return "never expires"
    return f"{'expired' if record.expires_at <= now_us else 'expires'} {_shown(record.expires_at)}"


def _revoke_credential(arguments: Namespace) -> int:
    from statekeep_core.metastore import credentials

    if not _transact(lambda work: credentials.revoke(work.tx, arguments.name)):
        raise NotFoundError(what=f"credential {arguments.name}")
    return 0


def _rotate_keys(arguments: Namespace) -> int:
    from statekeep_core.metastore import signing_keys
    from statekeep_core.server.access import add_signing_key

    def rotate(work: Work) -> None:
        add_signing_key(work)
        if arguments.forget:
            signing_keys.remove_older(work.tx, work.tx.now.wall_us)

    _transact(rotate)
    return 0


def _transact(operation: Callable[[Work], Any]) -> Any:
    from statekeep_core.server.opening import open_store

    store = open_store(process_environment())
    try:
        return store.transact(operation)
    finally:
        store.close()


def _shown(instant_us: int) -> str:
    return datetime.fromtimestamp(instant_us / 1_000_000, UTC).isoformat(timespec="seconds")
