"""What a task may ask: passed to the store with the claims of its try, and nothing else passed."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from .._shared.state import messages as m
from .._shared.state.errors import (
    ForbiddenError,
    InternalFaultError,
    InvalidRequestError,
    StatekeepError,
    SupersededError,
    TryFinishedError,
)
from .._shared.state.wire import from_plain, plain_refusal, to_plain
from ..client.store_client import draw_request_id
from ..tracing.following import NO_TRACING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._shared.state.wire import Plain
    from ..client.store_client import StoreClient
    from ..tracing.following import Tracing
    from .loop import Loop

_PASSED = frozenset(
    {
        m.AddGrant.__name__,
        m.Batch.__name__,
        m.Clear.__name__,
        m.Delete.__name__,
        m.Get.__name__,
        m.Increment.__name__,
        m.ListEntries.__name__,
        m.ListHistory.__name__,
        m.Set.__name__,
        m.SetMax.__name__,
    }
)

_MAX_REQUEST_ID_CHARACTERS = 64

# What a reply may come to: pages end there, a batch is so rare that one at a time will do.
_PAGE_REPLY_BYTES = 1024 * 1024
_BATCH_REPLY_BYTES = 32 * 1024 * 1024
_SMALL_REPLY_BYTES = 4096
_REPLY_BYTES = MappingProxyType(
    {
        m.Batch.__name__: _BATCH_REPLY_BYTES,
        m.ListEntries.__name__: _PAGE_REPLY_BYTES,
        m.ListHistory.__name__: _PAGE_REPLY_BYTES,
        m.Clear.__name__: _SMALL_REPLY_BYTES,
        m.Delete.__name__: _SMALL_REPLY_BYTES,
        m.Set.__name__: _SMALL_REPLY_BYTES,
    }
)

_FENCED = (SupersededError.code, TryFinishedError.code)


def is_fenced(reply: Plain) -> bool:
    """Return whether a reply says that the try is not the current one any more."""
    return reply.get("kind") == m.Refusal.__name__ and reply.get("code") in _FENCED


class Relay:
    """The requests of one try. ``reply`` functions are called in the loop's thread, one call per request."""

    def __init__(
        self,
        loop: Loop,
        client: StoreClient,
        context: m.Context,
        claims: Plain,
        *,
        on_fenced: Callable[[m.Refusal], None],
        on_step: Callable[[str], None],
        tracing: Tracing = NO_TRACING,
    ) -> None:
        """``on_fenced`` is called with each refusal that says that the try is not the current one."""
        self._loop = loop
        self._client = client
        self._context = context
        self._claims = claims
        self._on_fenced = on_fenced
        self._on_step = on_step
        self._tracing = tracing

    def handle(
        self,
        request: Plain,
        request_id: object,
        reply: Callable[[Plain], None],
        traceparent: object = None,
    ) -> None:
        """Answer a request, now or after the store has. Raises nothing, whatever the request is."""
        self._on_step("request_received")
        try:
            answer = self._answer_or_pass_on(request, request_id, reply, traceparent)
        except StatekeepError as error:
            answer = plain_refusal(error)
        # A fault met by one request may end neither the other connections nor the supervisor.
        except Exception as fault:
            problem = f"{type(fault).__name__}: {fault}"
            answer = plain_refusal(InternalFaultError(problem=problem))
        if answer is not None:
            reply(answer)

    def reply_bytes(self, request: Plain) -> int:
        """Return about how much the reply to a request may come to."""
        kind = request.get("kind")
        known = _REPLY_BYTES.get(kind) if isinstance(kind, str) else _SMALL_REPLY_BYTES
        return self._context.max_value_bytes if known is None else known

    def _answer_or_pass_on(
        self, request: Plain, request_id: object, reply: Callable[[Plain], None], traceparent: object
    ) -> Plain | None:
        kind = request.get("kind")
        if not isinstance(kind, str):
            raise _malformed("a request", "has a kind that is no text")
        checked_id = _checked_request_id(request_id)
        if kind == m.Hello.__name__:
            from_plain(request)
            return to_plain(self._context)
        if kind not in _PASSED:
            raise ForbiddenError(
                what=f"a request of the kind {kind[:40]}", problem="it is not a task's to make"
            )
        known_id = checked_id or draw_request_id()
        answered = partial(self._answered, kind, known_id, reply)
        self._tracing.relay_began(known_id, kind, traceparent)
        self._client.submit(
            self._claims,
            request,
            known_id,
            on_reply=lambda plain: self._loop.call_from_thread(partial(answered, plain)),
        )
        return None

    def _answered(self, kind: str, request_id: str, reply: Callable[[Plain], None], plain: Plain) -> None:
        self._on_step("reply_ready")
        self._tracing.relay_ended(request_id, str(plain.get("code", "")))
        if kind == m.AddGrant.__name__ and plain.get("kind") == m.Grant.__name__:
            self._add_grant(from_plain(plain, ignore_unknown=True))
        reply(plain)
        if is_fenced(plain):
            self._on_fenced(from_plain(plain, ignore_unknown=True))

    def _add_grant(self, grant: m.Grant) -> None:
        """Let connections that are made from now on know of the grant, too."""
        others = tuple(known for known in self._context.grants if known.asset_id != grant.asset_id)
        self._context = self._context._replace(grants=(*others, grant))


def _checked_request_id(request_id: object) -> str | None:
    if request_id is None:
        return None
    if (
        not isinstance(request_id, str)
        or len(request_id) > _MAX_REQUEST_ID_CHARACTERS
        or not (request_id.isascii() and request_id.isprintable())
    ):
        limit = f"at most {_MAX_REQUEST_ID_CHARACTERS} printable ASCII characters"
        raise _malformed("a request", f"has a request id that is no text of {limit}")
    return request_id


def _malformed(what: str, problem: str) -> InvalidRequestError:
    return InvalidRequestError(what=what, problem=problem, remedy="send what the channel defines")
