"""What `statekeep state` and `statekeep asset` do alike: read, write, delete and list entries."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from .._shared.state import messages as m
from .._shared.state.errors import InvalidRetentionError
from .._shared.state.retention import parse_retention, to_wire
from .._shared.state.rules import check_key
from ..supervisor.saying import say
from .statuses import ABSENT, OF_GETTING, OF_READING, OF_WRITING
from .streams import print_exactly
from .table import instant, print_json, print_table
from .unread import Unread
from .values import check_fetched, given_value, json_value, print_value, shown_value

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterator

    from .._shared.state.messages import Target

    Ask = Callable[[Any], Any]


def add_get(parser: ArgumentParser) -> None:
    """Add what `get` takes."""
    parser.epilog = OF_GETTING
    parser.add_argument("key", metavar="KEY")
    parser.add_argument("--default", metavar="V", help="print this, and succeed, when there is no such key")
    parser.add_argument("--raw", action="store_true", help="print a string without its quotes, in UTF-8")


def add_set(parser: ArgumentParser) -> None:
    """Add what `set` takes."""
    parser.epilog = OF_WRITING
    parser.add_argument("key", metavar="KEY")
    parser.add_argument(
        "value",
        metavar="VALUE",
        help="JSON; `-` reads it from standard input; `--` before it lets it begin with a dash",
    )
    parser.add_argument("--string", action="store_true", help="VALUE is plain text, not JSON")
    parser.add_argument(
        "--retention", type=_retention, metavar="D", help="how long to keep it: 30d, 12h, never"
    )
    condition = parser.add_mutually_exclusive_group()
    add_if_version(condition)
    condition.add_argument("--if-absent", action="store_true", help="only if there is no such key")


def add_if_version(parser: Any) -> None:
    """Add the condition that `set` and `delete` take."""
    parser.add_argument("--if-version", type=int, metavar="N", help="only if this version stands")


def add_delete(parser: ArgumentParser) -> None:
    """Add what `delete` takes."""
    parser.epilog = OF_WRITING
    parser.add_argument("key", metavar="KEY")
    add_if_version(parser)


def add_list(parser: ArgumentParser) -> None:
    """Add what `list` takes."""
    parser.epilog = OF_READING
    parser.add_argument("--prefix", default="", metavar="P", help="only keys that begin with this")
    add_values(parser)
    parser.add_argument("--json", action="store_true", help="for programs")


def add_values(parser: ArgumentParser) -> None:
    """Add what a listing takes that may have to fetch its values."""
    parser.add_argument(
        "--values", action="store_true", help="also fetch the values that a worker's backend keeps"
    )


def get(ask: Ask, target: Target, arguments: Namespace) -> int:
    """Print the value of a key."""
    check_key(arguments.key)
    reply = ask(m.Get(arguments.key, target))
    if isinstance(reply, m.Entry):
        check_fetched([reply])
        print_value(reply.value, is_raw=arguments.raw)
    elif arguments.default is not None:
        print_exactly(f"{arguments.default}\n")
    else:
        say(f"there is no key {arguments.key!r}")
        return ABSENT
    return 0


def set_(ask: Ask, target: Target, arguments: Namespace, *, apply_now: bool = False) -> int:
    """Write the value of a key."""
    check_key(arguments.key)
    ask(
        m.Set(
            arguments.key,
            given_value(arguments.value, is_string=arguments.string),
            target,
            retention=arguments.retention,
            if_version=arguments.if_version,
            if_absent=arguments.if_absent,
            apply_now=apply_now,
        )
    )
    return 0


def delete(ask: Ask, target: Target, arguments: Namespace, *, apply_now: bool = False) -> int:
    """Remove a key; no effect when there is none."""
    check_key(arguments.key)
    ask(m.Delete(arguments.key, target, if_version=arguments.if_version, apply_now=apply_now))
    return 0


def list_(ask: Ask, target: Target, arguments: Namespace) -> int:
    """Print the entries."""
    entries = list(_all_entries(ask, target, arguments.prefix))
    unread = Unread.of(ask, entries) if arguments.values else Unread()
    if arguments.json:
        print_json([_document(entry, unread) for entry in entries])
    else:
        headings = ("KEY", "VALUE", "VERSION", "UPDATED", "EXPIRES")
        print_table(headings, (_row(entry, unread) for entry in entries))
    return unread.say()


def _all_entries(ask: Ask, target: Target, prefix: str) -> Iterator[m.Entry]:
    after = None
    while True:
        page = ask(m.ListEntries(target, prefix=prefix, after=after, with_values=True))
        yield from page.entries
        after = page.after
        if after is None:
            return


def _document(entry: m.Entry, unread: Unread) -> dict[str, Any]:
    return {
        "key": entry.key,
        **json_value(entry, unread),
        "version": entry.version,
        "updated_at": instant(entry.updated_at),
        "expires_at": instant(entry.expires_at),
    }


def _row(entry: m.Entry, unread: Unread) -> tuple[str, ...]:
    version = "staged" if entry.version is None else str(entry.version)
    updated, expires = instant(entry.updated_at) or "-", instant(entry.expires_at) or "-"
    return entry.key, shown_value(entry, unread), version, updated, expires


def _retention(text: str) -> float | str | None:
    try:
        return to_wire(parse_retention(text))
    except InvalidRetentionError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
