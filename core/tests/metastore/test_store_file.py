"""A store is looked after without being made, migrated or swept by that."""

from pathlib import Path

import apsw
import pytest
from statekeep_core._shared.state.errors import StoreUnusableError
from statekeep_core.embedded import open_store
from statekeep_core.metastore.migrate import migrate, migrations
from statekeep_core.metastore.store_file import opened, opened_to_read

NEWEST = migrations()[-1].number


def old_store(path: Path) -> None:
    connection = apsw.Connection(str(path))
    migrate(connection, migrations()[:1])
    connection.close()


@pytest.mark.parametrize("open_file", [opened, opened_to_read])
def test_a_store_is_not_made(tmp_path: Path, open_file: object) -> None:
    for path in (tmp_path / "absent.db", tmp_path):
        with pytest.raises(StoreUnusableError, match="no such file"), open_file(path):  # type: ignore[operator]  # either
            pass
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreUnusableError, match="empty"), open_file(tmp_path / "empty.db"):  # type: ignore[operator]  # either
        pass
    assert not (tmp_path / "absent.db").exists()


def test_an_older_store_is_read_as_it_is_and_migrated_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    old_store(path)
    with opened_to_read(path) as store:
        assert (store.version, store.known[-1].number) == (1, NEWEST)
        assert store.read(lambda tx: tx.rows("SELECT written_by_release FROM store")) == [("0.1.0",)]
    with opened(path) as store:
        assert store.version == 1
        assert [store.migrate(), store.migrate(), store.version] == [1, NEWEST, NEWEST]


def test_a_newer_store_and_another_programs_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    old_store(path)
    with opened(path) as store:
        store.connection.pragma("user_version", 1_000)
        with pytest.raises(StoreUnusableError, match=r"0\.1\.0 or newer"):
            store.migrate()
    theirs = apsw.Connection(str(tmp_path / "theirs.db"))
    theirs.execute("CREATE TABLE theirs (x)")
    theirs.close()
    with pytest.raises(StoreUnusableError, match="another program's"), opened(tmp_path / "theirs.db"):
        pass


def test_a_write_that_fails_is_undone_and_others_write_between(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    other = open_store(path)
    with opened(path) as store:
        first = store.read(lambda tx: tx.store_id())
        with pytest.raises(ZeroDivisionError):
            store.write(lambda tx: tx.run("UPDATE store SET store_id = 'x'") / 0)
        other.transact(lambda work: work.tx.run("UPDATE store SET swept_at = 7"))
        assert store.read(lambda tx: tx.rows("SELECT store_id, swept_at FROM store")) == [(first, 7)]
    other.close()
