"""State backends for workers, and ``testing``: the suite that says whether a backend keeps the contract.

Importing it loads neither obstore nor Zstandard: each is loaded by the first backend that needs it.
"""

from .object_store import ObjectStoreBackend

__all__ = ["ObjectStoreBackend"]
