"""The conformance suite over an object store, with what all of them have in common."""

from __future__ import annotations

from typing import Any

from backends.stored_object import CAPABILITIES, entry_path, taken_apart
from statekeep import StateScope
from statekeep.backends.testing import StateBackendConformance


class ObjectStoreConformance(StateBackendConformance):
    """Subclasses say how to read a path of the medium."""

    capabilities = CAPABILITIES

    def bytes_at(self, backend: Any, path: str) -> bytes | None:
        raise NotImplementedError

    def look(self, backend: Any, scope: StateScope, key: str) -> str | None:
        return self._value_at(backend, entry_path(scope, key))

    def look_at_reference(self, backend: Any, reference: str) -> str | None:
        return self._value_at(backend, reference[reference.index("/conformance/") + 1 :])

    def _value_at(self, backend: Any, path: str) -> str | None:
        data = self.bytes_at(backend, path)
        return None if data is None else taken_apart(data)[1]
