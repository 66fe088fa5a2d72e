"""The hooks of an encrypted backend, its objects, and the digests that their records hold."""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ..._shared.state.errors import StoreUnusableError
from .origins import object_origin, plain_origin, plain_tag
from .refusals import NotEncryptedError
from .wrapping import Whose, Wrapping

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ..._shared.state.scope import StateScope

# A plain backend's reference, with the tag of the address that the object was written for.
_TAGGED = re.compile(r"encrypted-1:([A-Za-z0-9_-]{43}):(.*)", re.DOTALL)


class _Address(NamedTuple):
    """Where a hook writes: the ciphertext's origin, what an immutable hook is told, a plain one's tag."""

    origin: bytes
    told: dict[str, Any]
    tag: str | None


class _Stored(NamedTuple):
    """What a hook reads: the ciphertext's origin, the wrapped backend's reference, and what it is told."""

    origin: bytes
    reference: str
    told: dict[str, Any]
    whose: Whose


class EncryptedReferences(Wrapping):
    """Hands the wrapped backend's hooks ciphertext, bound to the origin that they are given.

    A plain backend's hooks are given no origin when they read, so its references begin with a tag of the
    address, 56 bytes in all. Moving its objects about is found out; what the record names is trusted.
    """

    # --- the hooks ---------------------------------------------------------------------------------------

    def serialize_task_state_to_ref(
        self, *, value: str, key: str, ti_id: str, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        address = self._address("task", ti_id, key, scope, storage_key)
        sealed = self._seal(value, address.origin, written_once=self.immutable_refs)
        put = self._wrapped.serialize_task_state_to_ref
        return self._given(put(value=sealed, key=key, ti_id=ti_id, **address.told), sealed, address)

    async def aserialize_task_state_to_ref(
        self, *, value: str, key: str, ti_id: str, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        address = self._address("task", ti_id, key, scope, storage_key)
        sealed = await self._aseal(value, address.origin, written_once=self.immutable_refs)
        told = {"value": sealed, "key": key, "ti_id": ti_id, **address.told}
        return self._given(await self._ahook("serialize_task_state_to_ref", **told), sealed, address)

    def serialize_asset_state_to_ref(
        self, *, value: str, key: str, asset_ref: str, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        address = self._address("asset", asset_ref, key, scope, storage_key)
        sealed = self._seal(value, address.origin, written_once=self.immutable_refs)
        put = self._wrapped.serialize_asset_state_to_ref
        return self._given(put(value=sealed, key=key, asset_ref=asset_ref, **address.told), sealed, address)

    async def aserialize_asset_state_to_ref(
        self, *, value: str, key: str, asset_ref: str, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        address = self._address("asset", asset_ref, key, scope, storage_key)
        sealed = await self._aseal(value, address.origin, written_once=self.immutable_refs)
        told = {"value": sealed, "key": key, "asset_ref": asset_ref, **address.told}
        return self._given(await self._ahook("serialize_asset_state_to_ref", **told), sealed, address)

    def deserialize_task_state_from_ref(
        self, stored: str, *, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        found = self._stored(stored, scope, storage_key)
        text = self._wrapped.deserialize_task_state_from_ref(found.reference, **found.told)
        return self._unseal(text, found.origin, found.whose)

    async def adeserialize_task_state_from_ref(
        self, stored: str, *, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        found = self._stored(stored, scope, storage_key)
        text = await self._ahook("deserialize_task_state_from_ref", found.reference, **found.told)
        return await self._aunseal(text, found.origin, found.whose)

    def deserialize_asset_state_from_ref(
        self, stored: str, *, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        found = self._stored(stored, scope, storage_key)
        text = self._wrapped.deserialize_asset_state_from_ref(found.reference, **found.told)
        return self._unseal(text, found.origin, found.whose)

    async def adeserialize_asset_state_from_ref(
        self, stored: str, *, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        found = self._stored(stored, scope, storage_key)
        text = await self._ahook("deserialize_asset_state_from_ref", found.reference, **found.told)
        return await self._aunseal(text, found.origin, found.whose)

    # --- objects ------------------------------------------------------------------------------------------

    def list_objects(self, store_id: str) -> Iterable[tuple[StateScope, str, int, datetime]]:
        """As the wrapped backend lists them; sizes are those of the ciphertext."""
        listed: Iterable[tuple[StateScope, str, int, datetime]] = self._wrapped.list_objects(store_id)
        return listed

    def delete_objects(self, origins: Iterable[tuple[StateScope, str]]) -> None:
        """Remove the objects of many ``(scope, storage_key)``; absent ones are no error."""
        if hasattr(self._wrapped, "delete_objects"):
            self._wrapped.delete_objects(origins)
            return
        for scope, storage_key in origins:
            self._wrapped.delete(scope, storage_key)

    async def adelete_objects(self, origins: Iterable[tuple[StateScope, str]]) -> None:
        """The async twin of :meth:`delete_objects`."""
        if hasattr(self._wrapped, "adelete_objects"):
            await self._wrapped.adelete_objects(origins)
            return
        for scope, storage_key in origins:
            await self._wrapped.adelete(scope, storage_key)

    # --- digests ------------------------------------------------------------------------------------------

    def recorded_digest(self, sha256: bytes, *, scope: StateScope, storage_key: str) -> bytes:
        """Return what a record holds in place of the value's SHA-256, and of the same length: its HMAC.

        The plain digest would tell the server which of a few likely values it is, and which values are
        equal. The HMAC's key is derived from the first master key for this object alone.
        """
        return self._mac_of_digest(sha256, object_origin(scope, storage_key))[0]

    def is_recorded_digest(
        self, recorded: bytes, sha256: bytes, *, scope: StateScope, storage_key: str
    ) -> bool:
        """Whether a record's digest is that of a value with this SHA-256, under any of the keys.

        While plaintext is allowed, the SHA-256 itself, which a record from before encryption holds, is too.
        """
        known = self._mac_of_digest(sha256, object_origin(scope, storage_key))
        if self._allow_plaintext:
            known.append(sha256)
        return any([hmac.compare_digest(recorded, one) for one in known])  # noqa: C419 -- every one is compared

    # --- what stands elsewhere ----------------------------------------------------------------------------

    def check_inline(self, *, scope: str, key: str) -> None:
        """Raise ``NotEncryptedError`` for a value that the server holds itself, unless plaintext is allowed.

        Whoever reads a record asks this, since such a value never reaches a backend.
        """
        if not self._allow_plaintext:
            raise NotEncryptedError(scope=scope, key=key, reference="it stands in the record itself")

    # --- where a ciphertext belongs -----------------------------------------------------------------------

    def _address(
        self, kind: str, owner: str, key: str, scope: StateScope | None, storage_key: str
    ) -> _Address:
        if self.immutable_refs:
            origin, told = _told(scope, storage_key)
            return _Address(origin, told, None)
        tag = plain_tag(kind, owner, key)
        return _Address(plain_origin(tag), {}, tag)

    def _stored(self, stored: str, scope: StateScope | None, storage_key: str) -> _Stored:
        if self.immutable_refs:
            origin, told = _told(scope, storage_key)
            return _Stored(origin, stored, told, Whose(str(scope), storage_key, stored))
        found = _TAGGED.fullmatch(stored)
        # A reference without a tag is from before encryption, and so is its object.
        tag, reference = ("", stored) if found is None else (found[1], found[2])
        return _Stored(plain_origin(tag), reference, {}, Whose("(unknown)", "(unknown)", stored))

    def _given(self, reference: str, sealed: str, address: _Address) -> str:
        """Return what the record holds: the wrapped backend's reference, which must not be the value."""
        if reference == sealed:
            raise StoreUnusableError(
                what=f"encryption around {self._wrapped.backend_id}",
                problem="that backend keeps values inline, and the server would get them",
                remedy="wrap one whose hooks put every value elsewhere",
            )
        return reference if address.tag is None else f"encrypted-1:{address.tag}:{reference}"

    async def _ahook(self, name: str, /, *arguments: str, **told: Any) -> str:
        outcome: str
        if hasattr(self._wrapped, f"a{name}"):
            outcome = await getattr(self._wrapped, f"a{name}")(*arguments, **told)
        else:
            from asyncio import to_thread

            outcome = await to_thread(getattr(self._wrapped, name), *arguments, **told)
        return outcome


def _told(scope: StateScope | None, storage_key: str) -> tuple[bytes, dict[str, Any]]:
    if scope is None or not storage_key:
        raise TypeError("an immutable backend's hooks need the keyword arguments scope and storage_key")
    return object_origin(scope, storage_key), {"scope": scope, "storage_key": storage_key}
