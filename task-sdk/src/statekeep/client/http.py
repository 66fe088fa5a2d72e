"""The store behind API servers, over HTTP."""

from __future__ import annotations

import contextlib
import random
import time
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, NamedTuple

from .._shared.state import messages as m
from .._shared.state.errors import (
    InternalFaultError,
    OvertakenError,
    StatekeepError,
    UnauthenticatedError,
    UnavailableError,
)
from .._shared.state.json_form import JsonForm
from .._shared.state.routes import EXECUTION, OPERATORS, REQUEST_ID_HEADER, SENDING_HEADER, operation_of
from .._shared.state.wire import plain_refusal, to_plain, without_defaults
from ..tracing.following import NO_TRACING
from .answers import reply_of, with_request_id
from .outage import Outage
from .sendings import Sendings
from .server_connection import NoAnswerError, ServerConnection
from .store_client import draw_request_id
from .try_tokens import TryTokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._shared.state.wire import Plain
    from ..tracing.following import Tracing
    from .sendings import TrySendings

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
# Whoever renews a lease repeats that by itself.
_HEARTBEAT_PATIENCE_SECONDS = 5.0

_HEARTBEAT = m.Heartbeat.__name__
# What a supervisor asks when its job has ended: nobody should wait for it, and the sweep does it too.
_TIDYING = (m.FetchDisposals.__name__, m.AcknowledgeDisposals.__name__)
_REFUSAL = m.Refusal.__name__
_CREDENTIAL_REMEDY = "set [api] credential to one that `statekeep server credentials add` made"


class _Submitted(NamedTuple):
    claims: Plain
    request: Plain
    request_id: str
    on_reply: Callable[[Plain], None]


class HttpClient:
    """A :class:`StoreClient` of API servers. Each request is repeated under its id until one answers.

    Requests go out one after the other, so that they take effect in the order in which they were submitted;
    heartbeats go beside them, so that none waits for what a server that is away will answer later.
    """

    def __init__(
        self,
        urls: Sequence[str],
        credential: str,
        *,
        patience_seconds: float,
        answer_seconds: float,
        say: Callable[[str], object],
        tracing: Tracing = NO_TRACING,
    ) -> None:
        """Connects to nothing yet."""
        self._asking = _Asking(
            credential, patience_seconds=patience_seconds, outage=Outage(say, patience_seconds)
        )
        self._requests = _Lane(self._asking, ServerConnection(urls, answer_seconds, tracing))
        self._heartbeats = _Lane(self._asking, ServerConnection(urls, answer_seconds, tracing))

    def submit(
        self, claims: Plain, request: Plain, request_id: str, *, on_reply: Callable[[Plain], None]
    ) -> None:
        self._lane(request).submit(_Submitted(claims, request, request_id, on_reply))

    def ask(self, claims: Plain, request: Plain, request_id: str) -> Plain:
        return self._lane(request).ask(claims, request, request_id)

    def close(self) -> None:
        """Answer what was submitted, with ``unavailable`` where no server is there, and let go of them."""
        self._asking.is_closing.set()
        for lane in (self._requests, self._heartbeats):
            lane.close()

    def _lane(self, request: Plain) -> _Lane:
        return self._heartbeats if request.get("kind") == _HEARTBEAT else self._requests


