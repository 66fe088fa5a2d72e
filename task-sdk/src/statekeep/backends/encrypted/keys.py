"""Master keys by their ids, how they are written down, and the keys that are derived from them.

From a master key every address gets keys of its own (HKDF-Expand, RFC 5869, one block). So no amount of
writing wears a master key out, a ciphertext under another address is under another key, and the digest in a
record can be made and checked without the object.
"""

from __future__ import annotations

import hmac
import re
from binascii import Error as NotBase64Error
from binascii import a2b_base64
from typing import TYPE_CHECKING, NoReturn

from .key_sources import command_text, file_text, variable_text
from .refusals import keys_unusable

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

KEY_BYTES = 32
DEFAULT_VARIABLE = "STATEKEEP__ENCRYPTION__KEYS"  # as `[encryption] keys` has it

_FEWEST_DIFFERENT_BYTES = 8  # 32 random ones have fewer once in 10^37 times; a placeholder has one or two
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_RECIPE = "make one with `openssl rand -base64 32`"


class MasterKey:
    """32 secret bytes and their id. Nothing shows the bytes, and they cannot be pickled."""

    __slots__ = ("_material", "key_id")

    def __init__(self, key_id: str, material: bytes) -> None:
        self.key_id = key_id
        self._material = material

    def derive(self, purpose: bytes, origin: bytes) -> bytes:
        """Return the key of 32 bytes for one purpose at one address."""
        return hmac.digest(self._material, purpose + b"\0" + origin + b"\1", "sha256")

    def __repr__(self) -> str:
        return f"MasterKey({self.key_id!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("encryption keys are not pickled; read them again in the other process")


class EncryptionKeys:
    """Master keys by id, in order: the first encrypts, all decrypt. Immutable.

    To rotate: add the new key behind the old one everywhere, then put it first everywhere, and remove the
    old one when nothing written under it is left, history included.

    Raises ``store_unusable`` when there is no key, or an id or a key cannot be; key material is never shown.
    """

    def __init__(self, keys: Mapping[str, bytes], *, source: str = "encryption keys") -> None:
        if not keys:
            raise keys_unusable(source, "there is no key", f"give at least one; {_RECIPE}")
        self._keys: dict[str, MasterKey] = {}
        for number, (key_id, material) in enumerate(keys.items(), 1):
            _check(key_id, material, f"entry {number}", source)
            self._keys[key_id] = MasterKey(key_id, bytes(material))

    @classmethod
    def from_text(cls, text: str, *, source: str = "encryption keys") -> EncryptionKeys:
        """Read ``ID:KEY``, separated by newlines or commas; the key as base64 or hex of 32 bytes.

        An id has up to 64 letters, digits, dots, dashes and underscores. Lines that begin with ``#`` are
        passed over.
        """
        keys: dict[str, bytes] = {}
        for number, entry in enumerate(_entries(text), 1):
            key_id, separator, written = entry.partition(":")
            key_id = key_id.strip()
            if not separator:
                raise keys_unusable(
                    source, f"entry {number} is not ID:KEY", "write the key's id, `:`, the key"
                )
            material = _material(written.strip())
            if material is None:
                problem = f"the key of entry {number} is neither base64 nor hex"
                raise keys_unusable(source, problem, _RECIPE)
            _check(key_id, material, f"entry {number}", source)
            if key_id in keys:
                raise keys_unusable(
                    source, f"the id {key_id} stands there twice", "give every key its own id"
                )
            keys[key_id] = material
        return cls(keys, source=source)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> EncryptionKeys:
        """Read a file that others cannot read: the user's own, of mode 0600 or less, or one of root's."""
        name = str(path)
        return cls.from_text(file_text(name), source=f"key file {name}")

    @classmethod
    def from_command(cls, command: str, environ: Mapping[str, str] | None = None) -> EncryptionKeys:
        """Read what a command prints. It is run once, without a shell, for a minute at most."""
        return cls.from_text(
            command_text(command, _given_or_own(environ)), source="the output of the command for keys"
        )

    @classmethod
    def from_environment(
        cls, variable: str = DEFAULT_VARIABLE, environ: Mapping[str, str] | None = None
    ) -> EncryptionKeys:
        """Read an environment variable, which every process that the worker starts sees too."""
        return cls.from_text(
            variable_text(variable, _given_or_own(environ)), source=f"environment variable {variable}"
        )

    @property
    def first(self) -> MasterKey:
        """The key that encrypts."""
        return next(iter(self))

    def find(self, key_id: str) -> MasterKey | None:
        """Return the key of an id, or None."""
        return self._keys.get(key_id)

    def __iter__(self) -> Iterator[MasterKey]:
        return iter(self._keys.values())

    def __repr__(self) -> str:
        return f"EncryptionKeys({', '.join(self._keys)})"


def _given_or_own(environ: Mapping[str, str] | None) -> Mapping[str, str]:
    if environ is not None:
        return environ
    from ...config import process_environment  # 4 ms, which a task with another backend would pay too

    return process_environment()


def _entries(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not line.lstrip().startswith("#"):
            yield from (entry.strip() for entry in line.split(",") if entry.strip())


def _material(written: str) -> bytes | None:
    if _HEX.fullmatch(written):
        return bytes.fromhex(written)
    padded = written.replace("-", "+").replace("_", "/").rstrip("=")
    padded += "=" * (-len(padded) % 4)
    try:
        return a2b_base64(padded, strict_mode=True)
    except (NotBase64Error, ValueError):
        return None


def _check(key_id: str, material: bytes, where: str, source: str) -> None:
    # An id that is refused is not shown: whoever swapped the two wrote the key in its place.
    if _KEY_ID.fullmatch(key_id) is None:
        remedy = "use 1 to 64 letters, digits, dots, dashes and underscores"
        raise keys_unusable(source, f"the id of {where} has other characters, or too many", remedy)
    if len(material) != KEY_BYTES:
        problem = f"the key of {where} has {len(material)} bytes instead of {KEY_BYTES}"
        raise keys_unusable(source, problem, _RECIPE)
    if len(set(material)) < _FEWEST_DIFFERENT_BYTES:
        raise keys_unusable(source, f"the key of {where} is not random", _RECIPE)
