"""The eight methods of an encrypted backend: entries under the user's key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .origins import entry_origin
from .wrapping import Whose, Wrapping

if TYPE_CHECKING:
    from ..._shared.state.scope import StateScope


class EncryptedEntries(Wrapping):
    """Reads and writes what the wrapped backend keeps under the same scope and key."""

    def get(self, scope: StateScope, key: str) -> str | None:
        text = self._wrapped.get(scope, key)
        if text is None:
            return None
        return self._unseal(text, entry_origin(scope, key), self._whose_entry(scope, key))

    async def aget(self, scope: StateScope, key: str) -> str | None:
        text = await self._wrapped.aget(scope, key)
        if text is None:
            return None
        return await self._aunseal(text, entry_origin(scope, key), self._whose_entry(scope, key))

    def set(self, scope: StateScope, key: str, value: str) -> None:
        self._wrapped.set(scope, key, self._seal(value, entry_origin(scope, key), written_once=False))

    async def aset(self, scope: StateScope, key: str, value: str) -> None:
        sealed = await self._aseal(value, entry_origin(scope, key), written_once=False)
        await self._wrapped.aset(scope, key, sealed)

    def delete(self, scope: StateScope, key: str) -> None:
        self._wrapped.delete(scope, key)

    async def adelete(self, scope: StateScope, key: str) -> None:
        await self._wrapped.adelete(scope, key)

    def clear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        self._wrapped.clear(scope, all_map_indices=all_map_indices)

    async def aclear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        await self._wrapped.aclear(scope, all_map_indices=all_map_indices)

    def cleanup(self) -> None:
        """Let the wrapped backend clean up."""
        self._wrapped.cleanup()

    def _whose_entry(self, scope: StateScope, key: str) -> Whose:
        return Whose(str(scope), key, f"the entry in {self._wrapped.backend_id}")
