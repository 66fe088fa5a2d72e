"""Load a folder of flights, one file a day, into DuckDB. Killed at any moment, it goes on where it was."""

import sys
from pathlib import Path

import duckdb
import statekeep

FLIGHTS = statekeep.Asset("flights", "duckdb://flights")


def load(folder: str, database: str) -> None:
    context = statekeep.current_context()
    checkpoint = context.task_state  # this run's own memory: how far it has come
    watermark = context.asset_state[FLIGHTS]  # what others see: moves when this run has succeeded

    done = checkpoint.get("day", watermark.get("day", ""))
    with duckdb.connect(database) as warehouse:
        for file in sorted(Path(folder).glob("*.parquet")):
            day = file.stem
            if day > done:
                print(day, flush=True)
                load_day(warehouse, day, file)
                checkpoint.set("day", day)
                done = day
    watermark.set_max("day", done)


def load_day(warehouse: duckdb.DuckDBPyConnection, day: str, file: Path) -> None:
    """Load a day, or load it again: a kill may fall between DuckDB's commit and the checkpoint."""
    warehouse.begin()
    warehouse.execute("DELETE FROM flights WHERE make_date(year, month, day) = CAST(? AS DATE)", [day])
    warehouse.execute("INSERT INTO flights FROM read_parquet(?)", [str(file)])
    warehouse.commit()


if __name__ == "__main__":
    load(*sys.argv[1:])
