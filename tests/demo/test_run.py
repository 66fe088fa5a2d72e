"""The demo in its short form, with real processes and the real store."""

import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).parents[2]


def run_demo(*options: str, temporary: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "demo.run", *options]
    environ = os.environ | {"TMPDIR": str(temporary)}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_twelve_days_survive_three_kills_and_only_the_state_makes_the_difference(tmp_path: Path) -> None:
    done = run_demo("--days", "12", "--kills", "3", "--seed", "7", temporary=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    with_state, switched_off = done.stdout.split("switched off\n", 1)
    tries = re.findall(r"try +\d+ +from (\S+) to (\S+) +(.*?) +watermark (.*)", with_state)
    assert [how for _, _, how, _ in tries] == [
        "task killed",
        "supervisor killed",
        "both killed",
        "succeeded",
    ]
    assert [watermark for _, _, _, watermark in tries] == ["none yet"] * 3 + ["2013-01-12"]
    began, ended = [one[0] for one in tries], [one[1] for one in tries]
    assert (began[0], ended[-1]) == ("2013-01-01", "2013-01-12")
    assert all(
        stopped <= resumed <= next_day(stopped) for stopped, resumed in zip(ended, began[1:], strict=False)
    )
    assert re.findall(r"try +\d+ +from (\S+)", switched_off) == ["2013-01-01"] * 4
    for row in ("rows missing", "rows twice", "rows altered"):
        assert re.search(rf"{row} +0 +0\b", done.stdout), row
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_keep_leaves_the_store_behind_and_names_commands_that_show_it(tmp_path: Path) -> None:
    done = run_demo("--days", "3", "--kills", "1", "--seed", "7", "--keep", temporary=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = [line.strip() for line in done.stdout.split("To look at it:")[1].splitlines() if line.strip()]
    assert len(shown) == 4
    script = "\n".join(["set -e", *shown])
    looked = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert looked.returncode == 0, looked.stderr
    assert "2013-01-03" in looked.stdout
    (folder,) = tmp_path.iterdir()
    with duckdb.connect(str(folder / "flights.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT max(day) FROM flights").fetchone() == (3,)


def next_day(day: str) -> str:
    return f"{day[:8]}{int(day[8:]) + 1:02}"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--days", "366"], "--days must be from 1 to 365"),
        (["--kills", "5", "--days", "5"], "--kills must be at least 0 and less than the number of days"),
    ],
)
def test_what_cannot_be_done_is_refused(options: list[str], said: str, tmp_path: Path) -> None:
    done = run_demo(*options, temporary=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
