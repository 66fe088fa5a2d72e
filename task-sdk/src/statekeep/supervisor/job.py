"""What a supervisor is asked to run, and how that went."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .._shared.state.errors import InvalidRequestError

if TYPE_CHECKING:
    from .._shared.state.messages import AssetAddress, Refusal, TaskAddress


_MOST_RETRIES = 999_999
_LONGEST_SECONDS = 1_000_000_000  # 31 years; what overflows a deadline is far beyond


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


def check(job: Job) -> None:
    """Raise :class:`InvalidRequestError` when a number of the job cannot be counted or waited for."""
    if not isinstance(job.retries, int) or not 0 <= job.retries <= _MOST_RETRIES:
        raise InvalidRequestError(
            what="retries",
            problem=f"is {job.retries!r:.40}",
            remedy=f"give a whole number from 0 to {_MOST_RETRIES:,}",
        )
    for what, seconds in (
        ("retry_delay_seconds", job.retry_delay_seconds),
        ("wait_seconds", job.wait_seconds),
    ):
        if not isinstance(seconds, (int, float)) or not 0 <= seconds < _LONGEST_SECONDS:  # nan is neither
            raise InvalidRequestError(
                what=what,
                problem=f"is {seconds!r:.40}",
                remedy=f"give seconds from 0 to less than {_LONGEST_SECONDS:,}",
            )


def shown(task: TaskAddress) -> str:
    """Return a task instance as people write it: ``dag/run/task``, with ``[index]`` when it is mapped."""
    name = f"{task.dag_id}/{task.run_id}/{task.task_id}"
    return name if task.map_index == -1 else f"{name}[{task.map_index}]"
