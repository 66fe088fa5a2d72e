"""The state contract: scopes, the rules for keys and values, retention, errors, and backends.

Importing this loads the standard library only. The messages between processes are in ``messages`` and
``wire``, the arithmetic of ``increment`` and ``set_max`` in ``arithmetic``, the conformance suite for
backends in ``testing``; none of them is imported from here.
"""

from .retention import NEVER, Retention, check_retention, parse_retention
from .rules import check_asset, check_key, check_scope, check_task
from .values import check_encoded, decode, encode

TYPE_CHECKING = False  # typing takes 2.5 ms to import
if TYPE_CHECKING:
    from .backend import BaseStateBackend
    from .scope import AssetScope, StateScope, TaskScope

__all__ = [
    "NEVER",
    "AssetScope",
    "BaseStateBackend",
    "Retention",
    "StateScope",
    "TaskScope",
    "check_asset",
    "check_encoded",
    "check_key",
    "check_retention",
    "check_scope",
    "check_task",
    "decode",
    "encode",
    "parse_retention",
]

if not TYPE_CHECKING:  # a checker that saw this would take every misspelt name for an attribute

    def __getattr__(name):
        # A task that gets and sets names none of these; a scope is a dataclass, whose import takes 8 ms.
        if name == "BaseStateBackend":
            from . import backend

            return backend.BaseStateBackend
        if name in ("AssetScope", "StateScope", "TaskScope"):
            from . import scope

            return getattr(scope, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
