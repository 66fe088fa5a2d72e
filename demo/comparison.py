"""Compare the loaded table with the source: row by row, both ways, duplicates counted."""

from pathlib import Path
from typing import NamedTuple

import duckdb

from .landing import READ_SOURCE


class Comparison(NamedTuple):
    """How the loaded table differs from the source, in rows."""

    source_rows: int
    loaded_rows: int
    missing_rows: int
    twice_rows: int
    altered_rows: int

    @property
    def equal(self) -> bool:
        """Whether both hold the same rows, each equally often."""
        return not (self.missing_rows or self.twice_rows or self.altered_rows)


def compare(csv: Path, database: Path, last_day: str) -> Comparison:
    """Compare the loaded table with the package's own CSV file, up to the last day.

    EXCEPT ALL takes one row away per match: a row that stands twice on one side stays over once.
    """
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{database}' AS warehouse (READ_ONLY)")
        connection.execute(f"CREATE TABLE source AS FROM {READ_SOURCE.format(csv=csv)}")
        connection.execute(
            "DELETE FROM source WHERE make_date(year, month, day) > CAST(? AS DATE)", [last_day]
        )
        connection.execute("CREATE VIEW loaded AS FROM warehouse.flights")
        connection.execute("CREATE TABLE surplus AS FROM loaded EXCEPT ALL FROM source")
        surplus_rows = count(connection, "surplus")
        altered_rows = count(connection, "(FROM surplus EXCEPT FROM source)")
        return Comparison(
            source_rows=count(connection, "source"),
            loaded_rows=count(connection, "loaded"),
            missing_rows=count(connection, "(FROM source EXCEPT ALL FROM loaded)"),
            twice_rows=surplus_rows - altered_rows,
            altered_rows=altered_rows,
        )


def count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    """How many rows the relation has."""
    row = connection.execute(f"SELECT count(*) FROM {relation}").fetchone()  # noqa: S608 - only this file's words
    return int(row[0]) if row else 0
