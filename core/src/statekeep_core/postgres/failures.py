"""What PostgreSQL refuses, as errors of the contract, and which of it can be tried again at once."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors as pg

from statekeep_core._shared.state.errors import (
    InternalFaultError,
    InvalidRequestError,
    StatekeepError,
    StoreUnusableError,
    UnavailableError,
)
from statekeep_core.faults import traceback_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)

_NAMES = ("sqlstate", "schema_name", "table_name", "column_name", "constraint_name", "source_function")
# The transaction lost against another one and changed nothing. Locks are taken in one order, so the first two
# are not expected; the others are two who made the same row at once.
AGAIN = (pg.DeadlockDetected, pg.SerializationFailure, pg.UniqueViolation, pg.ExclusionViolation)

# The same request fails in the same way wherever it is sent.
_CANNOT_BE_USED = (
    pg.InvalidPassword,
    pg.InvalidAuthorizationSpecification,
    pg.InvalidCatalogName,
    pg.InsufficientPrivilege,
    pg.UndefinedTable,
)


@contextlib.contextmanager
def translated(place: str) -> Iterator[None]:
    """Raise what PostgreSQL or the way to it refuses as an error of the contract; the others pass."""
    try:
        yield
    except psycopg.Error as error:
        raise contract_error(error, place) from error


def contract_error(error: psycopg.Error, place: str) -> StatekeepError:
    """Return what a caller is told. What is a fault of ours is logged."""
    what = f"the store {place}"
    problem = _first_line(error)
    match error:
        case _ if isinstance(error, AGAIN):
            return UnavailableError(what=what, problem="other requests came in between again and again")
        case pg.QueryCanceled() | pg.LockNotAvailable():
            return UnavailableError(
                what=what, problem="it did not answer in time; nothing was changed", changed=False
            )
        case pg.InvalidSqlStatementName():
            return UnavailableError(
                what=what,
                problem="its session lacks a statement that this connection has prepared: has a pooler been"
                " told to share sessions? Set its pool_mode to session",
            )
        case pg.ReadOnlySqlTransaction():
            return UnavailableError(what=what, problem="it is a standby, which takes no writes")
        case _ if isinstance(error, _CANNOT_BE_USED):
            return StoreUnusableError(
                what=what, problem=problem, remedy="check [database] url and its rights"
            )
        # It has ended the connection: this process, or its machine, stood still in a transaction for long,
        # or an administrator's limit is shorter than ours.
        case _ if error.diag.severity_nonlocalized in ("FATAL", "PANIC"):
            return UnavailableError(what=what, problem=problem)
        case psycopg.DataError():
            return InvalidRequestError(
                what="request", problem="has a text or a number that no column holds", remedy="change it"
            )
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return UnavailableError(what=what, problem=problem)
        case _:
            return _fault(error)


def _fault(error: psycopg.Error) -> InternalFaultError:
    """Log a fault of ours by the names in it, and return what a caller is told of it: its kind.

    Neither has its words: those of a trigger, or of a constraint that somebody added, may quote a value.
    """
    found = {name: getattr(error.diag, name) for name in _NAMES}
    fields = {name: text for name, text in found.items() if text is not None}
    extra = {"event": "fault", "fields": fields | {"traceback": traceback_of(error)}}
    _log.error("PostgreSQL refused a statement: %s", type(error).__name__, extra=extra)
    kind = type(error).__name__
    return InternalFaultError(problem=kind if error.sqlstate is None else f"{kind}, {error.sqlstate}")


def _first_line(error: psycopg.Error) -> str:
    # Details below the first line quote rows, and so values.
    primary = error.diag.message_primary or str(error)
    return primary.strip().split("\n", 1)[0] or type(error).__name__
