"""How PostgreSQL comes by the rows of each statement of the store: by a key, analyzed or not."""

from __future__ import annotations

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
_EXPLAINED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
# What is read through on purpose, by its words: what `statekeep db check` and people's lists ask.
_READ_THROUGH = (
    "SELECT count(*) FROM",
    "FROM external_objects GROUP BY",
    "EXCEPT",
)
_OF_ONE_ROW = frozenset({"store", "leases", "former_store_ids", "signing_keys", "credentials"})


class Walk(NamedTuple):
    """A table that a statement reads through: without a condition on an index."""

    statement: str
    table: str
    node: str


def measure(entries: int = DEFAULT_ENTRIES) -> list[Measurement]:
    """Explain what the tests of the core execute, on tables never analyzed, and analyzed; count walks."""
    statements = collected()
    rows = []
    with running_cluster(*SETTINGS, "autovacuum=off") as cluster:
        conninfo = cluster.conninfo(cluster.make_database())
        fill_postgresql(conninfo, Grown(entries), analyzes=False)
        for when in ("never analyzed", "analyzed"):
            with connect(conninfo) as connection:
                connection.execute("SET statement_timeout = 0; SET plan_cache_mode = force_generic_plan")
                if when == "analyzed":
                    connection.execute("VACUUM (ANALYZE)")
                walks = list(_walks(connection, statements))
            for walk in walks:
                print(f"{when}: {walk.node} of {walk.table}: {walk.statement}")
            name = f"{entries:,} entries, {when}: of {len(statements)} statements, walk through a table"
            rows.append(Measurement(name, "", [len(walks)]))
    return rows


def collected() -> list[str]:
    """Return every statement that the tests of the core execute, with numbered parameters."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        environ = {
            **os.environ,
            "STATEKEEP_BENCH_STATEMENTS": file.name,
            "PYTHONPATH": str(_ROOT / "scripts"),
        }
        plugin = ("-p", "benchmarks.statement_collector", "-p", "no:cacheprovider")
        command = [sys.executable, "-m", "pytest", "-q", *plugin, "-k", "postgresql", *_TESTS]
        subprocess.run(command, cwd=_ROOT, env=environ, check=True, stdout=subprocess.DEVNULL)
        found: list[str] = json.loads(Path(file.name).read_text())
    return numbered(found)


def numbered(statements: Sequence[str]) -> list[str]:
    """Return those that have a plan, with $1, $2 … for the driver's placeholders."""
    kept = []
    for sql in statements:
        if sql.lstrip().startswith(_EXPLAINED) and "pg_advisory" not in sql:
            numbers = iter(range(1, sql.count("%s") + 1))
            kept.append(re.sub("%s", lambda _: f"${next(numbers)}", sql).replace("%%", "%"))  # noqa: B023 -- at once
    return kept


def _walks(connection: psycopg.Connection[Any], statements: Sequence[str]) -> Iterator[Walk]:
    for sql in statements:
        try:
            [[[plan]]] = connection.execute(b"EXPLAIN (GENERIC_PLAN, FORMAT JSON) " + sql.encode()).fetchall()
        except psycopg.Error as error:
            if not isinstance(error, psycopg.errors.UndefinedTable):  # a test made and dropped its own
                print(f"cannot be explained ({str(error).splitlines()[0]}): {sql}")
            continue
        if not any(words in sql for words in _READ_THROUGH):
            yield from (
                Walk(sql, node["Relation Name"], node["Node Type"]) for node in _unbounded(plan["Plan"])
            )


def _unbounded(node: dict[str, Any], *, is_limited: bool = False) -> Iterator[dict[str, Any]]:
    """Return the scans of large tables that no index narrows down and no LIMIT stops."""
    limited = (is_limited or node["Node Type"] == "Limit") and node["Node Type"] != "Sort"
    is_scan = node["Node Type"] in ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan")
    if is_scan and node["Relation Name"] not in _OF_ONE_ROW and not limited and not _has_condition(node):
        yield node
    for child in node.get("Plans", ()):
        yield from _unbounded(child, is_limited=limited)


def _has_condition(node: dict[str, Any]) -> bool:
    return "Index Cond" in node or any(_has_condition(child) for child in node.get("Plans", ()))
