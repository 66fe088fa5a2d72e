"""Tells a login that PostgreSQL refuses, for good, from a PostgreSQL that is away."""

from __future__ import annotations

import re

import psycopg

from statekeep_core._shared.state.errors import StoreUnusableError, UnavailableError

# libpq gives no code for why a connection failed, so that only the words are left, and only those of a server
# that speaks English. Others are waited for, which says why, too. Also those of pgbouncer.
_REFUSED = re.compile(
    r"""
    (?: \w+\ authentication\ failed [^\n]*
      | (?: database | role | user ) \s "[^"\n]*" \s (?: does\ not\ exist | is\ not\ permitted\ to\ log\ in )
      | no\ such\ (?: database | user ) [^\n]*
      | permission\ denied\ for\ database [^\n]*
      | no\ pg_hba\.conf\ entry\ for [^\n]*
      | pg_hba\.conf\ rejects\ connection [^\n]*
      | no\ password\ supplied
    )
    """,
    re.VERBOSE,
)


def raise_if_refused(error: UnavailableError) -> None:
    """Raise :class:`StoreUnusableError` when the store was not reached because the login was refused."""
    cause = error.__cause__
    if not isinstance(cause, psycopg.OperationalError) or cause.pgconn is None or cause.sqlstate is not None:
        return
    refused = _REFUSED.search(str(cause))
    if refused is not None:
        raise StoreUnusableError(
            what=error.facts["what"],
            problem=refused.group().strip(),
            remedy="correct [database] url, or make in PostgreSQL what it names",
        ) from error
