"""Answers one request inside a transaction: who asks, whether it was asked before, and what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state import wire
from statekeep_core._shared.state.errors import ForbiddenError, InvalidRequestError
from statekeep_core.metastore import objects, request_log

from . import disposals, lifecycle, operators, sendings, state
from .caller import Caller, TryCaller, current_caller, principal_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from statekeep_core._shared.state.sendings import Sending
    from statekeep_core.policy import Work

_LONGEST_REQUEST_ID = 64

# What a try or an operator asks of state; the caller is fenced before the handler runs.
_STATE: dict[type, Callable[[Work, Caller, Any], Any]] = {**state.HANDLERS}
# What a try asks about itself.
_OF_A_TRY: dict[type, Callable[[Work, TryCaller, Any], Any]] = {
    m.Heartbeat: lifecycle.heartbeat,
    m.AddGrant: lifecycle.add_grant,
}
# What only people ask.
_OF_AN_OPERATOR: dict[type, Callable[[Work, Any, Any], Any]] = {**operators.HANDLERS}
# What those ask who can delete objects, workers and people; each may be repeated.
_OF_A_SWEEPER: dict[type, Callable[[Work, Any], Any]] = {**disposals.HANDLERS}

_READS = (m.Get, m.ListEntries, m.ListHistory, m.ListTries, m.ListAssets, m.FindAsset, m.DescribeStore)
_UNCONDITIONAL = (m.Set, m.Delete)


class Call(NamedTuple):
    """A request as it arrived: the claims of its caller, its id (empty: it is never repeated), itself.

    ``sending`` is the number of this repetition of it, if its try numbers them.
    """

    claims: m.Claims
    request_id: str
    request: Any
    plain_request: wire.Plain
    sending: Sending | None = None


def parse(claims: wire.Plain, request_id: str, request: wire.Plain, sending: Sending | None = None) -> Call:
    """Return a call from its plain parts. Raises :class:`InvalidRequestError` for what is malformed."""
    if len(request_id) > _LONGEST_REQUEST_ID or not (request_id.isascii() and request_id.isprintable()):
        raise InvalidRequestError(
            what="request id",
            problem=f"has over {_LONGEST_REQUEST_ID} characters, or others than the printable ones of ASCII",
            remedy="send 128 random bits as hexadecimal",
        )
    if isinstance(request, dict):  # what else came is told below that it is no request
        state.check_batch_length(request.get("operations"))
    return Call(wire.from_plain(claims), request_id, wire.from_plain(request), request, sending)


def is_read(call: Call) -> bool:
    """Return whether the call changes nothing, so that it needs no write lock."""
    return _only_reads(call.request) or getattr(call.request, "dry_run", False)


def _only_reads(request: Any) -> bool:
    return isinstance(request, _READS) or state.is_batch_of_reads(request)


def answer(work: Work, call: Call) -> Any:
    """Return the reply to a call. When it raises, the caller rolls back to before it.

    A repeated request is answered as it was before the fence is asked: its try may have ended since, or have
    given this sending up.
    """
    if not call.request_id or not _must_not_repeat(call.request):
        if type(call.request) in _STATE and not is_read(call):
            sendings.raise_floor(work.tx, call.claims, call.sending)
        return _dispatch(work, call)
    principal = principal_of(call.claims)
    digest = request_log.digest_of(call.plain_request)
    work.tx.locks.hold_request(principal, call.request_id)
    if type(call.request) in _STATE:  # also when it was answered before: its caller takes the floor as raised
        sendings.raise_floor(work.tx, call.claims, call.sending)
    recorded = request_log.find(work.tx, principal, call.request_id)
    if recorded is None:
        recorded = request_log.Recorded(digest, _dispatch(work, call))
        request_log.add(work.tx, principal, call.request_id, recorded, _try_of(call, recorded.reply))
    elif recorded.digest != digest:
        raise InvalidRequestError(
            what=f"request id {call.request_id}",
            problem="was used for another request before",
            remedy="draw a new id for each request, and keep it over retries only",
        )
    return recorded.reply


def _dispatch(work: Work, call: Call) -> Any:
    reply = _reply(work, call)
    # State operations tell their caller what they left of plain backends. What others left is not that of
    # whoever writes next in the same transaction.
    if type(call.request) not in _STATE and not is_read(call):
        objects.settle(work.tx)
    return reply


def _reply(work: Work, call: Call) -> Any:
    kind = type(call.request)
    if kind is m.Start:
        return lifecycle.start(work, call.claims, call.request)  # type: ignore[arg-type]  # checked there
    if kind is m.Finish and isinstance(call.claims, m.TryClaims):
        return lifecycle.finish(work, call.claims, call.request)
    if kind in _OF_A_SWEEPER and not isinstance(call.claims, m.TryClaims):
        return _OF_A_SWEEPER[kind](work, call.request)
    caller = current_caller(work.tx, call.claims)
    if kind in _STATE:
        if not is_read(call):
            sendings.refuse_overtaken(caller, call.sending)
        return _STATE[kind](work, caller, call.request)
    if kind in _OF_A_TRY and isinstance(caller, TryCaller):
        return _OF_A_TRY[kind](work, caller, call.request)
    if kind in _OF_AN_OPERATOR and not isinstance(caller, TryCaller):
        return _OF_AN_OPERATOR[kind](work, caller, call.request)
    raise ForbiddenError(what=kind.__name__, problem="it is not for this caller")


def _must_not_repeat(request: Any) -> bool:
    """Return whether repeating the request could change more than doing it once.

    A blind write of task state needs no record: it has one writer, which numbers its sendings.
    """
    may_repeat = _only_reads(request) or isinstance(request, (m.Heartbeat, *_OF_A_SWEEPER))
    return not may_repeat and not is_blind(request)


def is_blind(request: Any) -> bool:
    """Return whether a try writes or deletes an entry of its own state whatever stands there.

    Not one that names an object: that may have been replaced and deleted by the time of a repetition.
    """
    if not isinstance(request, _UNCONDITIONAL) or request.target is not None:
        return False
    is_conditional = request.if_version is not None or getattr(request, "if_absent", False)
    return not is_conditional and getattr(request, "external", None) is None


def _try_of(call: Call, reply: Any) -> tuple[int, int] | None:
    if isinstance(call.claims, m.TryClaims):
        return call.claims.instance_id, call.claims.try_number
    return (reply.instance_id, reply.try_number) if isinstance(reply, m.Started) else None
