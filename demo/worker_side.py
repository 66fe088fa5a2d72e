"""The job with its values on the worker, encrypted in a folder of its own: the store has only references."""

import secrets
import sqlite3
from base64 import b64encode
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

TABLES = ("task_entries", "asset_entries", "asset_history", "staged_operations")


class Kept(NamedTuple):
    """Where the values are after a run."""

    values_in_store: int
    references: int
    objects: int
    readable_objects: int

    @property
    def all_on_the_worker(self) -> bool:
        """Whether the store has references only, and the folder nothing that can be read without the key."""
        return self.references > 0 and not self.values_in_store and not self.readable_objects


def worker_side_settings(folder: Path) -> dict[str, str]:
    """The settings of a worker that keeps every value in this folder, under a new key."""
    objects_folder(folder).mkdir()
    keys = folder / "encryption-keys"
    keys.touch(mode=0o600)
    keys.write_text(f"demo:{b64encode(secrets.token_bytes(32)).decode()}\n")
    return {
        "STATEKEEP__WORKERS__STATE_BACKEND": "statekeep.backends.EncryptedBackend",
        "STATEKEEP__OBJECT_STORE__URL": objects_folder(folder).as_uri(),
        "STATEKEEP__ENCRYPTION__KEYS_PATH": str(keys),
    }


def objects_folder(folder: Path) -> Path:
    """Where the objects lie."""
    return folder / "objects"


def look(store: Path, objects: Path, secret: str) -> Kept:
    """Count what the store holds, and look into every object for a text that was written."""
    with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
        values = sum(count(connection, table, "length(value) > 0") for table in TABLES)
        references = sum(count(connection, table, "object_id IS NOT NULL") for table in TABLES)
    files = [path for path in objects.rglob("*") if path.is_file()]
    readable = sum(secret.encode() in path.read_bytes() for path in files)
    return Kept(values, references, len(files), readable)


def count(connection: sqlite3.Connection, table: str, condition: str) -> int:
    """How many rows of a table meet a condition."""
    [(rows,)] = connection.execute(f"SELECT count(*) FROM {table} WHERE {condition}")  # noqa: S608 - only this file's words
    return int(rows)


def sentence(kept: Kept, objects: Path, *, is_left: bool) -> str:
    """What became of the values, for people; ``is_left``: the folder stays behind for a look."""
    if not kept.all_on_the_worker:
        return (
            f"[bold red]The store holds {kept.values_in_store:,} values, and {kept.readable_objects:,} "
            "objects can be read without the key.[/bold red]"
        )
    only_references = f"[bold green]The store holds {kept.references:,} references and no value.[/bold green]"
    if not is_left:
        return (
            f"{only_references} The values were {kept.objects:,} encrypted objects beside it, which are gone "
            "with it now; --keep leaves all for a look."
        )
    replaced = (
        "the objects of replaced values go with `statekeep sweep`, five minutes after they were replaced"
    )
    return f"{only_references} The values are {kept.objects:,} encrypted objects in {objects}; {replaced}."
