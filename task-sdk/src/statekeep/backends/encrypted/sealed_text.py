"""The format: AES-256-GCM (NIST SP 800-38D) as JSON text.

::

    "statekeep-encrypted-1:KEY_ID:BASE64"       BASE64 of nonce (12 bytes), ciphertext, tag (16 bytes)

The header up to the second colon and the address are associated data. A backend takes JSON text, so the
ciphertext is a JSON string; base64 makes it a third longer than the value.

The key is derived from the master key for the address (``keys.py``), so what GCM allows with random nonces,
2^32 values before two of them share a nonce with a probability of 2^-32, is allowed for every single
address: an overwrite every second for 136 years. An address that is written once takes its nonce from the
value instead, so that a write that is repeated writes the same bytes, which a store that refuses to replace
an object recognises; another value would have another nonce.

Both directions work in pieces, and hold the text's and the value's bytes once, and once more while joining.
"""

from __future__ import annotations

import hmac
import os
import re
from binascii import Error as NotBase64Error
from binascii import a2b_base64, b2a_base64
from codecs import getincrementaldecoder
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from ..._shared.state.errors import InvalidValueError
from .refusals import keys_unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.ciphers import AEADDecryptionContext, Cipher
    from cryptography.hazmat.primitives.ciphers.modes import GCM

    from .keys import EncryptionKeys, MasterKey

VERSION = 1
NONCE_BYTES = 12
TAG_BYTES = 16

_MAGIC = '"statekeep-encrypted-'
_HEADER = re.compile(_MAGIC + r"(0|[1-9][0-9]{0,8}):([A-Za-z0-9._-]{1,64}):")
# What one step may keep the interpreter from other threads: about a millisecond. A multiple of 3 and of 4.
_PIECE = 196_608
_QUAD = 4
_ENCRYPTION, _NONCE = b"statekeep encryption 1", b"statekeep nonce 1"


class NotSealedError(Exception):
    """The text does not begin as a ciphertext does."""


class DamagedTextError(Exception):
    """The text is no ciphertext of this address under this key, whole and unaltered. Says what is wrong."""


class NotAuthenticError(DamagedTextError):
    """The text was altered or moved, or the key of this id is another than it was: no one can tell which."""

    def __init__(self, problem: str, key_id: str) -> None:
        super().__init__(problem)
        self.key_id = key_id


class UnknownKeyError(Exception):
    """The ciphertext names a key that is not there."""

    def __init__(self, key_id: str) -> None:
        super().__init__(key_id)
        self.key_id = key_id


class NewerFormatError(Exception):
    """The ciphertext is of a format that a newer version wrote."""


class _Header(NamedTuple):
    text: str
    key_id: str


def check_library() -> None:
    """Raise ``store_unusable``, which names the extra, when the library is not installed."""
    try:
        import cryptography.hazmat.primitives.ciphers  # noqa: F401 -- and its compiled part
    except ImportError:
        what, problem = "encryption of state", "cryptography is not installed"
        raise keys_unusable(what, problem, "pip install 'statekeep[encryption]'") from None


def random_nonce() -> bytes:
    """Return the nonce for an address that may be overwritten."""
    return os.urandom(NONCE_BYTES)


def nonce_of(value: str, key: MasterKey, origin: bytes) -> bytes:
    """Return the nonce for an address that is written once: the same for the same value."""
    digest = sha256()
    for piece in _encoded_pieces(value):
        digest.update(piece)
    return hmac.digest(key.derive(_NONCE, origin), digest.digest(), "sha256")[:NONCE_BYTES]


def seal(value: str, key: MasterKey, origin: bytes, nonce: bytes) -> str:
    """Encrypt a value for an address; raise ``invalid_value`` when it has no UTF-8."""
    header = f"{_MAGIC}{VERSION}:{key.key_id}:"
    encryptor = _cipher(key, origin, nonce).encryptor()
    encryptor.authenticate_additional_data(header.encode() + origin)
    texts = [header]
    waiting = nonce
    for piece in _encoded_pieces(value):
        waiting += encryptor.update(piece)
        whole = len(waiting) - len(waiting) % 3
        texts.append(b2a_base64(waiting[:whole], newline=False).decode("ascii"))
        waiting = waiting[whole:]
    waiting += encryptor.finalize() + encryptor.tag
    texts += b2a_base64(waiting, newline=False).decode("ascii"), '"'
    return "".join(texts)


