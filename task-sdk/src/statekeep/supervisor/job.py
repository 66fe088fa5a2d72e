"""What a supervisor is asked to run, and how that went."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .._shared.state.messages import AssetAddress, Refusal, TaskAddress


class Job(NamedTuple):
    """A task and its command. ``retries`` and waiting are this supervisor's; the others go to the store."""

    task: TaskAddress
    command: tuple[str, ...]
    inlets: tuple[AssetAddress, ...] = ()
    outlets: tuple[AssetAddress, ...] = ()
    retries: int = 0
    retry_delay_seconds: float = 0.0
    wait_seconds: float = 0.0
    rerun: bool = False
    fresh: bool = False
    new_asset: bool = False


class Outcome(NamedTuple):
    """How a job ended. ``status`` is succeeded, failed, or the code of the refusal that ended it.

    ``exit_status`` is what ``statekeep run`` exits with. ``try_number`` is None when no try was started.
    """

    status: str
    exit_status: int
    try_number: int | None = None
    refusal: Refusal | None = None


def shown(task: TaskAddress) -> str:
    """Return a task instance as people write it: ``dag/run/task``, with ``[index]`` when it is mapped."""
    name = f"{task.dag_id}/{task.run_id}/{task.task_id}"
    return name if task.map_index == -1 else f"{name}[{task.map_index}]"
