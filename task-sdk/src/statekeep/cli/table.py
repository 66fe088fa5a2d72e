"""Listings: an aligned table for people, JSON for programs."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any

from .streams import print_for_people, print_json_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LONGEST_CELL_CHARACTERS = 60


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print the rows under their headings, each column as wide as it must be; long cells are shortened."""
    table = [list(headings), *([_cell(text) for text in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        print_for_people(f"{line.rstrip()}\n")


def print_json(document: Any) -> None:
    """Print a document, indented."""
    print_json_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def instant(microseconds: int | None) -> str | None:
    """Return an instant as RFC 3339 has it, in UTC and to the second; None stays None."""
    if microseconds is None:
        return None
    moment = datetime.datetime.fromtimestamp(microseconds // 1_000_000, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(seconds: float) -> str:
    """Return a duration as people say it: ``0.4s``, ``12s``, ``3m05s``, ``2h10m``."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    if not minutes:
        return f"{rest}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"


def _cell(text: str) -> str:
    printable = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
    if len(printable) <= _LONGEST_CELL_CHARACTERS:
        return printable
    return printable[: _LONGEST_CELL_CHARACTERS - 1] + "\N{HORIZONTAL ELLIPSIS}"
