"""Every error that Statekeep raises on purpose. All derive from :class:`StatekeepError`.

Each has a stable ``code``, the ``facts`` that its message is made of, and says with ``retryable`` whether
the same call can succeed later.
"""

from __future__ import annotations

from ._shared.state.errors import (
    AlreadySucceededError,
    AssetInactiveError,
    AssetNotDeclaredError,
    BackendMismatchError,
    CondemnedError,
    ConflictError,
    ForbiddenError,
    InternalFaultError,
    InvalidKeyError,
    InvalidRequestError,
    InvalidRetentionError,
    InvalidValueError,
    NotFoundError,
    OvertakenError,
    ReferenceCorruptError,
    ReferenceMissingError,
    StatekeepError,
    StoreUnusableError,
    SupersededError,
    TryFinishedError,
    TryRunningError,
    UnauthenticatedError,
    UnavailableError,
    UnrecognizedError,
    UnsupportedError,
    ValueTooLargeError,
)
from .channel.errors import FrameTooLargeError, SupervisorGoneError, TruncatedFrameError

__all__ = [
    "AlreadySucceededError",
    "AssetInactiveError",
    "AssetNotDeclaredError",
    "BackendMismatchError",
    "CondemnedError",
    "ConflictError",
    "ForbiddenError",
    "FrameTooLargeError",
    "InternalFaultError",
    "InvalidKeyError",
    "InvalidRequestError",
    "InvalidRetentionError",
    "InvalidValueError",
    "NoCurrentTaskError",
    "NotFoundError",
    "OvertakenError",
    "ReferenceCorruptError",
    "ReferenceMissingError",
    "StatekeepError",
    "StoreUnusableError",
    "SupersededError",
    "SupervisorGoneError",
    "TruncatedFrameError",
    "TryFinishedError",
    "TryRunningError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnrecognizedError",
    "UnsupportedError",
    "ValueTooLargeError",
]


class NoCurrentTaskError(InvalidRequestError):
    """This process runs no task, or several, so there is no context to give. Facts: as its parent's."""
