"""What encryption refuses, in the contract's errors."""

from __future__ import annotations

from ..._shared.state.errors import ReferenceCorruptError, StoreUnusableError


class NotEncryptedError(ReferenceCorruptError):
    """The backend holds plaintext where ciphertext belongs. Facts: ``scope``, ``key``, ``reference``.

    Crosses every wire as ``reference_corrupt``.
    """

    template = (
        "the object of {key} in {scope} is not encrypted: {reference}; "
        "delete the key and write it again, or allow plaintext while values are moved to encryption"
    )


def keys_unusable(what: str, problem: str, remedy: str) -> StoreUnusableError:
    """The error for keys that cannot be had or cannot be right; no argument may hold key material."""
    return StoreUnusableError(what=what, problem=problem, remedy=remedy)
