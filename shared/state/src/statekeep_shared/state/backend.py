"""The contract of a state backend: eight abstract methods, ``cleanup``, and four hooks.

A backend holds text under ``(scope, key)``. On the server the metastore is one. On a worker a backend takes
the values that should not travel, and the server records the references that its hooks return.

A subclass of any vendored copy of :class:`BaseStateBackend` counts as a subclass of every copy.
"""

from __future__ import annotations

from abc import abstractmethod

from .copies import OneContract
from .errors import UnsupportedError

TYPE_CHECKING = False  # typing takes 2.5 ms to import
if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import ClassVar

    from .scope import StateScope

MAX_REFERENCE_BYTES = 4_096


class BaseStateBackend(OneContract):
    """Subclass this and implement the eight abstract methods; the rest has defaults that are right.

    ``value`` is always JSON text, and comes back as the same text. Methods may be called from several
    threads at once. An async twin does what its blocking half does and never blocks the event loop.

    Three things are used where a class has them, though no method here shows them:

    ``from_configuration(environ)``, a class method that makes the backend that ``[workers] state_backend``
    names; without it, the class is called without arguments.

    ``store_id``, an attribute, which the worker sets to the id of the store whose references are made. An
    immutable backend keeps its objects below it.

    ``scope=`` and ``storage_key=``, keyword arguments of the four hooks (and of their async twins, if there
    are any: ``aserialize_task_state_to_ref`` and so on), which an immutable backend must take. They are the
    *origin*, as first written, when the record was copied since, too: a reference that is not that of its
    origin is refused.
    """

    __contract_id__ = "statekeep.state.BaseStateBackend/1"

    #: Whether every write makes a new object, named by a storage key. Plain backends, which overwrite in
    #: place under the user's key, leave it False.
    immutable_refs: ClassVar[bool] = False

    #: Values whose encoded form is shorter than this stay inline; read for immutable backends only.
    threshold_bytes: int = 0

    @property
    def backend_id(self) -> str:
        """What a record names as its backend, so that a reader finds it again: the path of the class.

        Two backends that cannot read each other's references must not share an id.
        """
        cls = type(self)
        return f"{cls.__module__}.{cls.__qualname__}"

    # --- the eight ---------------------------------------------------------------------------------------

    @abstractmethod
    def get(self, scope: StateScope, key: str) -> str | None:
        """Return the text under the key, or None when there is none. Matches every field of the scope."""

    @abstractmethod
    def set(self, scope: StateScope, key: str, value: str) -> None:
        """Keep the text under the key, in place of what was there. Durable when it returns.

        When it raises, what was there before is still there, whole.
        """

    @abstractmethod
    def delete(self, scope: StateScope, key: str) -> None:
        """Remove the key, and the external object that a hook made for it. No effect when absent."""

    @abstractmethod
    def clear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        """Remove every key of the scope.

        ``all_map_indices`` drops the filter on the map index, so that all mapped instances of the task in
        the run are cleared; on an asset it has no effect.
        """

    @abstractmethod
    async def aget(self, scope: StateScope, key: str) -> str | None:
        """The async twin of :meth:`get`."""

    @abstractmethod
    async def aset(self, scope: StateScope, key: str, value: str) -> None:
        """The async twin of :meth:`set`."""

    @abstractmethod
    async def adelete(self, scope: StateScope, key: str) -> None:
        """The async twin of :meth:`delete`."""

    @abstractmethod
    async def aclear(self, scope: StateScope, *, all_map_indices: bool = False) -> None:
        """The async twin of :meth:`clear`."""

    # --- with defaults -----------------------------------------------------------------------------------

    def cleanup(self) -> None:
        """Remove expired and orphaned records; the backend reads its own configuration and decides what goes.

        By default nothing: that is right wherever nothing expires.
        """

    def list_objects(self, store_id: str) -> Iterable[tuple[StateScope, str, int, datetime]]:  # noqa: ARG002 -- a seam
        """Yield ``(scope, storage_key, size_bytes, modified_at)`` of every object under the store's root.

        The orphan sweep reads it; an immutable backend must have it. Raises when the listing is incomplete.
        """
        what = f"listing the objects of {type(self).__name__}"
        raise UnsupportedError(what=what, problem="the backend does not implement list_objects")

    # --- the hooks, which the SDK calls on the worker ----------------------------------------------------
    #
    # Given the same (ti_id, key) or (asset_ref, key), serialize_* returns the same reference: no timestamp
    # and no random id, or delete() could not rebuild it and the object would be orphaned. An immutable
    # backend gets key=storage_key, new for every write, and the keyword arguments scope and storage_key.

    def serialize_task_state_to_ref(self, *, value: str, key: str, ti_id: str) -> str:  # noqa: ARG002 -- a seam
        """Put the value where it should live and return its reference, at most 4,096 bytes of UTF-8.

        Called in an accessor's ``set``, before anything is sent. Returning ``value`` itself keeps it inline.
        An immutable backend also takes the keyword arguments ``scope`` and ``storage_key``.
        """
        return value

    def deserialize_task_state_from_ref(self, stored: str) -> str:
        """Return the value of a reference; raise, and never answer with a default, when it is gone.

        An immutable backend also takes the keyword arguments ``scope`` and ``storage_key``.
        """
        return stored

    def serialize_asset_state_to_ref(self, *, value: str, key: str, asset_ref: str) -> str:  # noqa: ARG002 -- a seam
        """As :meth:`serialize_task_state_to_ref`, for an asset.

        ``asset_ref`` is its canonical name, or its uri when it has no name.
        """
        return value

    def deserialize_asset_state_from_ref(self, stored: str) -> str:
        """As :meth:`deserialize_task_state_from_ref`."""
        return stored
