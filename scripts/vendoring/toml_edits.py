"""Edits of pyproject files that keep their comments and order; kept in memory until all are made."""

from collections.abc import MutableMapping
from itertools import takewhile
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Table

FEWEST_ALIKE = 6  # characters; fewer say nothing of what two strings are

Value = str | list[str] | dict[str, bool]


class UneditableError(Exception):
    """A value that is not of the kind that an edit needs. Nothing of this file was written."""

    def __init__(self, place: str, keys: tuple[str, ...], wanted: str) -> None:
        super().__init__(f"{place}: {'.'.join(keys)} is no {wanted}; make it one by hand, then run again")


class TomlEdits:
    """The documents under edit. `save` writes each once, so a hundred mends cost one parse and one write."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._documents: dict[str, tomlkit.TOMLDocument] = {}

    def _document(self, place: str) -> tomlkit.TOMLDocument:
        if place not in self._documents:
            text = (self._root / place).read_text(encoding="utf-8")
            self._documents[place] = tomlkit.parse(text)
        return self._documents[place]

    def _table(self, place: str, keys: tuple[str, ...]) -> Any:
        table: Any = self._document(place)
        for position, key in enumerate(keys):
            if key not in table:
                table[key] = tomlkit.table(is_super_table=position < len(keys) - 1)
            table = table[key]
            if not isinstance(table, MutableMapping):
                raise UneditableError(place, keys[: position + 1], "table")
        return table

    def _list(self, place: str, keys: tuple[str, ...]) -> Any:
        table = self._table(place, keys[:-1])
        if keys[-1] not in table:
            table[keys[-1]] = tomlkit.array()
        if not isinstance(table[keys[-1]], list):
            raise UneditableError(place, keys, "list")
        return table[keys[-1]]

    def append(self, place: str, keys: tuple[str, ...], value: str) -> None:
        """Add a string to a list, behind its like or at the end; a second time changes nothing."""
        items = self._list(place, keys)
        if value not in items:
            items.insert(_position(items, value), value)

    def remove_item(self, place: str, keys: tuple[str, ...], value: str) -> None:
        """Take a string out of a list, every time that it stands there."""
        items = self._list(place, keys)
        while value in items:
            items.remove(value)

    def remove_repeats(self, place: str, keys: tuple[str, ...]) -> None:
        """Keep the first of equal strings in a list."""
        items = self._list(place, keys)
        for position in range(len(items) - 1, -1, -1):
            if items[position] in list(items)[:position]:
                del items[position]

    def put(self, place: str, keys: tuple[str, ...], value: Value) -> None:
        """Set the value at a path of keys."""
        table = self._table(place, keys[:-1])
        is_table = isinstance(table, Table)
        trailing = _taken_from_end(table) if is_table else []
        table[keys[-1]] = _item(value)
        if is_table:
            table.value.body.extend(trailing)

    def remove(self, place: str, keys: tuple[str, ...]) -> None:
        """Take away the value at a path of keys, if it is there."""
        self._table(place, keys[:-1]).pop(keys[-1], None)

    def save(self) -> None:
        """Write every document that was touched."""
        for place, document in self._documents.items():
            (self._root / place).write_text(tomlkit.dumps(document), encoding="utf-8")
        self._documents.clear()


def _position(items: list[str], value: str) -> int:
    """Behind the last of those that begin most like `value`, so that lists stay in their groups."""
    alike = [_characters_alike(item, value) for item in items]
    most = max(alike, default=0)
    if most < FEWEST_ALIKE:
        return len(items)
    return len(alike) - alike[::-1].index(most)


def _characters_alike(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _taken_from_end(table: Table) -> list[Any]:
    """The blank lines and comments at a table's end, which belong to what follows it."""
    body: list[Any] = table.value.body
    kept = max((number for number, (key, _) in enumerate(body, 1) if key is not None), default=0)
    taken = body[kept:]
    del body[kept:]
    return taken


def _item(value: Value) -> Any:
    if isinstance(value, list):
        return _lines(value)
    if isinstance(value, dict):
        inline = ", ".join(f"{key} = {str(flag).lower()}" for key, flag in value.items())
        return tomlkit.parse(f"value = {{ {inline} }}")["value"]
    return value


def _lines(values: list[str]) -> Any:
    array = tomlkit.array().multiline(True)
    array.extend(values)
    return array
