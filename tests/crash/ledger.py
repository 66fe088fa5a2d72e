"""What a job tried, was told and saw, and what an observer saw of the store: the evidence that is judged."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

State = dict[str, Any]


class Effect(NamedTuple):
    """What a write does to one entry.

    ``where``: "task" (task state), "asset" (asset state, at once), "staged" (asset state, at the try's
    success), or "brief" (task state that expires at an instant that nobody here knows, and is in no state).
    ``operation``: "set", "increment", "set_max", "delete" or "clear".
    """

    where: str
    operation: str
    key: str
    value: Any


class Seen(NamedTuple):
    """A try begins its work; this is all that it reads."""

    try_number: int
    task: State
    asset: State


class Attempt(NamedTuple):
    """A write is about to be asked for. All its effects, or none."""

    try_number: int
    effects: tuple[Effect, ...]


class Acknowledged(NamedTuple):
    """The write that was attempted last has returned; with what, per effect (None where nothing is told)."""

    try_number: int
    results: tuple[Any, ...]


class Refused(NamedTuple):
    """The write that was attempted last has raised this error."""

    try_number: int
    error: str


class Done(NamedTuple):
    """The job is about to exit with this status."""

    try_number: int
    exit_status: int


class LockTaken(NamedTuple):
    """A supervisor has got the lock; whether a process of the try before was alive then."""

    earlier_try_is_alive: bool


class Snapshot(NamedTuple):
    """What an operator reads between two tries, while no supervisor is alive, in one transaction.

    ``statuses``: how each try stands. ``staged_tries``: the tries of which the store still holds staged rows.
    """

    statuses: dict[int, str]
    task: State
    asset: State
    staged_tries: tuple[int, ...]


class Glimpse(NamedTuple):
    """What an operator reads in one transaction while a try may be running."""

    statuses: dict[int, str]
    asset: State


class Read(NamedTuple):
    """An entry, or a row of its history, as a reader got it at any moment.

    ``where``: "task" or "asset". ``version`` is None of what the reading try had staged, and of nothing:
    ``value`` is None, too, when there was no entry.
    """

    reader: str
    where: str
    key: str
    version: int | None
    value: Any


Record = Seen | Attempt | Acknowledged | Refused | Done | LockTaken | Snapshot | Glimpse | Read
_CLASSES: dict[str, Any] = {
    kind.__name__: kind
    for kind in (Seen, Attempt, Acknowledged, Refused, Done, LockTaken, Snapshot, Glimpse, Read)
}


class Ledger:
    """A file of records, one a line; several processes append to it, and none of them can lose a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def append(self, record: Record) -> None:
        """Add a record. On return it outlives every process."""
        line = json.dumps([type(record).__name__, *record], separators=(",", ":"))
        # A line of its own even after one that a kill has torn.
        os.write(self._descriptor, f"\n{line}\n".encode())

    def read(self) -> list[Record]:
        """Return every record, in order.

        One that a kill has torn, or that is being written, does not count: nothing came of it yet.
        """
        records = []
        for line in self.path.read_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                records.append(_record(*json.loads(line)))
        return records

    def close(self) -> None:
        os.close(self._descriptor)


def whole(name: str) -> str:
    """Return a value that shows whether it is whole: longer than a page, all made of its name."""
    return f"{name};" * 900


def is_whole(value: Any) -> bool:
    """Return whether a value is one that was written; a number always is."""
    return not isinstance(value, str) or value == whole(value.partition(";")[0])


def _record(kind: str, *fields: Any) -> Record:
    record: Record = _CLASSES[kind](*(tuple(field) if isinstance(field, list) else field for field in fields))
    if isinstance(record, Attempt):
        return record._replace(effects=tuple(Effect(*effect) for effect in record.effects))
    if isinstance(record, Snapshot | Glimpse):
        return record._replace(statuses={int(number): status for number, status in record.statuses.items()})
    return record