def unseal(text: str, keys: EncryptionKeys, origin: bytes) -> str:
    """Decrypt what was sealed for this very address; nothing is returned before all of it is authenticated.

    Raises ``NotSealedError``, ``NewerFormatError``, ``UnknownKeyError``, or ``DamagedTextError``.
    """
    header = _header_of(text)
    key = keys.find(header.key_id)
    if key is None:
        raise UnknownKeyError(header.key_id)
    pieces = _decoded_pieces(text, len(header.text))
    waiting = next(pieces, b"")
    nonce, waiting = waiting[:NONCE_BYTES], waiting[NONCE_BYTES:]
    if len(nonce) < NONCE_BYTES:
        raise DamagedTextError("it was cut")
    decryptor = _cipher(key, origin, nonce).decryptor()
    decryptor.authenticate_additional_data(header.text.encode() + origin)
    clear: list[bytes] = []
    for piece in pieces:
        waiting += piece
        clear.append(decryptor.update(waiting[:-TAG_BYTES]))
        waiting = waiting[-TAG_BYTES:]
    clear.append(decryptor.update(waiting[:-TAG_BYTES]))
    _authenticate(decryptor, waiting[-TAG_BYTES:], header.key_id)
    return _decoded(clear)


def _header_of(text: str) -> _Header:
    if not text.startswith(_MAGIC):
        raise NotSealedError
    found = _HEADER.match(text)
    if found is None:
        raise DamagedTextError("its header cannot be read")
    if int(found[1]) != VERSION:
        raise NewerFormatError(found[1])
    return _Header(found[0], found[2])


def _decoded_pieces(text: str, start: int) -> Iterator[bytes]:
    end = len(text) - 1
    if not text.endswith('"') or (end - start) % _QUAD:
        raise DamagedTextError("it was cut")
    for place in range(start, end, _PIECE):
        piece = text[place : min(place + _PIECE, end)]
        try:
            decoded = a2b_base64(piece, strict_mode=True)
        except (NotBase64Error, ValueError):  # the latter for what is not ASCII
            raise DamagedTextError("it is not base64") from None
        last = piece[-_QUAD:]
        if b2a_base64(a2b_base64(last), newline=False) != last.encode():
            raise DamagedTextError("its base64 was altered")  # in bits before the padding, which say nothing
        yield decoded


def _authenticate(decryptor: AEADDecryptionContext, tag: bytes, key_id: str) -> None:
    from cryptography.exceptions import InvalidTag

    problem = "it was altered, or was written for another key, or under another master key of the same id"
    try:
        decryptor.finalize_with_tag(tag)
    except (InvalidTag, ValueError):  # the latter for a tag that was cut
        raise NotAuthenticError(problem, key_id) from None


def _decoded(clear: list[bytes]) -> str:
    decoder = getincrementaldecoder("utf-8")()
    texts = []
    try:
        for number, piece in enumerate(clear):
            texts.append(decoder.decode(piece))
            clear[number] = b""  # freed as soon as it is text
        texts.append(decoder.decode(b"", final=True))
    except UnicodeDecodeError:  # authentic, so only by a writer that is not this one
        raise DamagedTextError("its value is not UTF-8") from None
    return "".join(texts)


def _encoded_pieces(value: str) -> Iterator[bytes]:
    try:
        for start in range(0, len(value), _PIECE):
            yield value[start : start + _PIECE].encode()
    except UnicodeEncodeError:
        problem, remedy = "holds a lone surrogate", "give text that UTF-8 can encode"
        raise InvalidValueError(what="value", problem=problem, remedy=remedy) from None


def _cipher(key: MasterKey, origin: bytes, nonce: bytes) -> Cipher[GCM]:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import GCM

    return Cipher(AES(key.derive(_ENCRYPTION, origin)), GCM(nonce))
