from pathlib import Path

import duckdb

from demo.landing import READ_SOURCE, lay_out_days, unpack_source


def test_the_source_is_laid_out_as_one_file_a_day_with_every_flight_in_it(tmp_path: Path) -> None:
    csv = unpack_source(tmp_path)
    days = lay_out_days(csv, tmp_path / "landing", 365)
    assert (len(days), days[0], days[-1]) == (365, "2013-01-01", "2013-12-31")
    assert sorted(file.stem for file in (tmp_path / "landing").iterdir()) == days
    files, source = f"read_parquet('{tmp_path}/landing/*.parquet')", READ_SOURCE.format(csv=csv)
    query = f"SELECT (SELECT count(*) FROM {files}), count(*) FROM (FROM {files} EXCEPT ALL FROM {source})"
    assert duckdb.execute(query).fetchone() == (336_776, 0)


def test_only_the_first_days_are_laid_out_where_fewer_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "flights.csv").write_text("year,month,day\n2013,1,2\n2013,1,1\n2013,1,3\n")
    days = lay_out_days(tmp_path / "flights.csv", tmp_path / "landing", 2)
    assert days == ["2013-01-01", "2013-01-02"]
    assert sorted(file.stem for file in (tmp_path / "landing").iterdir()) == days
