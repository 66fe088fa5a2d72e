"""What the hooks put elsewhere opens at its origin only, under the keys of its time, and has a digest."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from backends.master_keys import keys
from statekeep import AssetScope, StateScope, TaskScope
from statekeep.backends import EncryptedBackend, NotEncryptedError, ObjectStoreBackend
from statekeep.backends.testing import ImmutableMemoryObjects, PlainMemoryObjects
from statekeep.errors import (
    ReferenceCorruptError,
    ReferenceMissingError,
    StoreUnusableError,
    UnsupportedError,
)

TASK = TaskScope("sales", "2026-01-01", "load")
OTHERS: tuple[StateScope, ...] = (
    replace(TASK, map_index=0),
    replace(TASK, run_id="2026-01-02"),
    AssetScope(name="orders"),
)
GENERATIONS = ("k~" + "0" * 26, "k~" + "1" * 26, "l~" + "0" * 26)
LARGE = '"' + "x" * 100_000 + '"'


def put(backend: EncryptedBackend, value: str, scope: StateScope = TASK, name: str = GENERATIONS[0]) -> str:
    told: Any = {"scope": scope, "storage_key": name} if backend.immutable_refs else {}
    if isinstance(scope, TaskScope):
        return backend.serialize_task_state_to_ref(value=value, key=name, ti_id=scope.ti_id, **told)
    return backend.serialize_asset_state_to_ref(value=value, key=name, asset_ref=str(scope.name), **told)


def take(
    backend: EncryptedBackend, reference: str, scope: StateScope = TASK, name: str = GENERATIONS[0]
) -> str:
    told: Any = {"scope": scope, "storage_key": name} if backend.immutable_refs else {}
    if isinstance(scope, TaskScope):
        return backend.deserialize_task_state_from_ref(reference, **told)
    return backend.deserialize_asset_state_from_ref(reference, **told)


@pytest.fixture
def immutable() -> EncryptedBackend:
    return EncryptedBackend(ImmutableMemoryObjects("s"), keys())


@pytest.fixture
def plain() -> EncryptedBackend:
    return EncryptedBackend(PlainMemoryObjects(), keys())


def test_an_object_that_lies_where_another_belongs_is_refused(immutable: EncryptedBackend) -> None:
    objects = immutable._wrapped.objects
    mine = put(immutable, "1")
    places: list[tuple[StateScope, str]] = [
        (TASK, GENERATIONS[1]),
        (TASK, GENERATIONS[2]),
        *((scope, GENERATIONS[0]) for scope in OTHERS),
    ]
    for scope, name in places:
        theirs = put(immutable, "2", scope, name)
        objects[theirs] = objects[mine]
        with pytest.raises(ReferenceCorruptError, match="is not what was written") as caught:
            take(immutable, theirs, scope, name)
        assert caught.value.facts["scope"] == str(scope)
        assert (caught.value.facts["key"], caught.value.facts["reference"]) == (name, theirs)


def test_a_plain_backends_object_that_lies_where_another_belongs_is_refused(plain: EncryptedBackend) -> None:
    objects = plain._wrapped.objects
    inner = {scope: put(plain, "1", scope).split(":", 2)[2] for scope in (TASK, *OTHERS)}
    for scope in OTHERS:
        reference = put(plain, "2", scope)
        objects[inner[scope]] = objects[inner[TASK]]
        with pytest.raises(ReferenceCorruptError):
            take(plain, reference, scope)


def test_a_copied_record_still_opens_because_its_origin_comes_along(immutable: EncryptedBackend) -> None:
    # A copy to another scope is read with the origin as first written, which stands in the record.
    assert take(immutable, put(immutable, '"copied"'), TASK, GENERATIONS[0]) == '"copied"'


@pytest.mark.parametrize("kind", ["plain", "immutable"])
def test_after_a_rotation_new_and_old_objects_open_until_the_old_key_is_removed(
    kind: str, request: pytest.FixtureRequest
) -> None:
    before: EncryptedBackend = request.getfixturevalue(kind)
    old = put(before, '"old"')
    after = EncryptedBackend(before._wrapped, keys("k2", "k1"))
    new = put(after, '"new"', OTHERS[0])
    assert (take(after, old), take(after, new, OTHERS[0])) == ('"old"', '"new"')
    with pytest.raises(StoreUnusableError, match="there is no encryption key k2; add that key"):
        take(before, new, OTHERS[0])
    finally_ = EncryptedBackend(before._wrapped, keys("k2"))
    assert take(finally_, new, OTHERS[0]) == '"new"'
    with pytest.raises(StoreUnusableError, match="there is no encryption key k1"):
        take(finally_, old)


@pytest.mark.parametrize("kind", ["plain", "immutable"])
def test_plaintext_is_refused_unless_it_is_allowed(kind: str, request: pytest.FixtureRequest) -> None:
    backend: EncryptedBackend = request.getfixturevalue(kind)
    # As it was before encryption: by the wrapped backend, under the wrapped backend's reference.
    written = put(backend._wrapped, '"clear"')
    with pytest.raises(NotEncryptedError, match="is not encrypted") as caught:
        take(backend, written)
    assert isinstance(caught.value, ReferenceCorruptError)
    assert caught.value.code == "reference_corrupt"
    assert "clear" not in str(caught.value)
    allowing = EncryptedBackend(backend._wrapped, keys(), allow_plaintext=True)
    assert take(allowing, written) == '"clear"'
    assert take(backend, put(allowing, '"new"')) == '"new"', "what is written is encrypted in any case"


def test_where_plaintext_is_allowed_a_damaged_ciphertext_is_still_refused(
    immutable: EncryptedBackend,
) -> None:
    allowing = EncryptedBackend(immutable._wrapped, keys(), allow_plaintext=True)
    reference = put(allowing, "1")
    stored = immutable._wrapped.objects[reference]
    immutable._wrapped.objects[reference] = stored._replace(value=stored.value[:-9] + '"')
    with pytest.raises(ReferenceCorruptError):
        take(allowing, reference)


def test_a_text_that_was_cut_is_the_objects_fault_and_no_keys(immutable: EncryptedBackend) -> None:
    reference = put(immutable, "1")
    stored = immutable._wrapped.objects[reference]
    immutable._wrapped.objects[reference] = stored._replace(value=stored.value[:-2])
    with pytest.raises(ReferenceCorruptError, match=r"is not what was written \(it was cut\)") as caught:
        take(immutable, reference)
    assert "encryption key" not in str(caught.value)
    assert "delete" not in str(caught.value)


def test_another_encrypted_backends_objects_do_not_open_here() -> None:
    medium = ImmutableMemoryObjects("s")
    theirs = EncryptedBackend(medium, keys("theirs"))
    mine = EncryptedBackend(medium, keys("k1"))
    with pytest.raises(StoreUnusableError, match="no encryption key theirs"):
        take(mine, put(theirs, "1"))


def test_a_newer_format_is_told_from_damage(immutable: EncryptedBackend) -> None:
    reference = put(immutable, "1")
    stored = immutable._wrapped.objects[reference]
    newer = stored.value.replace("encrypted-1", "encrypted-2")
    immutable._wrapped.objects[reference] = stored._replace(value=newer)
    with pytest.raises(UnsupportedError, match="format 2"):
        take(immutable, reference)


def test_a_write_that_is_repeated_writes_the_same_bytes(immutable: EncryptedBackend) -> None:
    reference = put(immutable, "1")
    first = immutable._wrapped.objects[reference].value
    put(immutable, "1")
    assert immutable._wrapped.objects[reference].value == first
    put(immutable, "1", name=GENERATIONS[1])
    assert len({stored.value for stored in immutable._wrapped.objects.values()}) == 2


def test_a_repeated_write_passes_a_store_that_replaces_nothing(tmp_path: Path) -> None:
    backend = EncryptedBackend(ObjectStoreBackend(f"file://{tmp_path}", store_id="s"), keys())
    assert put(backend, LARGE) == put(backend, LARGE)
    assert take(backend, put(backend, LARGE)) == LARGE
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and b"xxxx" in file.read_bytes()]


def test_a_plain_backends_overwrites_do_not_tell_whether_the_value_changed(plain: EncryptedBackend) -> None:
    inner = put(plain, "1").split(":", 2)[2]
    first = plain._wrapped.objects[inner]
    put(plain, "1")
    assert plain._wrapped.objects[inner] != first


@pytest.mark.parametrize("value", ["1", LARGE])
@pytest.mark.parametrize("scope", [TASK, OTHERS[2]])
@pytest.mark.parametrize("kind", ["plain", "immutable", "object_store"])
def test_the_async_hooks_are_the_blocking_ones(
    kind: str, scope: StateScope, value: str, request: pytest.FixtureRequest
) -> None:
    if kind == "object_store":  # which has async hooks of its own
        backend = EncryptedBackend(ObjectStoreBackend("memory://", store_id="s"), keys())
    else:
        backend = request.getfixturevalue(kind)
    told: Any = {"scope": scope, "storage_key": GENERATIONS[0]} if backend.immutable_refs else {}

    async def round_trip() -> tuple[str, str]:
        name = GENERATIONS[0]
        if isinstance(scope, TaskScope):
            reference = await backend.aserialize_task_state_to_ref(
                value=value, key=name, ti_id=scope.ti_id, **told
            )
            return reference, await backend.adeserialize_task_state_from_ref(reference, **told)
        owner = str(scope.name)
        reference = await backend.aserialize_asset_state_to_ref(
            value=value, key=name, asset_ref=owner, **told
        )
        return reference, await backend.adeserialize_asset_state_from_ref(reference, **told)

    reference, taken = asyncio.run(round_trip())
    assert (taken, take(backend, reference, scope)) == (value, value)
    assert put(backend, value, scope) == reference


def test_an_immutable_backend_without_an_origin_is_a_mistake_of_the_caller(
    immutable: EncryptedBackend,
) -> None:
    with pytest.raises(TypeError, match="scope and storage_key"):
        immutable.serialize_task_state_to_ref(value="1", key=GENERATIONS[0], ti_id=TASK.ti_id)
    with pytest.raises(TypeError, match="scope and storage_key"):
        immutable.deserialize_task_state_from_ref("memory://x")


@pytest.mark.parametrize("is_async", [False, True])
def test_many_objects_are_deleted_at_once_whatever_is_wrapped(is_async: bool) -> None:
    for wrapped in (ObjectStoreBackend("memory://", store_id="s"), ImmutableMemoryObjects("s")):
        backend = EncryptedBackend(wrapped, keys())
        references = [put(backend, "1", name=name) for name in GENERATIONS]
        gone = [(TASK, name) for name in (*GENERATIONS[:2], "never~" + "0" * 26)]
        if is_async:
            asyncio.run(backend.adelete_objects(gone))
        else:
            backend.delete_objects(gone)
        with pytest.raises(ReferenceMissingError):
            take(backend, references[0])
        assert take(backend, references[2], name=GENERATIONS[2]) == "1"


def test_a_recorded_digest_is_no_hash_of_the_value_and_holds_for_it_alone(
    immutable: EncryptedBackend,
) -> None:
    digest, other = sha256(b"1").digest(), sha256(b"2").digest()
    origin: Any = {"scope": TASK, "storage_key": GENERATIONS[0]}
    recorded = immutable.recorded_digest(digest, **origin)
    assert len(recorded) == len(digest)
    assert recorded != digest
    assert recorded != immutable.recorded_digest(digest, scope=TASK, storage_key=GENERATIONS[1])
    assert recorded != immutable.recorded_digest(digest, scope=OTHERS[0], storage_key=GENERATIONS[0])
    assert recorded != EncryptedBackend(immutable._wrapped, keys("k2")).recorded_digest(digest, **origin)
    assert immutable.is_recorded_digest(recorded, digest, **origin)
    assert not immutable.is_recorded_digest(recorded, other, **origin)
    assert not immutable.is_recorded_digest(digest, digest, **origin)
    assert not immutable.is_recorded_digest(recorded, digest, scope=TASK, storage_key=GENERATIONS[1])


def test_a_digest_holds_after_a_rotation_and_a_plain_one_only_while_plaintext_is_allowed(
    immutable: EncryptedBackend,
) -> None:
    digest = sha256(b"1").digest()
    recorded = immutable.recorded_digest(digest, scope=TASK, storage_key=GENERATIONS[0])
    rotated = EncryptedBackend(immutable._wrapped, keys("k2", "k1"), allow_plaintext=True)
    for accepted in (recorded, digest):
        assert rotated.is_recorded_digest(accepted, digest, scope=TASK, storage_key=GENERATIONS[0])
    without = EncryptedBackend(immutable._wrapped, keys("k2"))
    renewed = rotated.recorded_digest(digest, scope=TASK, storage_key=GENERATIONS[0])
    assert without.is_recorded_digest(renewed, digest, scope=TASK, storage_key=GENERATIONS[0])
    assert not without.is_recorded_digest(recorded, digest, scope=TASK, storage_key=GENERATIONS[0])
