"""A store is brought to this release's schema once, and what is not ours or too new is refused."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from packaging.version import Version
from statekeep_core import __version__
from statekeep_core._shared.state.errors import StoreUnusableError
from statekeep_core.metastore.migrate import Migration, is_current, migrate, migrations, release_of
from statekeep_core.postgres.migrate import migrations as on_postgresql


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
    migrate(connection, known)
    assert is_current(connection, path, known)
    assert len(connection.execute("SELECT store_id FROM store").get) == 32


def test_the_steps_are_numbered_without_gaps() -> None:
    assert [step.number for step in migrations()] == list(range(1, len(migrations()) + 1))


@pytest.mark.parametrize("steps", [migrations(), on_postgresql()], ids=["sqlite", "postgresql"])
def test_each_step_says_with_which_release_it_came_and_none_that_is_to_come(steps: list[Migration]) -> None:
    assert all("\n-- since: " in "\n" + step.path.read_text() for step in steps)
    releases = [Version(release_of(step)) for step in steps]
    assert releases == sorted(releases)
    assert releases[-1] <= Version(__version__)


def test_a_step_that_does_not_say_so_comes_with_this_release(tmp_path: Path) -> None:
    step = tmp_path / "step.sql"
    step.write_text("CREATE TABLE added (x)")
    assert release_of(Migration(1000, step)) == __version__


def test_only_the_missing_steps_run_and_the_identity_stays(
    path: Path, connection: apsw.Connection, tmp_path: Path
) -> None:
    migrate(connection, migrations())
    identity = connection.execute("SELECT store_id FROM store").get
    step = tmp_path / "step.sql"
    step.write_text("-- since: 7.4.0\nCREATE TABLE added (x)")
    known = [*migrations(), Migration(migrations()[-1].number + 1, step)]
    assert not is_current(connection, path, known)
    migrate(connection, known)
    assert connection.execute("SELECT store_id, written_by_release FROM store").get == (identity, "7.4.0")


def test_a_step_that_fails_leaves_the_old_schema(
    path: Path, connection: apsw.Connection, tmp_path: Path
) -> None:
    migrate(connection, migrations())
    step = tmp_path / "step.sql"
    step.write_text("CREATE TABLE added (x); CREATE TABLE store (y)")
    with pytest.raises(apsw.SQLError):
        migrate(connection, [*migrations(), Migration(99, step)])
    assert is_current(connection, path, migrations())
    assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'added'").get == 0


def test_a_newer_schema_is_refused_with_the_release_to_install(
    path: Path, connection: apsw.Connection, tmp_path: Path
) -> None:
    step = tmp_path / "step.sql"
    step.write_text("-- since: 7.4.0\nCREATE TABLE added (x)")
    migrate(connection, [*migrations(), Migration(1000, step)])
    with pytest.raises(StoreUnusableError, match=r"install statekeep-core 7\.4\.0 or newer"):
        is_current(connection, path, migrations())


def test_another_programs_database_is_refused_and_untouched(path: Path, connection: apsw.Connection) -> None:
    connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreUnusableError, match="another program's"):
        is_current(connection, path, migrations())
    assert connection.execute("SELECT count(*) FROM sqlite_schema").get == 1
