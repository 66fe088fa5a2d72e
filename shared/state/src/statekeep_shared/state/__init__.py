"""The state contract: scopes, the rules for keys and values, retention, errors, and backends.

Importing this loads the standard library only. The messages between processes are in ``messages`` and
``wire``, the conformance suite for backends in ``testing``; neither is imported from here.
"""

from .rules import check_asset, check_key, check_scope, check_task
from .scope import AssetScope, StateScope, TaskScope

__all__ = [
    "AssetScope",
    "StateScope",
    "TaskScope",
    "check_asset",
    "check_key",
    "check_scope",
    "check_task",
]
