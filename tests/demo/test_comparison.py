"""The comparison is what makes the demo believable, so each fault is planted and must be counted."""

from pathlib import Path

import duckdb
import pytest

from demo.comparison import Comparison, compare
from demo.landing import create_table, lay_out_days

SOURCE = """\
year,month,day,flight,tailnum
2013,1,1,1545,N14228
2013,1,1,1714,NA
2013,1,1,1714,NA
2013,1,2,1141,N619AA
2013,1,3,725,N804JB
"""


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "flights.csv"
    path.write_text(SOURCE)
    return path


def compared_after(csv: Path, statement: str, last_day: str = "2013-01-03") -> Comparison:
    """Load every row of the files, spoil the table with the statement, and compare."""
    folder = csv.parent
    lay_out_days(csv, folder / "landing", 365)
    create_table(folder / "flights.duckdb", folder / "landing")
    with duckdb.connect(str(folder / "flights.duckdb")) as connection:
        connection.execute(f"INSERT INTO flights FROM read_parquet('{folder}/landing/*.parquet')")
        connection.execute(statement)
    return compare(csv, folder / "flights.duckdb", last_day)


def test_an_exact_copy_is_equal_though_the_source_itself_holds_a_row_twice(csv: Path) -> None:
    compared = compared_after(csv, "SELECT 1")
    assert compared == Comparison(5, 5, 0, 0, 0)
    assert compared.equal


def test_a_missing_row_is_counted_even_if_its_twin_is_there(csv: Path) -> None:
    one_of_twins = "DELETE FROM flights WHERE rowid = (SELECT min(rowid) FROM flights WHERE flight = 1714)"
    compared = compared_after(csv, one_of_twins)
    assert compared == Comparison(5, 4, 1, 0, 0)
    assert not compared.equal


def test_a_row_that_was_loaded_twice_is_counted_though_its_tail_number_is_unknown(csv: Path) -> None:
    compared = compared_after(csv, "INSERT INTO flights FROM flights WHERE tailnum IS NULL")
    assert compared == Comparison(5, 7, 0, 2, 0)
    assert not compared.equal


def test_an_altered_row_is_counted_though_the_numbers_of_rows_agree(csv: Path) -> None:
    compared = compared_after(csv, "UPDATE flights SET tailnum = 'N0' WHERE flight = 725")
    assert compared == Comparison(5, 5, 1, 0, 1)
    assert not compared.equal


def test_days_after_the_last_one_asked_for_are_not_missed(csv: Path) -> None:
    compared = compared_after(csv, "DELETE FROM flights WHERE day = 3", last_day="2013-01-02")
    assert compared == Comparison(4, 4, 0, 0, 0)
