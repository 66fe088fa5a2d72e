"""Deletes objects through a backend: many at once where it can, singly where one of them is in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .report import problem_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._shared.state.backend import BaseStateBackend
    from .._shared.state.scope import StateScope

    Origin = tuple[StateScope, str]

# After so many in a row it is not the objects: the backend itself is out of order, and each further one
# would cost its patience again (a minute and more).
_FAILURES_IN_A_ROW = 2
# A refusal that repeating cannot mend costs none. It may be of a few objects only, which are locked or
# another user's, and those behind them must not stay for ever because of them.
_REFUSALS_IN_A_ROW = 100


class Removal(NamedTuple):
    """For each object in turn, whether it is gone; and what the first that is not met.

    ``is_away``: the backend itself is out of order, and there is no use in trying others.
    """

    are_gone: tuple[bool, ...]
    problem: str | None = None
    is_away: bool = False


def remove(backend: BaseStateBackend, origins: Sequence[Origin]) -> Removal:
    """Delete the objects of the origins (scope, storage key); one that is absent already counts as gone.

    Raises nothing that the backend raises. What is not said to be gone may be gone all the same.
    """
    delete_objects = getattr(backend, "delete_objects", None)
    if delete_objects is None:
        return _remove_singly(backend, origins)
    try:
        delete_objects(list(origins))
    # A backend is somebody else's code. Whatever it raises, one object must not keep the others from going.
    except Exception:
        return _remove_singly(backend, origins)
    return Removal((True,) * len(origins))


def _remove_singly(backend: BaseStateBackend, origins: Sequence[Origin]) -> Removal:
    are_gone: list[bool] = []
    problem: str | None = None
    in_a_row = 0.0
    for scope, storage_key in origins:
        try:
            backend.delete(scope, storage_key)
        except Exception as error:  # whatever somebody else's code raises, the others are to go
            problem = problem or problem_of(error)
            in_a_row += _share_of_patience(error)
            are_gone.append(False)
            if in_a_row >= 1:
                break
        else:
            in_a_row = 0.0
            are_gone.append(True)
    left = len(origins) - len(are_gone)
    return Removal((*are_gone, *(False,) * left), problem, in_a_row >= 1)


def _share_of_patience(error: Exception) -> float:
    may_pass = getattr(error, "retryable", True)
    return 1 / (_FAILURES_IN_A_ROW if may_pass else _REFUSALS_IN_A_ROW)
