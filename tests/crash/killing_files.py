"""SQLite's connections and files with steps in them, so that a process can be killed inside a commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import apsw

from tests.crash.steps import Killer

_REAL_FILES = "unix"
_STEPS_BY_VERB = {"begin": "begin", "commit": "commit"}


class Store(Protocol):
    """What a client needs of an embedded store."""

    path: Any

    def handle_group(self, calls: Sequence[Any]) -> list[Any]: ...
    def close(self) -> None: ...


class AnsweringStore:
    """A store that has a step between its commit and its answer."""

    def __init__(self, store: Store, killer: Killer) -> None:
        self.path = store.path
        self._store = store
        self._killer = killer

    def handle_group(self, calls: Sequence[Any]) -> list[Any]:
        replies = self._store.handle_group(calls)
        self._killer.step("group_answered")
        return replies

    def close(self) -> None:
        self._store.close()


class KillingFiles(apsw.VFS):
    """The real files, with a step in the middle of each write, after it, and after each fsync."""

    def __init__(self, killer: Killer) -> None:
        super().__init__("killing", _REAL_FILES, makedefault=True)
        self._killer = killer

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 -- SQLite's
        return _KillingFile(name, flags, self._killer)


class _KillingFile(apsw.VFSFile):
    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int], killer: Killer) -> None:
        super().__init__(_REAL_FILES, name, flags)
        self._killer = killer

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 -- SQLite's
        if self._killer.is_last("file_torn"):
            super().xWrite(data[: len(data) // 2], offset)
            self._killer.kill()
        super().xWrite(data, offset)
        self._killer.step("file_written")

    def xSync(self, flags: int) -> None:  # noqa: N802 -- SQLite's
        super().xSync(flags)
        self._killer.step("file_synced")


def watch_connections(killer: Killer) -> KillingFiles:
    """Give a step to each statement and file operation of the connections that this process opens.

    The result must be kept for as long as they are open.
    """

    def before_statement(_cursor: object, sql: str, _bindings: object) -> bool:
        verb = sql.lstrip().partition(" ")[0].lower()
        killer.step(_STEPS_BY_VERB.get(verb, "statement"))
        return True

    def watch(connection: apsw.Connection) -> None:
        connection.exec_trace = before_statement

    apsw.connection_hooks.append(watch)
    return KillingFiles(killer)
