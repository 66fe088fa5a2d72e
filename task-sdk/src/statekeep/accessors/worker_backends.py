"""The backends of this worker, as flows reach them: made off the event loop when first wanted."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Protocol

from .._shared.state.errors import BackendMismatchError
from .._shared.state.messages import AssetAddress, TaskAddress
from .flows import BackendCall
from .origins import canonical, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .._shared.state.messages import External, Target
    from .flows import Flow


_ALLOW_PLAINTEXT = (
    "it was written before encryption: set [encryption] allow_plaintext = true to read it, and write it again"
)


class Backends(Protocol):
    """The backends that are configured. Callable from several threads; the first call of each may be slow."""

    def writer(self) -> Any:
        """Return the backend that values are written through, or None."""

    def reader(self, backend_id: str) -> Any:
        """Return the backend that reads the references of this id, or None."""


class WorkerBackends:
    """Hands out backends, and says whose state a request is about."""

    def __init__(self, backends: Backends, origin_of: Callable[[Target], TaskAddress | AssetAddress]) -> None:
        self._backends = backends
        self._origin_of = origin_of
        self._made: set[tuple[int, str | None]] = set()

    def writer(self) -> Flow[Any]:
        """The backend that values are written through; None where they go to the store."""
        return (yield from self._backend(None, self._backends.writer))

    def reader(self, external: External, key: str, target: Target) -> Flow[Any]:
        """The backend that reads this object; raises ``BackendMismatchError`` when none is configured."""
        backend_id = external.backend_id
        backend = yield from self._backend(backend_id, partial(self._backends.reader, backend_id))
        if backend is None:
            facts = {"scope": self.whose(target), "key": key, "reference": external.reference}
            encrypted_id = f"encrypted:{backend_id}"  # as the encrypted backend marks it
            encrypting = yield from self._backend(encrypted_id, partial(self._backends.reader, encrypted_id))
            # Configured it is, and refuses it: naming the class once more would change nothing.
            if encrypting is not None:
                facts["remedy"] = _ALLOW_PLAINTEXT
            raise BackendMismatchError(**facts, backend_id=backend_id)
        return backend

    def origin_of(self, target: Target) -> TaskAddress | AssetAddress:
        """Return the address that what is written for a target has as its origin."""
        return canonical(self._origin_of(target))

    def whose(self, target: Target) -> str:
        """Return what an error calls a target. Asks nobody: it is wanted for every value that is read."""
        if isinstance(target, TaskAddress | AssetAddress):
            return shown(target)
        return shown(self._origin_of(target))

    def _backend(self, backend_id: str | None, find: Callable[[], Any]) -> Flow[Any]:
        made = (os.getpid(), backend_id)  # a forked child makes its own
        if made in self._made:
            return find()
        backend = yield BackendCall(find)
        if backend is not None or backend_id is None:  # any other may be anything that a record says
            self._made.add(made)
        return backend
