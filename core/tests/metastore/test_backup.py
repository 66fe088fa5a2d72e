"""A backup is one state of a store and nothing opens it as one; what is restored from it has its own id."""

import stat
from pathlib import Path
from typing import Any

import apsw
import pytest
from statekeep_core._shared.state.errors import InvalidRequestError, StoreUnusableError
from statekeep_core.embedded import open_store
from statekeep_core.metastore import tries
from statekeep_core.metastore.backup import back_up, renew_id, restore
from statekeep_core.metastore.migrate import APPLICATION_ID, migrate, migrations
from statekeep_core.metastore.store_file import StoreReader, opened, opened_to_read

from core.tests.metastore.conftest import TASK

_PAGE_BYTES = 4_096


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store in which one task instance is known."""
    made = open_store(tmp_path / "store" / "state.db")
    made.transact(lambda work: tries.create_instance(work.tx, TASK))
    made.close()
    return made.path


@pytest.fixture
def backup(store: Path, tmp_path: Path) -> Path:
    with opened_to_read(store) as opened_store:
        back_up(opened_store, tmp_path / "backup.db")
    return tmp_path / "backup.db"


def content(path: Path) -> tuple[str, int]:
    """Return a store's id and how many task instances it knows."""
    with opened_to_read(path) as found:
        return found.read(lambda tx: tx.store_id()), found.read(_instances)


def _instances(tx: Any) -> int:
    return int(tx.rows("SELECT count(*) FROM task_instances")[0][0])


def spoil(path: Path) -> None:
    """Overwrite a page in the middle of a store."""
    spoiled = bytearray(path.read_bytes())
    spoiled[5 * _PAGE_BYTES : 6 * _PAGE_BYTES] = b"\xff" * _PAGE_BYTES
    path.write_bytes(spoiled)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_backup_is_one_file_for_its_owner_alone(backup: Path, store: Path) -> None:
    assert content(backup) == content(store)
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert files(backup.parent) == {"backup.db", "store"}


def test_a_backup_is_made_of_a_store_that_is_being_written(store: Path, tmp_path: Path) -> None:
    writer = open_store(store)
    with writer._lock.held():
        writer._connection.execute("BEGIN IMMEDIATE; UPDATE task_instances SET map_index = 7")
        connection = apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READONLY)
        back_up(StoreReader(store, connection), tmp_path / "backup.db")
        connection.close()
        writer._connection.execute("COMMIT")
    writer.close()
    with opened_to_read(tmp_path / "backup.db") as found:
        assert found.read(lambda tx: tx.rows("SELECT map_index FROM task_instances")) == [(-1,)]


def test_nothing_is_overwritten(store: Path, backup: Path, tmp_path: Path) -> None:
    before = backup.read_bytes()
    with opened_to_read(store) as opened_store, pytest.raises(InvalidRequestError, match="already"):
        back_up(opened_store, backup)
    assert backup.read_bytes() == before
    with opened_to_read(backup) as source, pytest.raises(InvalidRequestError, match="already"):
        restore(source, store)
    assert content(store) == content(backup)


def test_a_folder_that_is_not_there_is_named_and_not_made(store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "nowhere"
    refused = pytest.raises(InvalidRequestError, match=rf"no folder {folder}; make it")
    with opened_to_read(store) as opened_store, refused:
        back_up(opened_store, folder / "backup.db")
    assert not folder.exists()


@pytest.mark.parametrize("left", ["-wal", "-shm", "-journal"])
def test_a_store_is_not_restored_beside_a_log_of_another(backup: Path, tmp_path: Path, left: str) -> None:
    (tmp_path / f"new.db{left}").touch()
    with opened_to_read(backup) as source, pytest.raises(InvalidRequestError, match=left):
        restore(source, tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()


def test_a_damaged_store_is_not_backed_up(store: Path, tmp_path: Path) -> None:
    spoil(store)
    with pytest.raises(StoreUnusableError, match="damaged"), opened_to_read(store) as opened_store:
        back_up(opened_store, tmp_path / "backup.db")
    assert "backup.db" not in "".join(files(tmp_path))


def test_a_backup_is_not_opened_as_a_store(backup: Path) -> None:
    before = backup.read_bytes()
    with pytest.raises(StoreUnusableError, match="renew-id"):
        open_store(backup)
    with opened_to_read(backup) as found:
        assert found.version == migrations()[-1].number
        with pytest.raises(apsw.ReadOnlyError):
            found.connection.execute("DELETE FROM store")
    # Only SQLite's own change to another journal mode, by whoever tried to open it for writing.
    assert before[100:] == backup.read_bytes()[100:]


def test_a_backup_that_is_only_read_is_not_changed(backup: Path) -> None:
    before, names = backup.read_bytes(), files(backup.parent)
    backup.chmod(0o400)
    content(backup)
    with opened_to_read(backup) as source:
        restore(source, backup.parent / "new" / "state.db")
    assert backup.read_bytes() == before
    assert files(backup.parent) == names | {"new"}


def test_what_is_restored_has_an_id_of_its_own_and_can_be_used(backup: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.db"
    with opened_to_read(backup) as source:
        renewed = restore(source, path)
    assert content(path) == (renewed.store_id, 1)
    assert content(backup) == (renewed.former_id, 1)
    open_store(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert files(path.parent) == {"state.db", "state.db.lock", "state.db.turn"}


def test_a_damaged_backup_is_not_restored_and_leaves_no_store(backup: Path, tmp_path: Path) -> None:
    spoil(backup)
    with opened_to_read(backup) as source, pytest.raises(StoreUnusableError, match="damaged"):
        restore(source, tmp_path / "new.db")
    assert {name for name in files(tmp_path) if "new.db" in name} == {"new.db.lock", "new.db.turn"}


def test_a_copy_of_an_older_schema_is_migrated_and_then_renewed(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    connection = apsw.Connection(str(path))
    migrate(connection, migrations()[:-1])
    former_id = connection.execute("SELECT store_id FROM store").get
    connection.close()
    with opened(path) as store:
        assert store.version == migrations()[-1].number - 1
        renewed = renew_id(store)
        assert store.version == migrations()[-1].number
    assert renewed.former_id == former_id
    assert content(path)[0] == renewed.store_id


def test_a_backup_that_is_renewed_in_its_place_is_a_store(backup: Path) -> None:
    with opened(backup) as store:
        renewed = renew_id(store)
        assert store.connection.pragma("application_id") == APPLICATION_ID
    opened_store = open_store(backup)
    assert opened_store.transact(lambda work: work.tx.store_id()) == renewed.store_id
    opened_store.close()
