"""The encrypted backend keeps the whole contract, whatever it wraps, and says of itself what is so."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from backends.master_keys import keys
from backends.stored_object import CAPABILITIES, entry_path, taken_apart
from statekeep import AssetScope, BaseStateBackend, StateScope, TaskScope
from statekeep.backends import EncryptedBackend, ObjectStoreBackend
from statekeep.backends.encrypted.origins import entry_origin, object_origin, plain_origin
from statekeep.backends.encrypted.sealed_text import unseal
from statekeep.backends.testing import (
    Capabilities,
    ImmutableMemoryObjects,
    MemoryStateBackend,
    PlainMemoryObjects,
    StateBackendConformance,
    second_copy,
)
from statekeep.errors import InvalidRequestError, StoreUnusableError

TASK = TaskScope("sales", "2026-01-01", "load")


class Encrypted(StateBackendConformance):
    """Looks behind the wrapped backend's back, and decrypts by itself what lies there."""

    capabilities = Capabilities(external_objects=True)

    def look(self, backend: Any, scope: StateScope, key: str) -> str | None:
        wrapped = backend._wrapped
        text = wrapped.medium.get(wrapped.address_of(scope), {}).get(key)
        return None if text is None else unseal(text, backend._keys, entry_origin(scope, key))


class TestAroundAPlainBackend(Encrypted):
    @pytest.fixture
    def backend(self) -> EncryptedBackend:
        return EncryptedBackend(PlainMemoryObjects(), keys())

    def look_at_reference(self, backend: Any, reference: str) -> str | None:
        _, tag, inner = reference.split(":", 2)
        text = backend._wrapped.objects.get(inner)
        return None if text is None else unseal(text, backend._keys, plain_origin(tag))


class TestAroundAnImmutableBackend(Encrypted):
    @pytest.fixture
    def backend(self) -> EncryptedBackend:
        return EncryptedBackend(ImmutableMemoryObjects(self.store_id), keys())

    def look_at_reference(self, backend: Any, reference: str) -> str | None:
        stored = backend._wrapped.objects.get(reference)
        if stored is None:
            return None
        return unseal(stored.value, backend._keys, object_origin(stored.scope, stored.storage_key))


class TestAroundAnotherCopysBackend(TestAroundAnImmutableBackend):
    @pytest.fixture
    def backend(self) -> EncryptedBackend:
        return EncryptedBackend(_of_another_copy()(self.store_id), keys())


class TestAroundAnEncryptedBackend(StateBackendConformance):
    capabilities = Capabilities(external_objects=True)

    @pytest.fixture
    def backend(self) -> EncryptedBackend:
        return EncryptedBackend(EncryptedBackend(PlainMemoryObjects(), keys("inner")), keys("outer"))

    def look(self, backend: Any, scope: StateScope, key: str) -> str | None:
        inner: MemoryStateBackend = backend._wrapped._wrapped
        text = inner.medium.get(inner.address_of(scope), {}).get(key)
        for layer in (backend._wrapped, backend):
            text = text and unseal(text, layer._keys, entry_origin(scope, key))
        return text

    def look_at_reference(self, backend: Any, reference: str) -> str | None:
        _, outer, _, inner, name = reference.split(":", 4)
        text: str | None = backend._wrapped._wrapped.objects.get(name)
        for layer, tag in ((backend._wrapped, inner), (backend, outer)):
            text = text and unseal(text, layer._keys, plain_origin(tag))
        return text


class TestAroundAnObjectStore(StateBackendConformance):
    capabilities = CAPABILITIES

    @pytest.fixture
    def backend(self, tmp_path: Path) -> EncryptedBackend:
        self._folder = tmp_path
        return EncryptedBackend(ObjectStoreBackend(f"file://{tmp_path}", store_id=self.store_id), keys())

    def look(self, backend: Any, scope: StateScope, key: str) -> str | None:
        return self._value_at(backend, entry_path(scope, key), entry_origin)

    def look_at_reference(self, backend: Any, reference: str) -> str | None:
        return self._value_at(backend, reference[reference.index(f"/{self.store_id}/") + 1 :], object_origin)

    def _value_at(self, backend: Any, path: str, origin: Callable[[StateScope, str], bytes]) -> str | None:
        file = self._folder / path
        if not file.exists():
            return None
        header, text = taken_apart(file.read_bytes())
        owner = header["scope"]
        scope = TaskScope(**owner) if "dag_id" in owner else AssetScope(**owner)
        return unseal(text, backend._keys, origin(scope, header["key"]))


