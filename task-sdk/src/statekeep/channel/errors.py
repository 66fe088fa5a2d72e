"""How the channel between a task process and its supervisor fails.

Each is a case of one of the contract's errors and carries its code, so that a caller who catches
``UnavailableError`` catches a dead supervisor too.
"""

from __future__ import annotations

from .._shared.state.errors import UnavailableError, ValueTooLargeError


class FrameTooLargeError(ValueTooLargeError):
    """A message does not fit into one frame. Facts: ``what``, ``size_bytes``, ``limit_bytes``, ``remedy``.

    Raised before anything is sent, or by the reader of a frame as soon as its length is known.
    """


class SupervisorGoneError(UnavailableError):
    """The supervisor does not answer any more. Facts: ``what``, ``problem``.

    The message says whether a write was in flight, whose outcome is then unknown.
    """


class TruncatedFrameError(SupervisorGoneError):
    """The stream ended in the middle of a frame. Facts: ``what``, ``problem``."""


def not_listening(error: OSError) -> SupervisorGoneError:
    """Return the error for a supervisor that takes no connection; nothing was sent to it."""
    problem = f"it takes no connection ({error.strerror or error}); nothing was sent to it"
    return SupervisorGoneError(what="the supervisor of this task", problem=problem)


def no_answer(detail: str) -> SupervisorGoneError:
    """Return the error for a connection that broke while a request was in flight."""
    problem = f"{detail} before it answered; whether a write that was in flight took effect is not known"
    return SupervisorGoneError(what="the supervisor of this task", problem=problem)
