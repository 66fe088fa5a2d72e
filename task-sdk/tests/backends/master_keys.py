"""Keys for the tests of encryption: random ones by fixed seeds, and the encodings that are read."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from statekeep.backends import EncryptionKeys


def material(name: str) -> bytes:
    """The 32 bytes of a made-up key."""
    return sha256(name.encode()).digest()


def written(name: str, key_id: str | None = None) -> str:
    """A made-up key as people write it: ID:BASE64."""
    return f"{key_id or name}:{b64encode(material(name)).decode()}"


def keys(*names: str) -> EncryptionKeys:
    """Made-up keys whose ids are their names; the first encrypts."""
    return EncryptionKeys({name: material(name) for name in names or ("k1",)})
