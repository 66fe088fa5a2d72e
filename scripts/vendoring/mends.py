"""Mends of pyproject files: each says what one `--fix` does, and does it to the documents under edit."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vendoring.faults import Mend
    from vendoring.toml_edits import TomlEdits, Value

Keys = tuple[str, ...]


def appends(place: str, keys: Keys, value: str) -> "Mend":
    """Add a string to a list."""

    def mend(edits: "TomlEdits") -> None:
        edits.append(place, keys, value)

    return mend


def takes_out(place: str, keys: Keys, value: str) -> "Mend":
    """Remove a string from a list."""

    def mend(edits: "TomlEdits") -> None:
        edits.remove_item(place, keys, value)

    return mend


def keeps_first(place: str, keys: Keys) -> "Mend":
    """Leave the first of equal strings in a list."""

    def mend(edits: "TomlEdits") -> None:
        edits.remove_repeats(place, keys)

    return mend


def puts(place: str, keys: Keys, value: "Value") -> "Mend":
    """Set a value in a table."""

    def mend(edits: "TomlEdits") -> None:
        edits.put(place, keys, value)

    return mend


def drops(place: str, keys: Keys) -> "Mend":
    """Remove a key from a table."""

    def mend(edits: "TomlEdits") -> None:
        edits.remove(place, keys)

    return mend
