"""The backend's class: the contract over the flows, and nothing but shells."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from ..._shared.state.backend import BaseStateBackend
from ..._shared.state.errors import (
    InvalidRequestError,
    ReferenceCorruptError,
    ReferenceMissingError,
    StoreUnusableError,
)
from . import flows, layout
from .address import LOCAL, MEMORY, SERVICE, parse_address
from .backend_id import check_backend_id, derived_backend_id
from .compression import check_level
from .configured import all_configured
from .layout import ENTRIES_ROOT, Origin
from .listing import listed_objects
from .local_files import LocalFiles
from .medium import ObjectAbsentError
from .object_format import NotAnObjectError, utf8_size_bytes
from .obstore_medium import ObstoreMedium
from .patience import Patience
from .steps import arun, run

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping
    from datetime import datetime

    from ..._shared.state.scope import StateScope
    from .medium import Medium
    from .steps import Step

DEFAULT_THRESHOLD_BYTES = 16_384
MIN_PART_BYTES = 5 << 20  # S3's own


class ObjectStoreBackend(BaseStateBackend):
    """Values as objects of S3, Google Cloud Storage, Azure, a local folder, or memory.

    ``url``: ``s3://bucket/prefix``, ``gs://bucket/prefix``, ``az://container/prefix``, ``file:///folder``,
    ``memory://``. Credentials come from ``options`` or, absent there, from the provider's environment
    variables and metadata service.

    ``store_id``: the metastore's id, below which the objects lie; to be set before a hook is called.

    ``threshold_bytes``: shorter values are returned by the hooks as they are, and stay inline.

    ``compression_level``: of Zstandard; None is off. On JSON, 1 was as small as 3 and faster. Objects say
    themselves how they were written.

    ``connect_timeout_seconds``, ``request_timeout_seconds``: how long a connection may take, and how long
    the store may be silent. A request is repeated ``max_retries`` times at most and within
    ``retry_timeout_seconds``; a download that breaks off goes on where it was.

    ``part_bytes``, ``parallel_parts``: larger objects are sent in such parts, so many at once; their
    product is the memory that an upload takes beside the value.

    ``options``: settings of the store and of its client by obstore's names (``endpoint``, ``region``,
    ``access_key_id``, ``proxy_url``, …).

    ``backend_id``: for when the same objects are reached by another url or endpoint than those that wrote
    them, or were moved to another place; otherwise derived from both. With it, references of other urls are
    followed too, to the place below this url where the object of their scope and key lies.

    Methods may be called from several threads, and from several event loops. An object is written whole or
    not at all, and durably. Raises ``invalid_request`` for an argument that cannot be, ``store_unusable``
    when a library is not installed; nothing is sent yet.
    """

    immutable_refs = True

    def __init__(
        self,
        url: str,
        *,
        store_id: str | None = None,
        threshold_bytes: int = DEFAULT_THRESHOLD_BYTES,
        compression_level: int | None = 1,
        connect_timeout_seconds: float = 5.0,
        request_timeout_seconds: float = 30.0,
        max_retries: int = 5,
        retry_timeout_seconds: float = 60.0,
        part_bytes: int = 8 << 20,
        parallel_parts: int = 4,
        options: Mapping[str, Any] | None = None,
        backend_id: str | None = None,
    ) -> None:
        check_level(compression_level)
        if part_bytes < MIN_PART_BYTES or parallel_parts < 1:
            remedy = f"give part_bytes of {MIN_PART_BYTES:,} or more, and parallel_parts of 1 or more"
            raise InvalidRequestError(what="the size of parts", problem="is too small", remedy=remedy)
        self._address = parse_address(url)
        patience = Patience(
            connect_timeout_seconds, request_timeout_seconds, max_retries, retry_timeout_seconds
        )
        self._medium, endpoint = self._opened(options or {}, patience, part_bytes, parallel_parts)
        if backend_id is not None:
            check_backend_id(backend_id)
        self._may_have_moved = backend_id is not None
        self._backend_id = backend_id or derived_backend_id(self._address.url, endpoint)
        #: Where the objects lie, for people: the url, and the endpoint when it is not the provider's own.
        self.place = self._address.url
        if endpoint and self._address.kind == SERVICE:
            self.place += f" at {endpoint}"
        self._policy = flows.Policy(compression_level, part_bytes, self._medium.creates_in_parts, patience)
        self.threshold_bytes = threshold_bytes
        self._store_id: str | None = None
        if store_id is not None:
            self.store_id = store_id

    #: Makes what ``[object_store]`` describes: the one that is written to, then those of ``read_urls``.
    all_from_configuration: ClassVar[Any] = classmethod(all_configured)

    @property
    def backend_id(self) -> str:
        return self._backend_id

    @property
    def store_id(self) -> str:
        """The id of the metastore whose references this backend makes."""
        if self._store_id is None:
            remedy = "set store_id before values are written by reference"
            raise StoreUnusableError(what=self._address.url, problem="it has no store id", remedy=remedy)
        return self._store_id

    @store_id.setter
    def store_id(self, store_id: str) -> None:
        layout.check_store_id(store_id)
        self._store_id = store_id

    # --- the eight: entries under the user's key, apart from the objects of references -----------------

    def get(self, scope: StateScope, key: str) -> str | None:
        return run(self._get(scope, key), self._medium)

    async def aget(self, scope: StateScope, key: str) -> str | None:
        return await arun(self._get(scope, key), self._medium)

    def set(self, scope: StateScope, key: str, value: str) -> None:
        run(self._set(scope, key, value), self._medium)

    async def aset(self, scope: StateScope, key: str, value: str) -> None:
        await arun(self._set(scope, key, value), self._medium)

    def delete(self, scope: StateScope, key: str) -> None:
        """Remove the entry of a user's key; of a storage key also the object that a hook wrote."""
        run(self._delete(self._paths_of(scope, key)), self._medium)

    async def adelete(self, scope: StateScope, key: str) -> None:
        """The async twin of :meth:`delete`."""
        await arun(self._delete(self._paths_of(scope, key)), self._medium)

    def clear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        """Remove the scope's entries; objects of references stay, since history may name them."""
        run(self._clear(scope, all_map_indices), self._medium)

    async def aclear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        """The async twin of :meth:`clear`."""
        await arun(self._clear(scope, all_map_indices), self._medium)

    # --- objects of references, many at once -------------------------------------------------------------

    def delete_objects(self, origins: Iterable[tuple[StateScope, str]]) -> None:
        """Remove the objects of many ``(scope, storage_key)``, in as few requests as the store allows.

        Absent ones are no error. When it raises, some may be gone; calling it again is right.
        """
        run(self._delete(self._object_paths(origins)), self._medium)

    async def adelete_objects(self, origins: Iterable[tuple[StateScope, str]]) -> None:
        """The async twin of :meth:`delete_objects`."""
        await arun(self._delete(self._object_paths(origins)), self._medium)

    def list_objects(self, store_id: str) -> Iterator[tuple[StateScope, str, int, datetime]]:
        """Yield ``(scope, storage_key, size_bytes, modified_at)`` of every object under a store's root.

        The size is what the object takes, header and compression included; an asset is listed by its name,
        or by its uri when it has no name. Files that are no objects are passed over. Raises when the
        listing is incomplete.
        """
        layout.check_store_id(store_id)
        yield from listed_objects(self._medium, store_id, self._address.reference_to)

    def cleanup(self) -> None:
        """Remove what writers that were killed left in a local folder more than a day ago."""
        self._medium.remove_leftovers()

    # --- the hooks; their path follows from the origin alone, as it must in delete() ---------------------

    def serialize_task_state_to_ref(
        self, *, value: str, key: str, ti_id: str, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        del key, ti_id
        return run(self._serialize(value, scope, storage_key), self._medium)

    async def aserialize_task_state_to_ref(
        self, *, value: str, key: str, ti_id: str, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        del key, ti_id
        return await arun(self._serialize(value, scope, storage_key), self._medium)

    def deserialize_task_state_from_ref(
        self, stored: str, *, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        return run(self._deserialize(stored, scope, storage_key), self._medium)

    async def adeserialize_task_state_from_ref(
        self, stored: str, *, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        return await arun(self._deserialize(stored, scope, storage_key), self._medium)

    def serialize_asset_state_to_ref(
        self, *, value: str, key: str, asset_ref: str, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        del key, asset_ref
        return run(self._serialize(value, scope, storage_key), self._medium)

    async def aserialize_asset_state_to_ref(
        self, *, value: str, key: str, asset_ref: str, scope: StateScope | None = None, storage_key: str = ""
    ) -> str:
        del key, asset_ref
        return await arun(self._serialize(value, scope, storage_key), self._medium)

    deserialize_asset_state_from_ref = deserialize_task_state_from_ref
    adeserialize_asset_state_from_ref = adeserialize_task_state_from_ref

    # --- the flows, with what is this backend's own -------------------------------------------------------

    def _get(self, scope: StateScope, key: str) -> Generator[Step, Any, str | None]:
        path = layout.object_path(ENTRIES_ROOT, Origin(scope, key))
        with _named(scope, key, self._address.reference_to(path)):
            return (yield from flows.read_entry(path))

    def _set(self, scope: StateScope, key: str, value: str) -> Generator[Step, Any, None]:
        origin = Origin(scope, key)
        path = layout.object_path(ENTRIES_ROOT, origin)
        yield from flows.write(self._policy, path, origin, value, create=False)

    def _delete(self, paths: list[str]) -> Generator[Step, Any, None]:
        yield from flows.delete(self._policy, paths)

    def _clear(self, scope: StateScope, all_map_indices: bool) -> Generator[Step, Any, None]:
        yield from flows.clear(self._policy, scope, all_map_indices=all_map_indices)

    def _serialize(self, value: str, scope: StateScope | None, storage_key: str) -> Generator[Step, Any, str]:
        if self._stays_inline(value):
            return value
        if scope is None or not storage_key:
            raise TypeError("an immutable backend's hooks need the keyword arguments scope and storage_key")
        origin = Origin(scope, storage_key)
        path = layout.object_path(self.store_id, origin)
        reference = self._address.reference_to(path)
        with _named(scope, storage_key, reference):
            yield from flows.write(self._policy, path, origin, value, create=True)
        return reference

    def _deserialize(
        self, stored: str, scope: StateScope | None, storage_key: str
    ) -> Generator[Step, Any, str]:
        origin = Origin(scope, storage_key) if scope is not None else None
        path = self._address.path_of(stored, origin, moved=self._may_have_moved)
        with _named(scope, storage_key, stored):
            return (yield from flows.read(path, origin))

    def _stays_inline(self, value: str) -> bool:
        if len(value) >= self.threshold_bytes:  # no text has fewer bytes than characters
            return False
        return utf8_size_bytes(value) < self.threshold_bytes

    def _paths_of(self, scope: StateScope, key: str) -> list[str]:
        paths = [layout.object_path(ENTRIES_ROOT, Origin(scope, key))]
        if layout.is_storage_key(key):
            paths += self._object_paths([(scope, key)])
        return paths

    def _object_paths(self, origins: Iterable[tuple[StateScope, str]]) -> list[str]:
        return [layout.object_path(self.store_id, Origin(*origin)) for origin in origins]

    def _opened(
        self, options: Mapping[str, Any], patience: Patience, part_bytes: int, parallel_parts: int
    ) -> tuple[Medium, str]:
        """Return the medium, and what tells it from another one with the same url."""
        if self._address.kind == LOCAL:
            if options:
                problem = f"mean nothing to local files ({', '.join(sorted(options))})"
                raise InvalidRequestError(what="options", problem=problem, remedy="leave them out")
            return LocalFiles(self._address.folder, self._address.url), ""
        medium = ObstoreMedium(
            self._address, options, patience, part_bytes=part_bytes, parallel_parts=parallel_parts
        )
        return medium, os.urandom(16).hex() if self._address.kind == MEMORY else medium.endpoint


@contextmanager
def _named(scope: StateScope | None, key: str, reference: str) -> Iterator[None]:
    """Say of an object that is gone, or that is not what it should be, whose it is."""
    try:
        yield
    except ObjectAbsentError:
        raise ReferenceMissingError(scope=str(scope), key=key, reference=reference) from None
    except NotAnObjectError as error:
        facts = {"scope": str(scope), "key": key, "reference": reference}
        raise ReferenceCorruptError(**facts, problem=str(error)) from None
