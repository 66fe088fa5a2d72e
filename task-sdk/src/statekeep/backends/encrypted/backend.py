"""The backend's class: its construction, and what it says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._shared.state.errors import InvalidRequestError
from .entries import EncryptedEntries
from .references import EncryptedReferences

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from ..._shared.state.backend import BaseStateBackend
    from .keys import EncryptionKeys


class EncryptedBackend(EncryptedEntries, EncryptedReferences):
    """Encrypts every value by AES-256-GCM before ``wrapped`` gets it, and decrypts what comes back.

    ``wrapped``: any backend, which belongs to this one from then on; its ``threshold_bytes`` becomes 0,
    since nothing may stay inline. Whether it is plain or immutable, so is this one.

    ``keys``: the first encrypts, all decrypt.

    ``allow_plaintext``: for the time of a migration, what is not encrypted is read as it is. Without it, that
    is refused with ``NotEncryptedError``. What is written is encrypted in any case.

    Hidden are the values. Scopes, keys, the number of values and their sizes are not. A ciphertext opens at
    its origin only: moved to another scope, key or generation it is ``reference_corrupt``, as it is when any
    bit of it was altered. An older ciphertext of the same key, put back in an entry or in a plain backend's
    object, opens; in an immutable backend there is none.

    Methods may be called from several threads, and from several event loops, if those of ``wrapped`` may.
    Raises ``store_unusable`` when ``cryptography`` is not installed, ``invalid_request`` for what cannot be
    wrapped.
    """

    def __init__(
        self, wrapped: BaseStateBackend, keys: EncryptionKeys, *, allow_plaintext: bool = False
    ) -> None:
        super().__init__(wrapped, keys, allow_plaintext=allow_plaintext)
        self.immutable_refs = bool(wrapped.immutable_refs)  # type: ignore[misc]  # as the wrapped instance is
        if wrapped.threshold_bytes:
            _lift_threshold(wrapped)

    @classmethod
    def all_from_configuration(cls, environ: Mapping[str, str]) -> list[Self]:
        """Return what ``[encryption]`` describes, around each backend that the wrapped one's settings name:
        the one that is written to, then those that are only read.

        Raises ``SettingsError``.
        """
        from .configured import configured_encryption  # which one that is made in Python does without

        configured = configured_encryption(environ)
        return [
            cls(wrapped, configured.keys, allow_plaintext=configured.allow_plaintext)
            for wrapped in configured.wrapped
        ]

    @property
    def threshold_bytes(self) -> int:  # type: ignore[override]  # no setter: nobody may let plaintext through
        """0: nothing stays inline, so that the server sees no plaintext."""
        return 0

    @property
    def backend_id(self) -> str:
        """The wrapped backend's id, marked: neither can read the other's references.

        It does not depend on the keys, so rotating them leaves every reference readable.
        """
        return f"encrypted:{self._wrapped.backend_id}"

    @property
    def plaintext_backend_id(self) -> str | None:
        """While plaintext is allowed, the id in records from before encryption, which this one reads too."""
        return str(self._wrapped.backend_id) if self._allow_plaintext else None

    @property
    def place(self) -> str:
        """Where the wrapped backend says that its objects lie, for people; "" when it does not."""
        return str(getattr(self._wrapped, "place", ""))

    @property
    def store_id(self) -> str:
        """The metastore's id, as the wrapped backend has it."""
        return str(self._wrapped.store_id)

    @store_id.setter
    def store_id(self, store_id: str) -> None:
        self._wrapped.store_id = store_id

    def __repr__(self) -> str:
        return f"EncryptedBackend({self._wrapped.backend_id}, {self._keys!r})"


def _lift_threshold(wrapped: BaseStateBackend) -> None:
    try:
        wrapped.threshold_bytes = 0
    except AttributeError:
        problem = f"keeps values below {wrapped.threshold_bytes:,} bytes inline, and that cannot be set"
        remedy = "let its threshold_bytes be 0"
        raise InvalidRequestError(
            what=f"backend {wrapped.backend_id}", problem=problem, remedy=remedy
        ) from None
