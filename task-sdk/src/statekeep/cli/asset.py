"""`statekeep asset`: the state of an asset, inside a task that declares it or, as an operator, outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._shared.state import messages as m
from . import entries
from .access import asset_state, operator
from .addresses import asset_address
from .parser import subcommands
from .statuses import OF_ENTRIES, OF_READING, OF_WRITING
from .table import instant, print_json, print_table
from .unread import Unread
from .values import json_value, shown_value

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Sequence

    from .._shared.state.messages import Target

    Ask = Callable[[Any], Any]

_DESCRIPTION = """Reads and writes what is kept of an asset, such as a watermark. A is its name, or its uri
(with ://). Inside `statekeep run` it must be declared there with --inlet or --outlet, and a write shows to
others when the try succeeds, or at once with --now. Outside, reads and writes are yours and show at once."""


def run(parser: ArgumentParser, given: Sequence[str]) -> int:
    """Run `statekeep asset` with these arguments and return the exit status."""
    parser.description, parser.epilog = _DESCRIPTION, OF_ENTRIES
    _add_commands(subcommands(parser))
    arguments = parser.parse_args(given)
    status: int = arguments.run(arguments)
    return status


def _add_commands(commands: Any) -> None:
    entries.add_get(_add(commands, "get", "print a value", _on_state(entries.get, needed="inlet")))
    for name, what, add, write in (
        ("set", "write a value", entries.add_set, entries.set_),
        ("delete", "remove a key", entries.add_delete, entries.delete),
    ):
        command = _add(commands, name, what, _on_state(_writing(write), needed="outlet"))
        add(command)
        command.add_argument("--now", action="store_true", help="in a task: let it show before the task ends")
    listing = _add(commands, "list", "show the assets, or the keys of one", _list, asset_is_optional=True)
    entries.add_list(listing)
    listing.add_argument("--all", action="store_true", help="deactivated assets, too")
    history = _add(commands, "history", "show what changed", _on_state(_history, needed="inlet"))
    history.epilog = OF_READING
    history.add_argument("key", nargs="?", metavar="KEY", help="only of this key")
    history.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many (default: 100)")
    entries.add_values(history)
    history.add_argument("--json", action="store_true", help="for programs")
    rewind = _add(commands, "rewind", "set a key back to a version that is kept", _rewind)
    rewind.epilog = OF_WRITING
    rewind.add_argument("key", metavar="KEY")
    rewind.add_argument("version", type=int, metavar="VERSION", help="as `statekeep asset history` shows it")
    for name, what, run_command in (
        ("deactivate", "take an asset out of use; it can be restored for a while", _deactivate),
        ("restore", "bring a deactivated asset back with its state", _restore),
    ):
        _add(commands, name, what, run_command).epilog = OF_WRITING


def _add(
    commands: Any, name: str, what: str, run: Callable[[Namespace], int], *, asset_is_optional: bool = False
) -> ArgumentParser:
    command: ArgumentParser = commands.add_parser(name, help=what, description=what)
    command.add_argument(
        "asset",
        type=asset_address,
        metavar="A",
        nargs="?" if asset_is_optional else None,
        help="the asset: its name, or its uri (with ://)",
    )
    command.set_defaults(run=run)
    return command


def _on_state(
    operation: Callable[[Ask, Target, Namespace], int], *, needed: str
) -> Callable[[Namespace], int]:
    def run_on_asset(arguments: Namespace) -> int:
        with_values = getattr(arguments, "values", True)
        with asset_state(arguments.asset, needed=needed, with_values=with_values) as (ask, target):
            return operation(ask, target, arguments)

    return run_on_asset


def _writing(operation: Callable[..., int]) -> Callable[[Ask, Target, Namespace], int]:
    def write(ask: Ask, target: Target, arguments: Namespace) -> int:
        # An operator's write has no try to wait for.
        apply_now = arguments.now or isinstance(target, m.AssetAddress)
        return operation(ask, target, arguments, apply_now=apply_now)

    return write


def _list(arguments: Namespace) -> int:
    if arguments.asset is not None:
        return _on_state(entries.list_, needed="inlet")(arguments)
    with operator() as ask:
        rows = ask(m.ListAssets(include_inactive=arguments.all)).assets
    if arguments.json:
        print_json([{**row._asdict(), "updated_at": instant(row.updated_at)} for row in rows])
    else:
        print_table(("NAME", "URI", "STATUS", "KEYS", "UPDATED"), (_asset_row(row) for row in rows))
    return 0


def _asset_row(row: m.AssetRow) -> tuple[str, ...]:
    status = "active" if row.active else "inactive"
    return row.name or "-", row.uri or "-", status, str(row.entries), instant(row.updated_at) or "-"


def _history(ask: Ask, target: Target, arguments: Namespace) -> int:
    changes = _changes(ask, target, arguments.key, arguments.limit)
    unread = Unread.of(ask, changes) if arguments.values else Unread()
    if arguments.json:
        print_json([_change_document(change, unread) for change in changes])
    else:
        headings = ("VERSION", "KEY", "CHANGE", "VALUE", "AT", "BY")
        print_table(headings, (_change_row(change, unread) for change in changes))
    return unread.say()


def _changes(ask: Ask, target: Target, key: str | None, limit: int) -> list[m.Change]:
    changes: list[m.Change] = []
    before = None
    while True:
        page = ask(m.ListHistory(target, key, limit - len(changes), before))
        changes += page.changes
        before = page.before
        if before is None or len(changes) >= limit:
            return changes


def _change_document(change: m.Change, unread: Unread) -> dict[str, Any]:
    return {
        "version": change.version,
        "key": change.key,
        "change": change.change,
        **json_value(change, unread),
        "changed_at": instant(change.changed_at),
        "writer": _writer(change.writer),
    }


def _change_row(change: m.Change, unread: Unread) -> tuple[str, ...]:
    at = instant(change.changed_at) or "-"
    value = shown_value(change, unread)
    return str(change.version), change.key, change.change, value, at, _writer(change.writer)


def _writer(writer: m.Writer | None) -> str:
    if writer is None:
        return "-"
    if writer.task is None:
        return writer.principal
    from ..supervisor.job import shown

    return f"try {writer.try_number} of {shown(writer.task)}"


def _rewind(arguments: Namespace) -> int:
    with operator() as ask:
        ask(m.Rewind(arguments.asset, arguments.key, arguments.version))
    return 0


def _deactivate(arguments: Namespace) -> int:
    with operator() as ask:
        ask(m.Deactivate(arguments.asset))
    return 0


def _restore(arguments: Namespace) -> int:
    with operator() as ask:
        ask(m.Restore(arguments.asset))
    return 0
