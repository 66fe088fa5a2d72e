"""Who asks, and whether they still may: the fence before every read and write of a try."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from statekeep_core._shared.state.errors import SupersededError, TryFinishedError, UnauthenticatedError
from statekeep_core._shared.state.messages import OperatorClaims, TaskAddress, TryClaims, Writer
from statekeep_core.metastore import tries

if TYPE_CHECKING:
    from statekeep_core._shared.state.messages import Claims
    from statekeep_core.metastore.transaction import Transaction


class TryCaller(NamedTuple):
    """A try that is current and running, as of this transaction."""

    instance_id: int
    try_number: int
    task: TaskAddress
    ti_id: str
    sending_floor: int = 0

    @property
    def writer(self) -> Writer:
        return Writer(f"try:{self.ti_id}:{self.try_number}", self.task, self.try_number)


class OperatorCaller(NamedTuple):
    """A person, or a tool of theirs, outside any try."""

    principal: str

    @property
    def writer(self) -> Writer:
        return Writer(self.principal)


Caller = TryCaller | OperatorCaller


def principal_of(claims: Claims) -> str:
    """Return the name under which a caller's requests are remembered; needs no look at the store."""
    match claims:
        case TryClaims():
            return f"try:{claims.instance_id}:{claims.try_number}"
        case OperatorClaims():
            return f"operator:{claims.operator}"
        case _:
            return f"worker:{claims.worker}"


def current_caller(tx: Transaction, claims: Claims) -> Caller:
    """Return the caller of a state operation.

    Raises :class:`SupersededError` when a later try has started, :class:`TryFinishedError` when this one
    has ended, and :class:`UnauthenticatedError` for claims that name no try or that may only start tries.
    """
    if isinstance(claims, OperatorClaims):
        return OperatorCaller(f"operator:{claims.operator}")
    if not isinstance(claims, TryClaims):
        raise UnauthenticatedError(
            problem="a credential starts tries here, and reads and writes no state",
            remedy="use the token that the start answered",
        )
    tx.locks.hold_try(claims.instance_id, claims.try_number)
    record = tries.find(tx, claims.instance_id, claims.try_number)
    if record is None:
        raise UnauthenticatedError(
            problem=f"try {claims.try_number} of instance {claims.instance_id} is not known to this store",
            remedy="start a try on this store first",
        )
    if claims.try_number != record.current_try_number:
        raise SupersededError(
            task=describe(record.task),
            try_number=claims.try_number,
            current_try_number=record.current_try_number,
        )
    if record.status != "running":
        raise TryFinishedError(task=describe(record.task), try_number=claims.try_number, status=record.status)
    return TryCaller(claims.instance_id, claims.try_number, record.task, record.ti_id, record.sending_floor)


def describe(task: TaskAddress) -> str:
    """Return a task instance as people write it: ``dag/run/task``, with ``[index]`` when it is mapped."""
    name = f"{task.dag_id}/{task.run_id}/{task.task_id}"
    return name if task.map_index == -1 else f"{name}[{task.map_index}]"