class _Lane:
    """One request at a time over one connection: in the caller's thread, until something is submitted."""

    def __init__(self, asking: _Asking, connection: ServerConnection) -> None:
        self._asking = asking
        self._connection = connection
        self._one_at_a_time = Lock()
        self._waiting: SimpleQueue[_Submitted | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._has_ended = False

    def submit(self, submitted: _Submitted) -> None:
        if self._thread is None:
            with self._one_at_a_time:
                if self._thread is None:
                    self._thread = Thread(target=self._work, name="statekeep-http", daemon=True)
                    self._thread.start()
        self._waiting.put(submitted)
        if self._has_ended:  # and sees nothing more; what came just before, either side may refuse
            self._refuse_the_rest()

    def ask(self, claims: Plain, request: Plain, request_id: str) -> Plain:
        with self._one_at_a_time:
            if self._thread is None:
                return self._asking.ask(self._connection, claims, request, request_id)
        replies: SimpleQueue[Plain] = SimpleQueue()
        self.submit(_Submitted(claims, request, request_id, replies.put))
        return replies.get()

    def close(self) -> None:
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        try:
            while (submitted := self._waiting.get()) is not None:
                claims, request, request_id, on_reply = submitted
                on_reply(self._asking.ask(self._connection, claims, request, request_id))
        finally:
            self._has_ended = True
            self._refuse_the_rest()

    def _refuse_the_rest(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                late = self._waiting.get_nowait()
                if late is not None:
                    closed = UnavailableError(what="the server", problem="this client of it was closed")
                    late.on_reply(plain_refusal(closed))


class _Asking:
    """Asks one request, over whatever connection, as often as it takes. Callable from any thread."""

    def __init__(self, credential: str, *, patience_seconds: float, outage: Outage) -> None:
        self.is_closing = Event()
        self._credential = credential
        self._patience_seconds = patience_seconds
        self._outage = outage
        self._tokens = TryTokens()
        self._sendings = Sendings()
        self._form = JsonForm()

    def ask(self, connection: ServerConnection, claims: Plain, request: Plain, request_id: str) -> Plain:
        """Return the reply, which is ``unavailable`` when no server answered in time. Raises nothing."""
        return with_request_id(self._asked(connection, claims, request, request_id), request_id)

    def _asked(self, connection: ServerConnection, claims: Plain, request: Plain, request_id: str) -> Plain:
        try:
            reply = self._repeated(connection, claims, request, request_id)
            if _is_refused_as(reply, UnauthenticatedError) and self._is_renewed(connection, claims, request):
                known, reply = reply, self._repeated(connection, claims, request, request_id)
                if not known.get("is_first_answer", True) and reply["kind"] == _REFUSAL:
                    reply = reply | {"is_first_answer": False}
        except StatekeepError as error:
            return plain_refusal(error)
        # Whoever waits must be told something, and the thread must go on to whoever waits next.
        except Exception as fault:
            return plain_refusal(InternalFaultError(problem=f"{type(fault).__name__}: {fault}"))
        return self._tokens.learn(claims, reply)

    def _repeated(
        self, connection: ServerConnection, claims: Plain, request: Plain, request_id: str
    ) -> Plain:
        kind = request["kind"]
        path = (OPERATORS if claims["kind"] == m.OperatorClaims.__name__ else EXECUTION) + operation_of(kind)
        headers = {
            "Authorization": f"Bearer {self._proof_of(claims)}",
            "Content-Type": "application/json",
            REQUEST_ID_HEADER: request_id,
        }
        body = self._form.encode_checked(without_defaults(request))
        patience = _Patience(
            min(_HEARTBEAT_PATIENCE_SECONDS, self._patience_seconds)
            if kind == _HEARTBEAT or (kind in _TIDYING and claims["kind"] == m.WorkerClaims.__name__)
            else self._patience_seconds,
            self.is_closing,
        )
        numbered = self._sendings.of(claims, request)
        while True:
            outcome = self._sent(connection, path, headers, body, numbered)
            if outcome.reply is not None:
                return patience.marked(outcome.reply)
            patience.note(outcome)
            if not patience.pause():
                return patience.unavailable()

    def _sent(
        self,
        connection: ServerConnection,
        path: str,
        headers: dict[str, str],
        body: bytes,
        numbered: TrySendings | None,
    ) -> _Outcome:
        """Send a request once, under a number of its own if those of its try are numbered."""
        if numbered is None:
            return self._exchanged(connection, path, headers, body)
        sending = numbered.draw()
        outcome = self._exchanged(connection, path, headers | {SENDING_HEADER: sending.header}, body)
        if outcome.may_have_arrived:
            numbered.lose(sending)
        elif outcome.reply is not None and _is_refused_as(outcome.reply, OvertakenError):
            # A sibling of it has given up what was sent before; nothing was changed, and it goes out again.
            floor = outcome.reply["facts"].get("floor")
            numbered.overtake(floor if isinstance(floor, int) else 0)
            return _Outcome(None, "the sending was overtaken", is_urgent=isinstance(floor, int))
        elif outcome.reply is not None and outcome.reply["kind"] != _REFUSAL:
            numbered.acknowledge(sending)
        return outcome

    def _exchanged(
        self, connection: ServerConnection, path: str, headers: dict[str, str], body: bytes
    ) -> _Outcome:
        try:
            url = connection.url
            answer = connection.exchange(path, headers, body)
            reply = reply_of(answer, self._form, url)
        except NoAnswerError as error:
            self._outage.goes_on(str(error))
            return _Outcome(None, str(error), may_have_arrived=error.may_have_arrived)
        if not _is_refused_as(reply, UnavailableError):
            self._outage.is_over()
            return _Outcome(reply)
        connection.go_on()
        # Of a store that failed at its commit, what came of it may not be known either.
        is_unknown = reply["facts"].get("changed") is not False
        return _Outcome(None, _detail(reply), answer.headers.get("retry-after"), may_have_arrived=is_unknown)

    def _proof_of(self, claims: Plain) -> str:
        if claims["kind"] != m.TryClaims.__name__:
            if not self._credential:
                raise UnauthenticatedError(
                    problem="there is no credential for the server",
                    remedy=_CREDENTIAL_REMEDY,
                )
            if not (self._credential.isascii() and self._credential.isprintable()):
                raise UnauthenticatedError(
                    problem="the credential has a character that none has", remedy=_CREDENTIAL_REMEDY
                )
            return self._credential
        token = self._tokens.of(claims)
        if token is None:
            raise UnauthenticatedError(
                problem=f"try {claims['try_number']} was not started by this client",
                remedy="start a try first",
            )
        return token.text

    def _is_renewed(self, connection: ServerConnection, claims: Plain, request: Plain) -> bool:
        """Renew a token that has expired: its heartbeats did not get through for a while."""
        if claims["kind"] != m.TryClaims.__name__ or request["kind"] == _HEARTBEAT:
            return False
        token = self._tokens.of(claims)
        if token is None:
            return False
        heartbeat = to_plain(m.Heartbeat(token.lease_seconds))
        reply = self._tokens.learn(claims, self._repeated(connection, claims, heartbeat, draw_request_id()))
        return bool(reply["kind"] == m.LeaseRenewed.__name__)


class _Outcome(NamedTuple):
    """What came of sending a request once: a reply, or why there is none; ``is_urgent``: send it at once."""

    reply: Plain | None
    problem: str = ""
    retry_after: str | None = None
    may_have_arrived: bool = False
    is_urgent: bool = False


class _Patience:
    """How long one request is repeated, and what is known of the attempts so far."""

    def __init__(self, seconds: float, is_closing: Event) -> None:
        self._seconds = seconds
        self._give_up_at = time.monotonic() + seconds
        self._is_closing = is_closing
        self._longest_pause = _FIRST_PAUSE_SECONDS
        self._at_least = 0.0
        self._is_urgent = False
        self._problem = ""
        self._may_have_arrived = False

    def note(self, outcome: _Outcome) -> None:
        """Take note of an attempt that has no reply."""
        self._problem = outcome.problem
        self._may_have_arrived = self._may_have_arrived or outcome.may_have_arrived
        self._is_urgent = outcome.is_urgent
        after = outcome.retry_after
        self._at_least = float(after) if after and after.isdigit() else 0.0

    def pause(self) -> bool:
        """Wait before the next attempt; return False when there shall be none."""
        if self._is_urgent:
            return True
        left = self._give_up_at - time.monotonic()
        if left <= 0 or self._is_closing.is_set():
            return False
        # Full jitter: workers that lost one server do not meet the next one all at once.
        drawn = random.uniform(0, self._longest_pause)  # noqa: S311 -- no secret depends on it
        self._longest_pause = min(2 * self._longest_pause, _LONGEST_PAUSE_SECONDS)
        self._is_closing.wait(min(left, self._at_least + drawn))
        return True

    def marked(self, reply: Plain) -> Plain:
        """Return the reply; a refusal that is not the first answer says so."""
        if self._may_have_arrived and reply.get("kind") == _REFUSAL:
            return reply | {"is_first_answer": False}
        return reply

    def unavailable(self) -> Plain:
        """Return the refusal of a request that no server answered."""
        unknown = (
            "; whether it took effect is not known" if self._may_have_arrived else "; nothing was changed"
        )
        error = UnavailableError(
            what="the server", problem=f"{self._problem}, for {self._seconds:g} s{unknown}"
        )
        error.is_first_answer = not self._may_have_arrived
        return plain_refusal(error)


def _is_refused_as(reply: Plain, error: type[StatekeepError]) -> bool:
    return reply.get("kind") == _REFUSAL and reply.get("code") == error.code


def _detail(reply: Plain) -> str:
    return str(reply["facts"].get("problem", "it is busy"))
