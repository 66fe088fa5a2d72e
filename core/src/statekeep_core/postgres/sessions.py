"""Whether a connection has a session of PostgreSQL to itself, or a pooler hands it another one as it goes.

What this store rests on lives in sessions: prepared statements, the time limits, the planner's settings. With
a pooler that gives a session away after each transaction, reads find nothing and requests fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from statekeep_core._shared.state.errors import StoreUnusableError

from .connection import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

# Other clients of the pooler may come in between, and make two connections look apart by chance.
_ROUNDS = 20


def require_own(connection: Connection, url: str, place: str) -> None:
    """Raise :class:`StoreUnusableError` when connections to ``url`` share sessions.

    Nothing more is asked where PostgreSQL itself answers: the process that it named at the log-in is the one
    that answers. Poolers name one of their own. Raises :class:`psycopg.Error`.
    """
    if connection.info.backend_pid == _process(connection):
        return
    with connect(url) as other:
        if are_shared(lambda: _process(connection), lambda: _process(other)):
            raise StoreUnusableError(
                what=f"the store {place}",
                problem="a pooler before it gives one connection's session to others after each transaction"
                " or statement",
                remedy="set its pool_mode to session, or connect to PostgreSQL itself",
            )


def are_shared(one: Callable[[], int], another: Callable[[], int]) -> bool:
    """Return whether two open connections have been answered by one process, or one of them by two.

    Each returns the process that answers it now. In sessions of their own neither ever happens. Otherwise the
    pooler gives what it got back last, and the second is answered by the first one's, or what it got back
    first, and the first is answered by several; unless others always take that just then.
    """
    of_one, of_another = {one()}, {another()}
    for _ in range(_ROUNDS):
        of_one |= {one(), one()}
        of_another |= {another(), another()}
        if of_one & of_another or len(of_one) > 1 or len(of_another) > 1:
            return True
    return False


def _process(connection: Connection) -> int:
    # Unprepared: behind such a pooler the name would be another client's.
    row = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    return 0 if row is None else int(row[0])
