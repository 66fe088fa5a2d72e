"""How PostgreSQL comes by the rows of each statement of the store: by a key, analyzed or not."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from statekeep_core.postgres.connection import connect
from statekeep_core.postgres.migrate import migrate

from benchmarks.durable_postgresql import SETTINGS
from benchmarks.grown_rows import Grown
from benchmarks.grown_store import fill_postgresql
from benchmarks.measurement import Measurement
from tests.postgresql.cluster import running_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEFAULT_ENTRIES = 1_000_000
_ROOT = Path(__file__).resolve().parents[2]
_TESTS = (
    "core/tests/execution_api",
    "core/tests/postgres",
    "core/tests/metastore",
    "core/tests/test_retention.py",
)
_OF_POSTGRESQL = "(postgres or postgresql) and not ten_thousand and not against_model"
_EXPLAINED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
# What `statekeep db check` recounts and people have counted reads a table on purpose.
_READ_THROUGH = ("SELECT count(*) FROM", "SELECT backend_id, count(CASE")
# Partial indexes that hold what is in between: few rows, whatever the table has.
_SHORT_INDEXES = frozenset({"external_objects_unsettled", "running_tries"})
_OF_ONE_ROW = frozenset({"store", "leases", "former_store_ids", "signing_keys", "credentials"})

_OF_ITS_OWN = "1 + t.instance_id % (SELECT max(asset_id) FROM assets) FROM tries t WHERE t.status = 'running'"
_PASSING = (
    b"INSERT INTO asset_grants (writable, instance_id, try_number, asset_id)"
    b" SELECT 1, t.instance_id, t.try_number, " + _OF_ITS_OWN.encode(),
    b"INSERT INTO staged_operations (instance_id, try_number, position, key, operation, value, asset_id)"
    b" SELECT t.instance_id, t.try_number, 1, 'key', 'set', '1', " + _OF_ITS_OWN.encode(),
    b"INSERT INTO condemned_objects SELECT 'gone~' || n, n FROM generate_series(1, 10000) AS numbers(n)",
)


class Walk(NamedTuple):
    """A table that a statement reads through: without a condition on an index."""

    statement: str
    table: str
    node: str


def measure(entries: int = DEFAULT_ENTRIES) -> list[Measurement]:
    """Explain what the tests of the core execute: prepared on empty tables, on full ones, and analyzed."""
    statements = collected()
    walks: dict[str, list[Walk]] = {}
    with running_cluster(*SETTINGS, "autovacuum=off") as cluster:
        conninfo = cluster.conninfo(cluster.make_database())
        migrate(conninfo)
        with _planning(conninfo, statements) as planner:
            list(planner.walks())  # so that each has the plan that it keeps
            fill_postgresql(conninfo, Grown(entries), analyzes=False)
            _fill_passing(conninfo)
            walks["planned on empty tables"] = list(planner.walks())
        with _planning(conninfo, statements) as planner:
            walks["never analyzed"] = list(planner.walks())
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
        with _planning(conninfo, statements) as planner:
            walks["analyzed"] = list(planner.walks())
    for when, each in walks.items():
        for walk in each:
            print(f"{when}: {walk.node} of {walk.table}: {walk.statement}")
    return [
        Measurement(f"{entries:,} entries, {when}: of {len(statements)} statements, walks", "", [len(each)])
        for when, each in walks.items()
    ]


def _fill_passing(conninfo: str) -> None:
    """Fill the tables whose rows come and go: analyzed while they are empty, they are walked through."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for sql in _PASSING:
            connection.execute(sql)


def collected() -> list[str]:
    """Return every statement that the tests of the core execute, with numbered parameters."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        environ = {
            **os.environ,
            "STATEKEEP_BENCH_STATEMENTS": file.name,
            "PYTHONPATH": str(_ROOT / "scripts"),
        }
        plugin = ("-p", "benchmarks.statement_collector", "-p", "no:cacheprovider")
        command = [sys.executable, "-m", "pytest", "-q", *plugin, "-k", _OF_POSTGRESQL, *_TESTS]
        # Whether the tests pass is for others to say.
        subprocess.run(command, cwd=_ROOT, env=environ, check=False, stdout=subprocess.DEVNULL)
        found: list[str] = json.loads(Path(file.name).read_text())
    return numbered(found)


def numbered(statements: Sequence[str]) -> list[str]:
    """Return those that have a plan, with $1, $2 … for the driver's placeholders."""
    kept = []
    # Locks name their rows as they are. A zero stays: it is a condition, which partial indexes have.
    for sql in sorted({re.sub("(?<== )[1-9][0-9]*", "1", sql) for sql in statements}):
        if sql.lstrip().startswith(_EXPLAINED) and "pg_advisory" not in sql:
            numbers = iter(range(1, sql.count("%s") + 1))
            kept.append(re.sub("%s", lambda _: f"${next(numbers)}", sql).replace("%%", "%"))  # noqa: B023 -- at once
    return kept


class _Planner:
    """One connection, as the store makes them, on which every statement is prepared and keeps its plan."""

    def __init__(self, connection: psycopg.Connection[Any], statements: Sequence[str]) -> None:
        self._connection = connection
        self._prepared: dict[str, str] = {}
        connection.execute("SET statement_timeout = 0; SET plan_cache_mode = force_generic_plan")
        for number, sql in enumerate(statements):
            try:
                connection.execute(f"PREPARE s{number} AS {sql}".encode())
            except psycopg.Error as error:
                print(f"cannot be prepared ({str(error).splitlines()[0]}): {sql}")
                continue
            nulls = ", ".join(["NULL"] * len(set(re.findall(r"\$[0-9]+", sql))))
            self._prepared[sql] = f"s{number}({nulls})" if nulls else f"s{number}"

    def walks(self) -> Iterator[Walk]:
        """Return what the plans that are kept read through."""
        for sql, call in self._prepared.items():
            if sql.startswith(_READ_THROUGH):
                continue
            explained = self._connection.execute(f"EXPLAIN (FORMAT JSON) EXECUTE {call}".encode())
            [[[plan]]] = explained.fetchall()
            for node in _unbounded(plan["Plan"]):
                yield Walk(sql, node["Relation Name"], node["Node Type"])


@contextlib.contextmanager
def _planning(conninfo: str, statements: Sequence[str]) -> Iterator[_Planner]:
    with connect(conninfo) as connection:
        yield _Planner(connection, statements)


def _unbounded(node: dict[str, Any], *, is_limited: bool = False) -> Iterator[dict[str, Any]]:
    """Return the scans of large tables that no index narrows down and no LIMIT stops."""
    limited = (is_limited or node["Node Type"] == "Limit") and node["Node Type"] != "Sort"
    is_scan = node["Node Type"] in ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan")
    if is_scan and node["Relation Name"] not in _OF_ONE_ROW and not limited and not _is_narrow(node):
        yield node
    for child in node.get("Plans", ()):
        yield from _unbounded(child, is_limited=limited)


def _is_narrow(node: dict[str, Any]) -> bool:
    is_short = node.get("Index Name") in _SHORT_INDEXES
    return is_short or "Index Cond" in node or any(_is_narrow(child) for child in node.get("Plans", ()))
