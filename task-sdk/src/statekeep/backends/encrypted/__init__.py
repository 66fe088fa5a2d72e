"""Encryption around any backend: what it keeps is ciphertext, under keys that only workers have."""

from .backend import EncryptedBackend
from .keys import EncryptionKeys
from .refusals import NotEncryptedError

__all__ = ["EncryptedBackend", "EncryptionKeys", "NotEncryptedError"]
