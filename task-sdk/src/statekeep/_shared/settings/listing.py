"""The rows of `statekeep config list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .option import Section


class Row(NamedTuple):
    """One option as it stands; a sensitive value is masked. Plain text, so that copies may exchange it."""

    option: str
    value: str
    source: str


def rows(sections: Iterable[Section]) -> Iterator[Row]:
    """The loaded options in the order in which they are described."""
    for section in sections:
        for option in section.options:
            yield Row(option.label, option.shown(section.values[option.name]), section.sources[option.name])
