"""State backends for workers, and ``testing``: the suite that says whether a backend keeps the contract.

Names are imported when they are first used, so that a task pays for its own backend only. Neither obstore
nor Zstandard nor cryptography is loaded then: each is by the first backend that needs it.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # typing takes 2.5 ms to import
if TYPE_CHECKING:
    from .encrypted import EncryptedBackend, EncryptionKeys, NotEncryptedError
    from .object_store import ObjectStoreBackend

__all__ = ["EncryptedBackend", "EncryptionKeys", "NotEncryptedError", "ObjectStoreBackend"]

_MODULES = {
    "EncryptedBackend": ".encrypted",
    "EncryptionKeys": ".encrypted",
    "NotEncryptedError": ".encrypted",
    "ObjectStoreBackend": ".object_store",
}


if not TYPE_CHECKING:  # a checker that saw this would take every misspelt name for an attribute

    def __getattr__(name):
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_MODULES[name], __name__), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
