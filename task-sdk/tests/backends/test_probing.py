"""A probe finds what is wrong with a backend, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from backends.master_keys import keys
from backends.plain_backend import FolderBackend
from statekeep._shared.state.messages import StoreDescription
from statekeep.backends import EncryptedBackend, ObjectStoreBackend
from statekeep.backends.probing import probe
from statekeep.backends.testing import ImmutableMemoryObjects, MemoryStateBackend

STORE = StoreDescription("a-store", 65_536)

Make = Callable[[Path], Any]


def object_store(folder: Path, **options: Any) -> ObjectStoreBackend:
    return ObjectStoreBackend(f"file://{folder}", store_id=STORE.store_id, **options)


def problems(backend: Any) -> dict[str, str | None]:
    return {step.step: step.problem for step in probe(backend, STORE)}


@pytest.mark.parametrize(
    ("make", "steps"),
    [
        (object_store, "write read list delete"),
        (lambda folder: EncryptedBackend(object_store(folder), keys("k1")), "write read list delete"),
        (lambda folder: FolderBackend(str(folder)), "write read delete"),
        (lambda folder: EncryptedBackend(FolderBackend(str(folder)), keys("k1")), "write read delete"),
    ],
)
def test_of_a_good_backend_no_step_has_a_problem_and_no_file_is_left(
    tmp_path: Path, make: Make, steps: str
) -> None:
    assert problems(make(tmp_path)) == dict.fromkeys(steps.split())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


class Forgetful(ImmutableMemoryObjects):
    def deserialize_task_state_from_ref(self, stored: str, **told: Any) -> str:
        return super().deserialize_task_state_from_ref(stored, **told).upper()


class Blind(ImmutableMemoryObjects):
    def list_objects(self, store_id: str) -> Any:
        return iter(())


class Hoarding(ImmutableMemoryObjects):
    def delete(self, scope: Any, key: str) -> None:
        """Leave it."""


class Denied(ImmutableMemoryObjects):
    def serialize_task_state_to_ref(self, **_: Any) -> str:
        raise PermissionError("not you")


@pytest.mark.parametrize(
    ("backend", "step", "problem"),
    [
        (Forgetful(STORE.store_id), "read", "what was read is not what was written"),
        (Blind(STORE.store_id), "list", "the listing has 0 objects and not the one just written"),
        (Hoarding(STORE.store_id), "delete", "it can still be read after it was deleted"),
        (Denied(STORE.store_id), "write", "PermissionError: not you"),
    ],
)
def test_what_a_backend_does_wrong_is_found_in_its_step(backend: Any, step: str, problem: str) -> None:
    found = problems(backend)
    assert {name: text for name, text in found.items() if text is not None} == {step: problem}


def test_after_a_failed_write_nothing_is_looked_at_and_what_may_be_there_is_deleted() -> None:
    assert list(problems(Denied(STORE.store_id))) == ["write", "delete"]


def test_a_plain_backend_whose_references_change_is_found(tmp_path: Path) -> None:
    class Restless(FolderBackend):
        writes = 0

        def serialize_task_state_to_ref(self, **told: Any) -> str:
            self.writes += 1
            return super().serialize_task_state_to_ref(**told | {"key": f"{told['key']}{self.writes}"})

    found = problems(Restless(str(tmp_path)))["write"]
    assert found == "the same key got two references, so that delete() cannot find both"


def test_what_stays_inline_and_is_too_large_for_the_store_is_a_problem(tmp_path: Path) -> None:
    expected = (
        "it keeps a value of 65,540 bytes inline, and the store takes none over 65,536; let it keep fewer"
    )
    assert problems(MemoryStateBackend())["write"] == expected
    assert problems(object_store(tmp_path, threshold_bytes=100_000))["write"] == expected


def test_a_reference_that_is_too_long_is_a_problem(tmp_path: Path) -> None:
    class Wordy(FolderBackend):
        def serialize_task_state_to_ref(self, **told: Any) -> str:
            return super().serialize_task_state_to_ref(**told) + "x" * 5_000

    assert problems(Wordy(str(tmp_path)))["write"] == "the reference has 5,071 bytes, not 1 to 4,096"
