"""A store is brought to this release's schema once, and what is not ours or too new is refused."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from statekeep_core._shared.state.errors import StoreUnusableError
from statekeep_core.metastore.migrate import Migration, is_current, migrate, migrations


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def connection(path: Path) -> Iterator[apsw.Connection]:
    with apsw.Connection(str(path)) as connection:
        yield connection


def test_a_new_file_gets_every_step_and_an_identity(path: Path, connection: apsw.Connection) -> None:
    known = migrations()
    assert not is_current(connection, path, known)
    migrate(connection, known, "0.1.0")
    assert is_current(connection, path, known)
    assert len(connection.execute("SELECT store_id FROM store").get) == 32


def test_the_steps_are_numbered_without_gaps() -> None:
    assert [step.number for step in migrations()] == list(range(1, len(migrations()) + 1))


def test_only_the_missing_steps_run_and_the_identity_stays(
    path: Path, connection: apsw.Connection, tmp_path: Path
) -> None:
    migrate(connection, migrations(), "0.1.0")
    identity = connection.execute("SELECT store_id FROM store").get
    step = tmp_path / "step.sql"
    step.write_text("CREATE TABLE added (x)")
    known = [*migrations(), Migration(migrations()[-1].number + 1, step)]
    assert not is_current(connection, path, known)
    migrate(connection, known, "0.2.0")
    assert connection.execute("SELECT store_id, written_by_release FROM store").get == (identity, "0.2.0")


def test_a_step_that_fails_leaves_the_old_schema(
    path: Path, connection: apsw.Connection, tmp_path: Path
) -> None:
    migrate(connection, migrations(), "0.1.0")
    step = tmp_path / "step.sql"
    step.write_text("CREATE TABLE added (x); CREATE TABLE store (y)")
    with pytest.raises(apsw.SQLError):
        migrate(connection, [*migrations(), Migration(99, step)], "0.2.0")
    assert is_current(connection, path, migrations())
    assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'added'").get == 0


def test_a_newer_schema_is_refused_with_the_release_to_install(
    path: Path, connection: apsw.Connection
) -> None:
    migrate(connection, migrations(), "7.4.0")
    connection.pragma("user_version", 1000)
    with pytest.raises(StoreUnusableError, match=r"install statekeep-core 7\.4\.0 or newer"):
        is_current(connection, path, migrations())


def test_another_programs_database_is_refused_and_untouched(path: Path, connection: apsw.Connection) -> None:
    connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreUnusableError, match="another program's"):
        is_current(connection, path, migrations())
    assert connection.execute("SELECT count(*) FROM sqlite_schema").get == 1
