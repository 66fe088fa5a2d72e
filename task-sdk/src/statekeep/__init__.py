"""Durable state for data pipelines.

    import statekeep

    context = statekeep.current_context()
    context.task_state.set("job_id", job_id)

Names are imported when they are first used, so that a task pays only for what it needs.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # typing takes 2.5 ms to import
if TYPE_CHECKING:
    from ._shared.state.backend import BaseStateBackend
    from ._shared.state.retention import NEVER, Retention
    from ._shared.state.scope import AssetScope, StateScope, TaskScope
    from .accessors.asset_state import AssetStateAccessor
    from .accessors.batch import Batch
    from .accessors.entries import StateChange, StateEntry, Writer
    from .accessors.task_state import TaskStateAccessor
    from .asset import Asset
    from .context import Context, Fence, current_context
    from .errors import StatekeepError
    from .in_process import open_task
    from .tasks import Task, TaskFailedError, TaskOutcome, task

__all__ = [
    "NEVER",
    "Asset",
    "AssetScope",
    "AssetStateAccessor",
    "BaseStateBackend",
    "Batch",
    "Context",
    "Fence",
    "Retention",
    "StateChange",
    "StateEntry",
    "StateScope",
    "StatekeepError",
    "Task",
    "TaskFailedError",
    "TaskOutcome",
    "TaskScope",
    "TaskStateAccessor",
    "Writer",
    "__version__",
    "current_context",
    "open_task",
    "task",
]

# A constant, because reading the installed metadata takes 0.04 s; a test compares the two.
__version__ = "0.2.0"

_MODULES = {
    "NEVER": "._shared.state.retention",
    "Asset": ".asset",
    "AssetScope": "._shared.state.scope",
    "AssetStateAccessor": ".accessors.asset_state",
    "BaseStateBackend": "._shared.state.backend",
    "Batch": ".accessors.batch",
    "Context": ".context",
    "Fence": ".context",
    "Retention": "._shared.state.retention",
    "StateChange": ".accessors.entries",
    "StateEntry": ".accessors.entries",
    "StateScope": "._shared.state.scope",
    "StatekeepError": ".errors",
    "Task": ".tasks",
    "TaskFailedError": ".tasks",
    "TaskOutcome": ".tasks",
    "TaskScope": "._shared.state.scope",
    "TaskStateAccessor": ".accessors.task_state",
    "Writer": ".accessors.entries",
    "current_context": ".context",
    "open_task": ".in_process",
    "task": ".tasks",
}


if not TYPE_CHECKING:  # a checker that saw this would take every misspelt name for an attribute

    def __getattr__(name):
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_MODULES[name], __name__), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
