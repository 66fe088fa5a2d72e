"""What a task may ask: passed to the store with the claims of its try, and nothing else passed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .._shared.state import messages as m
from .._shared.state.errors import ForbiddenError, StatekeepError, SupersededError, TryFinishedError
from .._shared.state.wire import from_plain, refusal_of, to_plain
from ..client.store_client import draw_request_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._shared.state.wire import Plain
    from ..client.store_client import StoreClient
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
    ) -> None:
        """``on_fenced`` is called with each refusal that says that the try is not the current one."""
        self._loop = loop
        self._client = client
        self._context = context
        self._claims = claims
        self._on_fenced = on_fenced
        self._on_step = on_step

    def handle(self, request: Plain, request_id: str | None, reply: Callable[[Plain], None]) -> None:
        """Answer a request, now or after the store has."""
        self._on_step("request_received")
        kind = request.get("kind")
        if kind == m.Hello.__name__:
            reply(self._hello(request))
        elif kind in _PASSED:
            answered = partial(self._answered, kind, reply)
            self._client.submit(
                self._claims,
                request,
                request_id or draw_request_id(),
                on_reply=lambda plain: self._loop.call_from_thread(partial(answered, plain)),
            )
        else:
            what = f"a request of the kind {str(kind)[:40]}"
            reply(to_plain(refusal_of(ForbiddenError(what=what, problem="it is not a task's to make"))))

    def _hello(self, request: Plain) -> Plain:
        try:
            from_plain(request)
        except StatekeepError as error:
            return to_plain(refusal_of(error))
        return to_plain(self._context)

    def _answered(self, kind: str, reply: Callable[[Plain], None], plain: Plain) -> None:
        self._on_step("reply_ready")
        if kind == m.AddGrant.__name__ and plain.get("kind") == m.Grant.__name__:
            self._add_grant(from_plain(plain, ignore_unknown=True))
        reply(plain)
        if is_fenced(plain):
            self._on_fenced(from_plain(plain, ignore_unknown=True))

    def _add_grant(self, grant: m.Grant) -> None:
        """Let connections that are made from now on know of the grant, too."""
        others = tuple(known for known in self._context.grants if known.asset_id != grant.asset_id)
        self._context = self._context._replace(grants=(*others, grant))
