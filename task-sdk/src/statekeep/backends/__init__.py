"""State backends for workers, and ``testing``: the suite that says whether a backend keeps the contract.

Importing it loads neither obstore nor Zstandard nor cryptography: each is loaded by the first backend that
needs it.
"""

from .encrypted import EncryptedBackend, EncryptionKeys, NotEncryptedError
from .object_store import ObjectStoreBackend

__all__ = ["EncryptedBackend", "EncryptionKeys", "NotEncryptedError", "ObjectStoreBackend"]
