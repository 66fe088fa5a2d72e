"""What each request can be refused with, for the document: all others would be faults."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from statekeep_core._shared.state import errors as e
from statekeep_core._shared.state import messages as m

if TYPE_CHECKING:
    from statekeep_core.server.endpoints import Endpoint

    Errors = tuple[type[e.StatekeepError], ...]

# Before the request is looked at, or wherever it came to.
_OF_ALL: Errors = (
    e.UnauthenticatedError,
    e.ValueTooLargeError,
    e.InvalidRequestError,
    e.UnavailableError,
    e.StoreUnusableError,
    e.InternalFaultError,
)
_OF_A_TRY: Errors = (e.SupersededError, e.TryFinishedError, e.OvertakenError)
_OF_A_TRYS_STATE: Errors = (*_OF_A_TRY, e.ForbiddenError, e.AssetNotDeclaredError)
# People address by name what is not there, or no longer.
_OF_PEOPLES_STATE: Errors = (e.ForbiddenError, e.NotFoundError, e.AssetInactiveError)
_OF_A_WRITE: Errors = (e.InvalidKeyError, e.AssetInactiveError)
_OF_A_VALUE: Errors = (*_OF_A_WRITE, e.InvalidValueError, e.InvalidRetentionError, e.UnsupportedError)

_STATE: MappingProxyType[type[Any], Errors] = MappingProxyType(
    {
        m.Get: (e.InvalidKeyError,),
        m.Set: (*_OF_A_VALUE, e.ConflictError, e.CondemnedError),
        m.Delete: (*_OF_A_WRITE, e.ConflictError),
        m.Clear: _OF_A_WRITE,
        m.Increment: _OF_A_VALUE,
        m.SetMax: _OF_A_VALUE,
        m.Batch: (*_OF_A_VALUE, e.ConflictError, e.CondemnedError),
        m.ListEntries: (e.InvalidKeyError,),
        m.ListHistory: (e.InvalidKeyError,),
    }
)
_OTHERS: MappingProxyType[type[Any], Errors] = MappingProxyType(
    {
        m.Start: (e.ForbiddenError, e.TryRunningError, e.AlreadySucceededError, e.AssetInactiveError),
        m.Heartbeat: _OF_A_TRY,
        # What is staged is applied at the end, and may no longer be.
        m.Finish: (*_OF_A_TRY, *_OF_A_VALUE, e.ConflictError, e.CondemnedError),
        m.AddGrant: (*_OF_A_TRY, e.AssetInactiveError),
        m.FetchDisposals: (e.ForbiddenError,),
        m.AcknowledgeDisposals: (e.ForbiddenError,),
        m.Condemn: (e.ForbiddenError, e.InvalidKeyError),
        m.SweepStep: (e.ForbiddenError,),
        m.DescribeStore: (e.ForbiddenError,),
        m.Rewind: (*_OF_PEOPLES_STATE, e.InvalidKeyError, e.UnsupportedError),
        m.ListTries: (e.ForbiddenError,),
        m.ListAssets: (e.ForbiddenError,),
        m.FindAsset: _OF_PEOPLES_STATE,
        m.Deactivate: _OF_PEOPLES_STATE,
        m.Restore: _OF_PEOPLES_STATE,
    }
)


def refusals_of(endpoint: Endpoint) -> dict[int, list[str]]:
    """Return the codes with which an endpoint refuses, by the status of the answer."""
    found: dict[int, set[str]] = {}
    for error in (*_OF_ALL, *_of_its_own(endpoint)):
        found.setdefault(error.http_status, set()).add(error.code)
    return {status: sorted(found[status]) for status in sorted(found)}


def _of_its_own(endpoint: Endpoint) -> Errors:
    if endpoint.request not in _STATE:
        return _OTHERS[endpoint.request]
    whose = _OF_PEOPLES_STATE if endpoint.is_for_people else _OF_A_TRYS_STATE
    return (*whose, *_STATE[endpoint.request])
