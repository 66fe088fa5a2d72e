"""What every part of the conformance suite stands on: the author's hooks, and the backend under test."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from ..scope import AssetScope, TaskScope
from .capabilities import Capabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from ..backend import BaseStateBackend
    from ..scope import StateScope

TASK = TaskScope("sales", "2026-01-01", "load")
# Values as a backend gets them: JSON text. Those that are falsy in one language or another come first.
JSON_TEXTS = (
    '""',
    "0",
    "false",
    "[]",
    "{}",
    "[null]",
    '"null"',
    "1.0",
    "-0.0",
    "123456789012345678901234567890",
    '{"b":1,"a":[1,2.5,"x"]}',
    '"line\\nbreak \\"quoted\\" \\\\ back \\u0000 nul"',
    '"é e\u0301 \u2028 \U0001f600 %s {} $1 \'"',
)


class BackendUnderTest:
    """The backend, driven through one half; reading goes through both halves, which must agree."""

    def __init__(self, backend: BaseStateBackend, half: str, run: Callable[[Coroutine[Any, Any, Any]], Any]):
        self.backend = backend
        self.is_async = half == "async"
        self._run = run

    def get(self, scope: StateScope, key: str) -> str | None:
        blocking = self.backend.get(scope, key)
        awaited: str | None = self._run(self.backend.aget(scope, key))
        assert awaited == blocking, f"aget() and get() disagree on {key!r} in {scope}"
        return blocking

    def set(self, scope: StateScope, key: str, value: str) -> None:
        if self.is_async:
            self._run(self.backend.aset(scope, key, value))
        else:
            self.backend.set(scope, key, value)

    def delete(self, scope: StateScope, key: str) -> None:
        if self.is_async:
            self._run(self.backend.adelete(scope, key))
        else:
            self.backend.delete(scope, key)

    def clear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        if self.is_async:
            self._run(self.backend.aclear(scope, all_map_indices=all_map_indices))
        else:
            self.backend.clear(scope, all_map_indices=all_map_indices)


class BackendSuite:
    """The hooks that a backend's author fills in, and the fixtures that the tests use."""

    #: What the backend can do beyond the eight methods.
    capabilities: ClassVar[Capabilities] = Capabilities()

    @pytest.fixture
    def backend(self) -> Any:
        """Give a backend over an empty medium. Override this."""
        raise NotImplementedError("override the fixture 'backend' to give a backend over an empty medium")

    def look(self, backend: Any, scope: StateScope, key: str) -> str | None:
        """Return the text that the medium holds for a key, or None, without the backend's own methods.

        Override this: read the file, the row, the object. It is what tells a store from a cache.
        """
        raise NotImplementedError("override 'look' to read the medium behind the backend's back")

    def make_asset(self, backend: Any, name: str) -> AssetScope:  # noqa: ARG002 -- for a store that must be told
        """Return the scope of an asset, having made it known to the medium if it must be."""
        addresses = self.capabilities.asset_addresses
        if "name" in addresses:
            return AssetScope(name=name)
        if "uri" in addresses:
            return AssetScope(uri=f"test://{name}")
        return AssetScope(asset_id=next(self._asset_ids))

    @pytest.fixture(autouse=True)
    def _number_assets(self) -> None:
        self._asset_ids = count(1)

    @pytest.fixture
    def runner(self) -> Iterator[asyncio.Runner]:
        with asyncio.Runner() as runner:
            yield runner

    @pytest.fixture(params=["blocking", "async"])
    def state(self, request: pytest.FixtureRequest, backend: Any, runner: asyncio.Runner) -> BackendUnderTest:
        return BackendUnderTest(backend, request.param, runner.run)


def refusal_code(operation: Callable[[], object]) -> str:
    """Return the code of the error that an operation raises, or "accepted" when it raises none."""
    try:
        operation()
    except Exception as error:  # a backend raises its own copy's class; only the code is shared
        return str(getattr(error, "code", type(error).__name__))
    return "accepted"
