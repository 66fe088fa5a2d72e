"""The demo with its values on the worker, and what tells that they are there and nowhere else."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from demo.worker_side import Kept, look, objects_folder, sentence, worker_side_settings
from tests.demo.test_run import run_demo

SCHEMA = """
CREATE TABLE task_entries (value BLOB, object_id INTEGER);
CREATE TABLE asset_entries (value BLOB, object_id INTEGER);
CREATE TABLE asset_history (value BLOB, object_id INTEGER);
CREATE TABLE staged_operations (value BLOB, object_id INTEGER);
"""


@pytest.mark.slow
def test_a_demo_with_its_values_on_the_worker_survives_its_kills_and_leaves_no_value_in_the_store(
    tmp_path: Path,
) -> None:
    done = run_demo("--days", "6", "--kills", "3", "--seed", "7", "--offload", "--keep", temporary=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    # The day and the watermark, which the history names as well.
    assert "The store holds 3 references and no value." in done.stdout
    (folder,) = tmp_path.iterdir()
    objects = [path for path in objects_folder(folder).rglob("*.state") if path.is_file()]
    assert len(objects) >= 7
    assert not any(b"2013-01" in path.read_bytes() for path in objects)


def test_values_references_and_readable_objects_are_counted(tmp_path: Path) -> None:
    store, objects = tmp_path / "state.db", objects_folder(tmp_path)
    objects.mkdir()
    (objects / "sealed").write_bytes(b"\x00\x01")
    (objects / "open").write_bytes(b'"2013-01-12"')
    with closing(sqlite3.connect(store)) as connection:
        connection.executescript(SCHEMA)
        connection.execute("INSERT INTO task_entries VALUES (x'', 1), (x'31', NULL)")
        connection.execute("INSERT INTO asset_history VALUES (NULL, 1), (NULL, NULL)")
        connection.commit()
    assert look(store, objects, "2013-01-12") == Kept(1, 2, 2, 1)


@pytest.mark.parametrize("kept", [Kept(1, 2, 2, 0), Kept(0, 0, 2, 0), Kept(0, 2, 2, 1)])
def test_a_value_in_the_store_or_an_object_that_can_be_read_is_a_failure(kept: Kept) -> None:
    assert not kept.all_on_the_worker
    assert "bold red" in sentence(kept, Path("/objects"), is_left=True)


def test_a_folder_that_is_gone_is_not_named_and_nothing_of_it_can_be_swept() -> None:
    kept = Kept(0, 2, 5, 0)
    left, gone = (sentence(kept, Path("/objects"), is_left=is_left) for is_left in (True, False))
    for words in ("/objects", "statekeep sweep"):
        assert words in left
        assert words not in gone
    assert "were 5 encrypted objects" in gone
    assert "--keep" in gone


def test_only_the_owner_may_read_the_key(tmp_path: Path) -> None:
    settings = worker_side_settings(tmp_path)
    assert Path(settings["STATEKEEP__ENCRYPTION__KEYS_PATH"]).stat().st_mode & 0o077 == 0
