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
