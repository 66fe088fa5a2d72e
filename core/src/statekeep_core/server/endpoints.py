"""What can be asked over HTTP, at which path, and with which claims each caller asks it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.errors import ForbiddenError
from statekeep_core._shared.state.routes import EXECUTION, OPERATORS, operation_of
from statekeep_core._shared.state.wire import Plain, to_plain
from statekeep_core.metastore.credentials import OPERATOR

if TYPE_CHECKING:
    from .caller import Caller

_STATE = (
    m.Get,
    m.Set,
    m.Delete,
    m.Clear,
    m.Increment,
    m.SetMax,
    m.Batch,
    m.ListEntries,
    m.ListHistory,
)
_OF_A_SWEEPER = (m.FetchDisposals, m.AcknowledgeDisposals, m.Condemn, m.SweepStep, m.DescribeStore)
_OF_A_TRY = (m.Start, m.Heartbeat, m.Finish, m.AddGrant)
# What takes a credential; a try's token does not even get as far as the store.
_OF_CREDENTIALS = frozenset({m.Start, *_OF_A_SWEEPER})
_OF_PEOPLE = (m.Rewind, m.ListTries, m.ListAssets, m.FindAsset, m.Deactivate, m.Restore)
# A worker looks for a try that still runs before it starts one, and sweeps.
_OF_PEOPLE_AND_WORKERS = (m.ListTries, *_OF_A_SWEEPER)


class Endpoint(NamedTuple):
    """One kind of request at one path. ``renews``: a token that has expired is good enough."""

    path: str
    operation: str
    request: type[Any]
    is_for_people: bool
    renews: bool = False

    @property
    def kind(self) -> str:
        return self.request.__name__

    def claims_of(self, caller: Caller) -> Plain:
        """Return the claims with which the store is asked. Raises :class:`ForbiddenError`."""
        if caller.token is not None:
            if self.is_for_people:
                raise self._forbidden("a task's token opens its own door only, under " + EXECUTION)
            if self.request in _OF_CREDENTIALS:
                raise self._forbidden("it needs a credential, and this is a task's token")
            return caller.token.claims
        if not self.is_for_people:
            return to_plain(m.WorkerClaims(caller.name))
        if caller.role == OPERATOR:
            return to_plain(m.OperatorClaims(caller.name))
        if self.request not in _OF_PEOPLE_AND_WORKERS:
            raise self._forbidden(
                "it needs an operator's credential, and this is a worker's;"
                " `statekeep server credentials add NAME --operator` makes one"
            )
        return to_plain(m.OperatorClaims(f"worker:{caller.name}"))

    def _forbidden(self, problem: str) -> ForbiddenError:
        return ForbiddenError(what=self.kind, problem=problem)


def _endpoints(prefix: str, kinds: tuple[type[Any], ...]) -> dict[str, Endpoint]:
    made = [
        Endpoint(prefix + name, name, kind, prefix == OPERATORS, kind in (m.Heartbeat, m.Finish))
        for kind in kinds
        for name in (operation_of(kind.__name__),)
    ]
    return {endpoint.path: endpoint for endpoint in made}


ENDPOINTS = MappingProxyType(
    _endpoints(EXECUTION, (*_OF_A_TRY, *_STATE, *_OF_A_SWEEPER))
    | _endpoints(OPERATORS, (*_STATE, *_OF_PEOPLE, *_OF_A_SWEEPER))
)
