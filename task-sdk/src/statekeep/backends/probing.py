"""Tries a backend out with a value that nobody else uses: written, read, listed and deleted, each timed."""

from __future__ import annotations

import time
from base64 import b32encode
from itertools import islice
from os import urandom
from typing import TYPE_CHECKING, Any, NamedTuple

from .._shared.state.backend import MAX_REFERENCE_BYTES
from .._shared.state.scope import TaskScope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .._shared.state.backend import BaseStateBackend
    from .._shared.state.messages import StoreDescription

PROBE_DAG = "statekeep-backend-check"

# A probe that a listing of so many does not show is not waited for: that it can be listed is known then.
_MOST_LISTED = 10_000


class ProbeStep(NamedTuple):
    """One step: ``problem`` says in words what is wrong; None when nothing is."""

    step: str
    milliseconds: float
    problem: str | None = None


class WrongAnswerError(Exception):
    """The backend did something else than it should have; the message says what."""


def probe(backend: BaseStateBackend, store: StoreDescription) -> Iterator[ProbeStep]:
    """Try a backend out under the root of a store, step by step, and leave nothing behind.

    The value is just too large for the store itself. What a step raises is its problem. After a failed write
    nothing is read or listed; what may have been written is deleted in any case.
    """
    run = _ImmutableProbe(backend, store) if backend.immutable_refs else _PlainProbe(backend, store)
    written = _timed("write", run.write)
    yield written
    if written.problem is None:
        for name, act in run.looks():
            yield _timed(name, act)
    yield _timed("delete", run.delete)


def _timed(name: str, act: Callable[[], None]) -> ProbeStep:
    began = time.perf_counter()
    problem = None
    try:
        act()
    # A backend is somebody else's code, and whatever it raises is what is wrong.
    except Exception as error:
        problem = _said(error)
    return ProbeStep(name, (time.perf_counter() - began) * 1_000, problem)


def _said(error: Exception) -> str:
    first_line = str(error).strip().partition("\n")[0]
    if isinstance(error, WrongAnswerError) or isinstance(getattr(error, "code", None), str):
        return first_line  # which says what to do
    return f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__


class _PlainProbe:
    """Under a key of its own, which is overwritten in place."""

    key = "probe"

    def __init__(self, backend: BaseStateBackend, store: StoreDescription) -> None:
        self.backend: Any = backend
        self.store = store
        self.scope = TaskScope(PROBE_DAG, urandom(8).hex(), "probe")
        self.told: dict[str, Any] = {}
        self.value = f'"{"probe " * (store.max_value_bytes // len("probe ") + 1)}"'
        self.reference = ""

    def write(self) -> None:
        self.reference = self.put()
        if self.put() != self.reference:
            raise WrongAnswerError("the same key got two references, so that delete() cannot find both")

    def looks(self) -> list[tuple[str, Callable[[], None]]]:
        return [("read", self.read)]

    def read(self) -> None:
        if self._get() != self.value:
            raise WrongAnswerError("what was read is not what was written")

    def delete(self) -> None:
        self.backend.delete(self.scope, self.key)
        if not self.reference:
            return
        try:
            self._get()
        # A plain backend's own error, whichever it is, says that the object is gone.
        except Exception as error:
            self.check_gone(error)
            return
        raise WrongAnswerError("it can still be read after it was deleted")

    def check_gone(self, error: Exception) -> None:
        """Raise when this is not how the backend should say that an object is gone."""

    def put(self) -> str:
        """Write the value and return its reference."""
        reference: str = self.backend.serialize_task_state_to_ref(
            value=self.value, key=self.key, ti_id=self.scope.ti_id, **self.told
        )
        if reference == self.value:
            problem = f"it keeps a value of {len(reference):,} bytes inline, and the store takes none "
            raise WrongAnswerError(f"{problem}over {self.store.max_value_bytes:,}; let it keep fewer")
        size_bytes = len(reference.encode())
        if not 0 < size_bytes <= MAX_REFERENCE_BYTES:
            problem = f"the reference has {size_bytes:,} bytes, not 1 to {MAX_REFERENCE_BYTES:,}"
            raise WrongAnswerError(problem)
        return reference

    def _get(self) -> str:
        value: str = self.backend.deserialize_task_state_from_ref(self.reference, **self.told)
        return value


class _ImmutableProbe(_PlainProbe):
    """A new object, below the root of the store, as every write makes one."""

    def __init__(self, backend: BaseStateBackend, store: StoreDescription) -> None:
        super().__init__(backend, store)
        self.key = f"probe~{b32encode(urandom(16)).decode().rstrip('=').lower()}"
        self.told = {"scope": self.scope, "storage_key": self.key}

    def write(self) -> None:
        self.reference = self.put()

    def looks(self) -> list[tuple[str, Callable[[], None]]]:
        return [("read", self.read), ("list", self.list)]

    def list(self) -> None:
        listed = 0
        for scope, storage_key, *_ in islice(self.backend.list_objects(self.store.store_id), _MOST_LISTED):
            listed += 1
            if scope == self.scope and storage_key == self.key:
                return
        if listed < _MOST_LISTED:
            raise WrongAnswerError(f"the listing has {listed:,} objects and not the one just written")

    def check_gone(self, error: Exception) -> None:
        if getattr(error, "code", None) != "reference_missing":
            raise WrongAnswerError(f"of what is gone it says something else: {_said(error)}")