def test_a_reference_names_the_encrypted_backend_and_not_the_wrapped_one() -> None:
    plain, backend = PlainMemoryObjects(), EncryptedBackend(PlainMemoryObjects(), keys("k1"))
    assert backend.backend_id not in (plain.backend_id, EncryptedBackend(backend, keys("k1")).backend_id)
    assert backend.backend_id == EncryptedBackend(plain, keys("k2", "k1")).backend_id, "keys are rotated"


def test_records_from_before_encryption_are_read_only_while_plaintext_is_allowed() -> None:
    plain = PlainMemoryObjects()
    assert EncryptedBackend(plain, keys()).plaintext_backend_id is None
    assert EncryptedBackend(plain, keys(), allow_plaintext=True).plaintext_backend_id == plain.backend_id


@pytest.mark.parametrize("wrapped", [PlainMemoryObjects(), ImmutableMemoryObjects("s")])
def test_it_is_plain_or_immutable_as_what_it_wraps(wrapped: BaseStateBackend) -> None:
    assert EncryptedBackend(wrapped, keys()).immutable_refs is wrapped.immutable_refs


def test_nothing_stays_inline_and_nobody_can_change_that() -> None:
    wrapped = ObjectStoreBackend("memory://", store_id="s")
    assert wrapped.threshold_bytes > 0
    backend = EncryptedBackend(wrapped, keys())
    assert (backend.threshold_bytes, wrapped.threshold_bytes) == (0, 0)
    with pytest.raises(AttributeError):
        backend.threshold_bytes = 1  # type: ignore[misc]
    storage_key = f"k~{'0' * 26}"
    reference = backend.serialize_task_state_to_ref(
        value="1", key=storage_key, ti_id=TASK.ti_id, scope=TASK, storage_key=storage_key
    )
    assert reference.startswith("memory://")
    assert wrapped.deserialize_task_state_from_ref(reference).startswith('"statekeep-encrypted-1:k1:')


def test_a_threshold_that_cannot_be_lifted_is_refused_when_the_backend_is_wrapped() -> None:
    class Fixed(PlainMemoryObjects):
        threshold_bytes = property(lambda self: 4_096)

    with pytest.raises(InvalidRequestError, match="keeps values below 4,096 bytes inline"):
        EncryptedBackend(Fixed(), keys())


def test_a_backend_that_keeps_values_inline_is_refused_at_the_first_write() -> None:
    backend = EncryptedBackend(MemoryStateBackend(), keys())
    with pytest.raises(StoreUnusableError, match="keeps values inline") as caught:
        backend.serialize_task_state_to_ref(value='"secret"', key="k", ti_id=TASK.ti_id)
    assert "secret" not in str(caught.value)


def test_the_stores_id_is_the_wrapped_backends() -> None:
    wrapped = ObjectStoreBackend("memory://")
    backend = EncryptedBackend(wrapped, keys())
    backend.store_id = "s1"
    assert (wrapped.store_id, backend.store_id) == ("s1", "s1")
    assert not hasattr(EncryptedBackend(PlainMemoryObjects(), keys()), "store_id")


def test_what_is_no_backend_or_no_keys_is_refused_without_being_shown() -> None:
    with pytest.raises(InvalidRequestError, match="of type str, which is no state backend"):
        EncryptedBackend("s3://bucket", keys())  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError, match="keys are of type dict") as caught:
        EncryptedBackend(PlainMemoryObjects(), {"k1": b"secret" * 6})  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


def test_a_backend_shows_its_keys_ids_and_no_more() -> None:
    backend = EncryptedBackend(PlainMemoryObjects(), keys("k1", "k0"))
    assert repr(backend) == f"EncryptedBackend({PlainMemoryObjects().backend_id}, EncryptionKeys(k1, k0))"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(backend._keys)


def test_without_the_extra_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from statekeep.backends import EncryptedBackend, EncryptionKeys\n"
        "from statekeep.backends.testing import PlainMemoryObjects\n"
        "from statekeep.errors import StoreUnusableError\n"
        "try: EncryptedBackend(PlainMemoryObjects(), EncryptionKeys({'a': bytes(range(32))}))\n"
        "except StoreUnusableError as error: print(error)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip().endswith("cryptography is not installed; pip install 'statekeep[encryption]'")


def test_importing_the_backends_loads_no_cryptography() -> None:
    code = "import sys, statekeep.backends; print([m for m in sys.modules if m.startswith('cryptography')])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def _of_another_copy() -> Any:
    """The immutable backend in memory, as a subclass of another vendored copy's contract."""
    second_copy()
    from importlib import import_module

    other: Any = import_module("statekeep_state_second_copy.testing.objects").ImmutableMemoryObjects
    assert not issubclass(other, ImmutableMemoryObjects)
    return other
