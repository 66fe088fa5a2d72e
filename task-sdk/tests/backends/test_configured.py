"""The backends of a process are those that ``[workers]`` names, made once and when they are needed."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from backends.master_keys import written
from statekeep import TaskScope, config
from statekeep.backends import EncryptedBackend, ObjectStoreBackend
from statekeep.backends.configured import Backends, ids_of
from statekeep.backends.object_store import compression
from statekeep.backends.object_store.layout import Origin, object_path
from statekeep.config import SettingsError
from statekeep.errors import InvalidRequestError

FOLDER, OBJECTS, ENCRYPTED = (
    "backends.plain_backend.FolderBackend",
    "statekeep.backends.ObjectStoreBackend",
    "statekeep.backends.EncryptedBackend",
)
TASK = TaskScope("d", "r", "t")
STORAGE_KEY = "k~" + "A" * 26


def environ(folder: Path, **options: str) -> dict[str, str]:
    """An environment whose object store is a folder; ``options`` by their names without STATEKEEP__."""
    given = {"STATEKEEP__OBJECT_STORE__URL": f"file://{folder}", "STATEKEEP_CONFIG": ""}
    return given | {f"STATEKEEP__{name}": value for name, value in options.items()}


def put(backend: Any, value: str = '"v"') -> str:
    reference: str = backend.serialize_task_state_to_ref(
        value=value, key=STORAGE_KEY, ti_id=TASK.ti_id, scope=TASK, storage_key=STORAGE_KEY
    )
    return reference


def got(backend: Any, reference: str) -> str:
    value: str = backend.deserialize_task_state_from_ref(reference, scope=TASK, storage_key=STORAGE_KEY)
    return value


def ids(backends: Backends) -> tuple[str, ...]:
    return tuple(backend_id for backend in backends.all() for backend_id in ids_of(backend))


def test_without_a_setting_there_is_none() -> None:
    backends = Backends()
    assert not backends
    assert backends.writer() is backends.reader("any") is None
    assert backends.all() == ()
    assert ids(backends) == ()


def test_the_object_store_needs_nothing_but_its_url(tmp_path: Path) -> None:
    backends = Backends(state_backend=OBJECTS, store_id="s", environ=environ(tmp_path))
    writer = backends.writer()
    assert isinstance(writer, ObjectStoreBackend)
    assert writer is backends.writer() is backends.reader(writer.backend_id)
    assert writer.threshold_bytes == 16_384
    large = '"' + "v" * 20_000 + '"'
    reference = put(writer, large)
    assert reference.startswith(f"file://{tmp_path}/s/")
    assert got(writer, reference) == large


def test_every_option_reaches_the_object_store(tmp_path: Path) -> None:
    options = {"THRESHOLD_BYTES": "7", "COMPRESSION_LEVEL": "0", "BACKEND_ID": "mine"}
    given = environ(tmp_path, **{f"OBJECT_STORE__{name}": value for name, value in options.items()})
    writer = Backends(state_backend=OBJECTS, store_id="s", environ=given).writer()
    assert writer is not None
    assert (writer.threshold_bytes, writer.backend_id) == (7, "mine")
    put(writer, f'"{"v" * 9_000}"')
    (file,) = tmp_path.rglob("*.state")
    assert file.stat().st_size > 9_000


def test_settings_of_the_client_reach_it(tmp_path: Path) -> None:
    options = {
        "URL": "s3://bucket/prefix",
        "ENDPOINT": "http://localhost:1",
        "REGION": "eu-central-1",
        "ACCESS_KEY_ID": "id",
        "SECRET_ACCESS_KEY": "secret",
        "CLIENT_OPTIONS": "virtual_hosted_style_request=true, skip_signature=true",
    }
    given = environ(tmp_path, **{f"OBJECT_STORE__{name}": value for name, value in options.items()})
    writer: Any = Backends(state_backend=OBJECTS, environ=given).writer()
    found = writer._medium._store.config
    assert found["region"] == "eu-central-1"
    assert found["endpoint"] == "http://localhost:1"
    assert found["access_key_id"] == "id"
    assert found["secret_access_key"] == "secret"
    assert str(found["virtual_hosted_style_request"]).lower() == "true"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"OBJECT_STORE__URL": ""}, r"\[object_store\] url .*is not set"),
        ({"OBJECT_STORE__URL": "s3:/x?password=hush"}, r"\[object_store\] url .*holds a query"),
        ({"OBJECT_STORE__READ_URLS": "nonsense"}, r"\[object_store\] read_urls .*is no url"),
        ({"OBJECT_STORE__CLIENT_OPTIONS": "hush"}, r"\[object_store\] client_options .*not NAME=VALUE"),
        (
            {"OBJECT_STORE__BACKEND_ID": "encrypted:object-store-1"},
            r"\[object_store\] backend_id .*begins with 'encrypted:'.*give object-store-1",
        ),
        (
            {"OBJECT_STORE__URL": "s3://b/p", "OBJECT_STORE__ACCESS_KEY_ID": "x"},
            r"  \[object_store\] secret_access_key .* secret_access_key is not; set secret_access_key",
        ),
        ({"OBJECT_STORE__READ_URLS": "az://c/p"}, r"  \[object_store\] account_name .*az://c/p"),
        ({"OBJECT_STORE__REGION": "x"}, "options.* mean nothing to local files"),
        ({"OBJECT_STORE__THRESHOLD_BYTES": "-1"}, r"\[object_store\] threshold_bytes .*whole number"),
    ],
)
def test_what_is_wrong_with_the_object_store_is_said_by_its_option(
    tmp_path: Path, options: dict[str, str], said: str
) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        Backends(state_backend=OBJECTS, environ=environ(tmp_path, **options)).all()
    assert "hush" not in str(refused.value)


def test_an_earlier_place_is_read_and_not_written(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    before = Backends(
        state_backend=OBJECTS, store_id="s", environ=environ(old, OBJECT_STORE__THRESHOLD_BYTES="0")
    )
    writer = before.writer()
    assert writer is not None
    reference = put(writer)
    after = Backends(
        state_backend=OBJECTS,
        store_id="s",
        environ=environ(new, OBJECT_STORE__READ_URLS=f"file://{old}", OBJECT_STORE__THRESHOLD_BYTES="0"),
    )
    assert got(after.reader(writer.backend_id), reference) == '"v"'
    put(after.writer())
    assert len(list(old.rglob("*.state"))) == len(list(new.rglob("*.state"))) == 1
    assert len(after.all()) == len(ids(after)) == 2


def encrypted_environ(folder: Path, **options: str) -> dict[str, str]:
    return environ(folder, ENCRYPTION__KEYS=written("k1"), **options)


def test_encryption_wraps_the_object_store_and_reads_what_was_there_before(tmp_path: Path) -> None:
    plain = Backends(
        state_backend=OBJECTS, store_id="s", environ=environ(tmp_path, OBJECT_STORE__THRESHOLD_BYTES="0")
    )
    reference = put(plain.writer(), '"before"')
    (plaintext_id,) = ids(plain)
    strict = Backends(state_backend=ENCRYPTED, store_id="s", environ=encrypted_environ(tmp_path))
    assert isinstance(strict.writer(), EncryptedBackend)
    assert ids(strict) == (f"encrypted:{plaintext_id}",)
    assert strict.reader(plaintext_id) is None
    given = encrypted_environ(tmp_path, ENCRYPTION__ALLOW_PLAINTEXT="yes")
    lenient = Backends(state_backend=ENCRYPTED, store_id="s", environ=given)
    assert got(lenient.reader(plaintext_id), reference) == '"before"'


def test_encryption_wraps_the_earlier_places_too(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    given = encrypted_environ(tmp_path, OBJECT_STORE__READ_URLS=f"file://{tmp_path}/old")
    backends = Backends(state_backend=ENCRYPTED, environ=given)
    assert [type(backend) for backend in backends.all()] == [EncryptedBackend, EncryptedBackend]


def test_encryption_wraps_a_backend_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLDER_BACKEND", str(tmp_path))
    given = encrypted_environ(tmp_path, ENCRYPTION__WRAPPED=FOLDER)
    assert ids(Backends(state_backend=ENCRYPTED, environ=given)) == (f"encrypted:folder:{tmp_path}",)


@pytest.mark.parametrize("state_backend", [OBJECTS, ENCRYPTED])
def test_moved_objects_are_read_and_disposed_of_under_their_earlier_id(
    tmp_path: Path, state_backend: str
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    options = {"OBJECT_STORE__THRESHOLD_BYTES": "0"}
    before: Any = Backends(
        state_backend=state_backend, store_id="s", environ=encrypted_environ(old, **options)
    )
    reference = put(before.writer())
    old.rename(new)
    own_id = before.writer().backend_id.removeprefix("encrypted:")
    options["OBJECT_STORE__BACKEND_ID"] = own_id
    after: Any = Backends(
        state_backend=state_backend, store_id="s", environ=encrypted_environ(new, **options)
    )
    assert ids(after) == ids(before)
    assert got(after.writer(), reference) == '"v"'
    after.writer().delete(TASK, STORAGE_KEY)
    assert list(new.rglob("*.state")) == []


def test_moved_objects_are_refused_under_an_id_of_their_new_place(tmp_path: Path) -> None:
    reference = f"file:///elsewhere/{object_path('s', Origin(TASK, STORAGE_KEY))}"
    backends = Backends(state_backend=OBJECTS, store_id="s", environ=environ(tmp_path))
    with pytest.raises(InvalidRequestError, match="lies outside of it"):
        got(backends.writer(), reference)


def test_keys_come_in_one_of_three_ways(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(written("k1"))
    file.chmod(0o600)
    for way in (
        {"ENCRYPTION__KEYS": written("k1")},
        {"ENCRYPTION__KEYS_FILE": str(file)},
        {"ENCRYPTION__KEYS_CMD": f"cat {file}", "X": ""},
        {"ENCRYPTION__KEYS_PATH": str(file)},
        {"ENCRYPTION__KEYS_COMMAND": f"cat {file}"},
    ):
        given = environ(tmp_path, **way) | {"PATH": "/usr/bin:/bin"}
        assert "k1" in repr(Backends(state_backend=ENCRYPTED, environ=given).writer())


def test_compression_that_is_not_installed_is_said_by_its_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, compression._MODULE, None)
    said = r"  \[object_store\] compression_level .*set compression_level to 0"
    with pytest.raises(SettingsError, match=said):
        Backends(state_backend=OBJECTS, environ=environ(tmp_path)).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, r"\[encryption\] keys .*is not set, nor is keys_path or keys_command"),
        ({"KEYS": "k1:hush", "KEYS_COMMAND": "true"}, r"\[encryption\] keys .*so is keys_command; keep one"),
        ({"KEYS": "k1:hush!"}, r"\[encryption\] keys .*neither base64 nor hex"),
        ({"KEYS_PATH": "/nowhere"}, r"\[encryption\] keys_path .*No such file"),
        ({"KEYS": written("k1"), "WRAPPED": "nowhere.B"}, r"\[encryption\] wrapped .*no module nowhere"),
    ],
)
def test_what_is_wrong_with_encryption_is_said_by_its_option(
    tmp_path: Path, options: dict[str, str], said: str
) -> None:
    given = environ(tmp_path, **{f"ENCRYPTION__{name}": value for name, value in options.items()})
    with pytest.raises(SettingsError, match=said) as refused:
        Backends(state_backend=ENCRYPTED, environ=given).all()
    assert "hush" not in str(refused.value)


def test_the_settings_name_the_option_and_its_source(tmp_path: Path) -> None:
    given = {"STATEKEEP_CONFIG": "", "STATEKEEP__WORKERS__READ_BACKENDS": f"{FOLDER},nowhere.B"}
    backends = Backends.of_settings(config.load(given).workers, given)
    with pytest.raises(SettingsError) as refused:
        backends.all()
    (fault,) = refused.value.faults
    assert fault.option == "[workers] read_backends"
    assert fault.source == "environment variable STATEKEEP__WORKERS__READ_BACKENDS"


def test_a_class_in_both_options_is_made_once(tmp_path: Path) -> None:
    backends = Backends(state_backend=OBJECTS, read_backends=(OBJECTS,), environ=environ(tmp_path))
    assert len(backends.all()) == 1


def test_one_that_only_reads_takes_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLDER_BACKEND", str(tmp_path))
    backends = Backends(read_backends=(FOLDER,))
    assert backends
    assert backends.writer() is None
    assert backends.reader(f"folder:{tmp_path}") is backends.all()[0]
    assert backends.reader("another") is None


def test_nothing_is_imported_before_it_is_needed(tmp_path: Path) -> None:
    module = tmp_path / "unneeded.py"
    module.write_text("raise RuntimeError")
    sys.path.insert(0, str(tmp_path))
    try:
        backends = Backends(state_backend=OBJECTS, read_backends=("unneeded.B",), environ=environ(tmp_path))
        writer = backends.writer()
        assert writer is not None
        assert backends.reader(writer.backend_id) is writer
        assert "unneeded" not in sys.modules
    finally:
        sys.path.remove(str(tmp_path))


def test_threads_get_the_same_backend_and_a_forked_child_one_of_its_own(tmp_path: Path) -> None:
    backends = Backends(state_backend=OBJECTS, store_id="s", environ=environ(tmp_path))
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(backends.writer())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in found}) == 1
    forking = multiprocessing.get_context("fork")
    answers = forking.SimpleQueue()
    child = forking.Process(target=_answer, args=(backends, found[0], answers))
    child.start()
    assert answers.get() == (False, "s")
    child.join()


def _answer(backends: Backends, parents: object, answers: Any) -> None:
    own: Any = backends.writer()
    answers.put((own is parents, own.store_id))
