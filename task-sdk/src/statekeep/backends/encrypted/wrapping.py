"""What an encrypted backend's entries and references share: the wrapped backend, the keys, the errors."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..._shared.state.backend import BaseStateBackend
from ..._shared.state.errors import (
    InvalidRequestError,
    UnsupportedError,
)
from .keys import EncryptionKeys
from .refusals import KeyUnknownError, NotDecryptedError, NotEncryptedError
from .sealed_text import (
    DamagedTextError,
    NewerFormatError,
    NotAuthenticError,
    NotSealedError,
    UnknownKeyError,
    check_library,
    nonce_of,
    random_nonce,
    seal,
    unseal,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Outcome = TypeVar("Outcome")

# What encrypting or decrypting may take of the event loop's time: about a tenth of a millisecond.
_INLINE_CHARACTERS = 32_768
_DIGEST = b"statekeep digest 1"


class Whose(NamedTuple):
    """What an error says of a value: whose it is, as far as the caller knows, and where it lies."""

    scope: str
    key: str
    reference: str


class Wrapping(BaseStateBackend):
    """A backend that holds another one, and hands it ciphertext."""

    def __init__(self, wrapped: BaseStateBackend, keys: EncryptionKeys, *, allow_plaintext: bool) -> None:
        check_library()
        if not isinstance(wrapped, BaseStateBackend):
            problem = f"is of type {type(wrapped).__name__}, which is no state backend"
            raise InvalidRequestError(what="what is wrapped", problem=problem, remedy="give a backend")
        if not isinstance(keys, EncryptionKeys):
            problem = f"are of type {type(keys).__name__}"  # and may be secrets: never shown
            raise InvalidRequestError(what="keys", problem=problem, remedy="give EncryptionKeys")
        self._wrapped: Any = wrapped  # it may have more than the contract's methods
        self._keys = keys
        self._allow_plaintext = allow_plaintext

    def _seal(self, value: str, origin: bytes, *, written_once: bool) -> str:
        key = self._keys.first
        nonce = nonce_of(value, key, origin) if written_once else random_nonce()
        return seal(value, key, origin, nonce)

    async def _aseal(self, value: str, origin: bytes, *, written_once: bool) -> str:
        return await _computed(lambda: self._seal(value, origin, written_once=written_once), len(value))

    def _unseal(self, text: str, origin: bytes, whose: Whose) -> str:
        """Decrypt what the wrapped backend gave; in words that say why when that cannot be done."""
        facts = whose._asdict()
        try:
            return unseal(text, self._keys, origin)
        except NotSealedError:
            if self._allow_plaintext:
                return text
            raise NotEncryptedError(**facts) from None
        except NotAuthenticError as error:
            raise NotDecryptedError(**facts, problem=str(error), key_id=error.key_id) from None
        except DamagedTextError as error:
            raise NotDecryptedError(**facts, problem=str(error)) from None
        except UnknownKeyError as error:
            problem = f"there is no encryption key {error.key_id}"
            remedy = "add that key behind the first one; it was written under it"
            what = f"{whose.key} in {whose.scope}"
            raise KeyUnknownError(**facts, what=what, problem=problem, remedy=remedy) from None
        except NewerFormatError as error:
            what = f"format {error} of encrypted values"
            problem = "a newer version of statekeep wrote it; install that"
            raise UnsupportedError(what=what, problem=problem) from None

    async def _aunseal(self, text: str, origin: bytes, whose: Whose) -> str:
        return await _computed(lambda: self._unseal(text, origin, whose), len(text))

    def _mac_of_digest(self, sha256: bytes, origin: bytes) -> list[bytes]:
        """Return the digest's HMAC under each key, the first one's first."""
        return [hmac.digest(key.derive(_DIGEST, origin), sha256, "sha256") for key in self._keys]


async def _computed(function: Callable[[], Outcome], characters: int) -> Outcome:
    if characters <= _INLINE_CHARACTERS:
        return function()
    from asyncio import to_thread

    return await to_thread(function)
