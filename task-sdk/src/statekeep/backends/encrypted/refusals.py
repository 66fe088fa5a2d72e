"""What encryption refuses, in the contract's errors.

"Key" alone is that of the entry in none of these messages, nor in what they advise: it could be taken for the
encryption key.
"""

from __future__ import annotations

from ..._shared.state.errors import ReferenceCorruptError, StoreUnusableError


class NotEncryptedError(ReferenceCorruptError):
    """The backend holds plaintext where ciphertext belongs. Facts: ``scope``, ``key``, ``reference``.

    Crosses every wire as ``reference_corrupt``.
    """

    template = (
        "{key} in {scope} is not encrypted: {reference}; if it was written before encryption, set "
        "[encryption] allow_plaintext = true to read it, and write it again"
    )


class NotDecryptedError(ReferenceCorruptError):
    """What lies there does not open. Facts: ``scope``, ``key``, ``reference``, ``problem``; ``key_id`` where
    the cause may be the encryption key of this id, too.

    Crosses every wire as ``reference_corrupt``.
    """

    template = "the object of {key} in {scope} is not what was written ({problem}): {reference}; restore it"

    def _wording(self, facts: dict[str, str | int | float | bool | None]) -> str:
        if "key_id" in facts:
            return (
                "{key} in {scope} does not open: its encryption key {key_id} is not the one that it was "
                "written with, or the object is not what was written: {reference}; "
                "give the key that had this id then, or restore the object"
            )
        return self.template


class KeyUnknownError(StoreUnusableError):
    """There is no key of the id in the ciphertext. Facts: ``scope``, ``key``, ``reference``, and those of
    ``store_unusable``, as which it crosses every wire.
    """

    template = "{key} in {scope} cannot be read: {problem}; {remedy}"


def keys_unusable(what: str, problem: str, remedy: str) -> StoreUnusableError:
    """The error for keys that cannot be had or cannot be right; no argument may hold key material."""
    return StoreUnusableError(what=what, problem=problem, remedy=remedy)
