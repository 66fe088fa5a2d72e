"""`statekeep db`, as it is typed: on a file and on PostgreSQL."""

import json
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from psycopg import conninfo
from statekeep.cli.main import run_command
from statekeep_core.embedded import open_store
from statekeep_core.metastore.migrate import migrate, migrations
from statekeep_core.postgres.migrate import migrations as postgres_migrations

Ran = tuple[int, str, str]
Run = Callable[..., Ran]
USAGE, CONFIGURATION = 64, 78
NEWEST = migrations()[-1].number


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `statekeep db` on a store; return its status and what it printed."""

    def ran(store: Path | str, *arguments: str) -> Ran:
        monkeypatch.setenv("STATEKEEP_CONFIG", "")
        monkeypatch.setenv("STATEKEEP__DATABASE__URL", str(store))
        status = run_command(["db", *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return ran


@pytest.fixture
def path(tmp_path: Path) -> Path:
    open_store(tmp_path / "state.db").close()
    return tmp_path / "state.db"


@pytest.mark.parametrize("command", ["check", "migrate", "backup", "restore", "renew-id"])
def test_every_command_says_what_it_does_and_its_exit_statuses(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["db", command, "--help"]) == 0
    text = capsys.readouterr().out
    described = text.split("\n\n")[1]
    assert not described.startswith(("options", "positional"))
    assert "  78   a setting is wrong" in text
    assert ("  1    check: " in text) == (command == "check")


def test_a_store_that_is_whole_is_described_with_status_0(run: Run, path: Path) -> None:
    status, shown, _ = run(path, "check")
    assert (status, "WRONG" in shown, f"schema:     {NEWEST} " in shown) == (0, False, True)
    status, text, _ = run(path, "check", "--json")
    found = json.loads(text)
    assert (status, found["faults"], found["former_ids"], found["is_backup"]) == (0, [], [], False)
    assert found["store_id"] in shown


def test_what_is_wrong_is_said_with_status_1(run: Run, path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(
        "INSERT INTO asset_entries (asset_id, key, value, version, updated_at, writer_principal)"
        " VALUES (7, 'k', x'31', 0, 1, 'w')"
    )
    connection.close()
    status, shown, _ = run(path, "check")
    assert (status, shown.splitlines()[-1]) == (1, "WRONG:      1 asset entries of no asset")


def test_a_damaged_page_is_said_with_status_1(run: Run, path: Path) -> None:
    spoiled = bytearray(path.read_bytes())
    spoiled[5 * 4_096 : 6 * 4_096] = b"\xff" * 4_096
    path.write_bytes(spoiled)
    status, shown, _ = run(path, "check")
    assert status == 1
    assert "WRONG:      the file is damaged: " in shown


def test_an_older_schema_is_said_and_left_and_migrated_when_asked(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    connection = apsw.Connection(str(path))
    migrate(connection, migrations()[:2])
    connection.close()
    for _ in range(2):
        status, shown, _ = run(path, "check")
        assert (status, "statekeep db migrate" in shown, "core 0.1.0" in shown) == (1, True, True)
    assert run(path, "migrate") == (0, f"schema 2 -> {NEWEST}\n", "")
    assert run(path, "migrate") == (0, f"schema {NEWEST}: it had it\n", "")
    assert run(path, "check")[0] == 0


def test_a_backup_is_made_checked_refused_as_a_store_and_restored(
    run: Run, path: Path, tmp_path: Path
) -> None:
    backup, new = tmp_path / "backup.db", tmp_path / "new" / "state.db"
    assert run(path, "backup", str(backup))[:2] == (
        0,
        f"{backup}: {backup.stat().st_size:,} bytes, checked\n",
    )
    assert run(path, "backup", str(backup))[0] == USAGE
    status, shown, _ = run(backup, "check")
    assert (status, shown.startswith(f"backup:     {backup}\n")) == (0, True)
    status, said, _ = run(new, "restore", str(backup))
    assert (status, said.splitlines()[0]) == (0, f"{new}: restored")
    assert run(new, "restore", str(backup))[0] == USAGE
    found = json.loads(run(new, "check", "--json")[1])
    [former] = found["former_ids"]
    assert former["store_id"] == json.loads(run(path, "check", "--json")[1])["store_id"]
    assert found["store_id"] != former["store_id"]


def test_a_copy_is_renewed(run: Run, path: Path) -> None:
    status, said, _ = run(path, "renew-id")
    assert (status, said.splitlines()[0].startswith("id ")) == (0, True)
    assert f"before:     {said.split()[1]}, until " in run(path, "check")[1]


@pytest.mark.parametrize("command", [["check"], ["migrate"], ["renew-id"], ["backup", "/nowhere/b.db"]])
def test_no_store_is_made_by_looking_for_one(run: Run, tmp_path: Path, command: list[str]) -> None:
    status, _, said = run(tmp_path / "absent.db", *command)
    assert (status, "there is no such file" in said) == (CONFIGURATION, True)
    assert list(tmp_path.iterdir()) == []


def test_a_database_is_migrated_checked_and_renewed(run: Run, new_database: str) -> None:
    newest = postgres_migrations()[-1].number
    parts = conninfo.conninfo_to_dict(new_database)
    url = f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}"
    status, shown, _ = run(url, "check")
    makes_it = "WRONG:      there is no store yet; `statekeep db migrate` makes it, or the first server"
    assert (status, shown.splitlines()[-1]) == (1, makes_it)
    assert run(url, "migrate") == (0, f"schema 0 -> {newest}\n", "")
    assert run(url, "migrate") == (0, f"schema {newest}: it had it\n", "")
    assert run(url, "check")[0] == 0
    status, said, _ = run(url, "renew-id")
    assert status == 0
    status, shown, _ = run(url, "check")
    assert (status, f"before:     {said.split()[1]}, until " in shown) == (0, True)


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_a_database_is_backed_up_with_its_own_tools(run: Run, command: str) -> None:
    status, _, said = run("postgresql://h/d", command, "b.db")
    assert (status, "pg_dump" in said) == (CONFIGURATION, True)
