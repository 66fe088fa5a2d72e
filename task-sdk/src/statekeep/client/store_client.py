"""What a store looks like from the SDK, wherever it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

from .._shared.state.wire import from_plain, raise_if_refused, to_plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._shared.state.messages import Claims
    from .._shared.state.wire import Plain


class StoreClient(Protocol):
    """A way to one store. Requests that are submitted one after the other take effect in that order.

    Messages cross in their plain form, so that a supervisor relays what it does not know. Nothing is raised
    for a refusal: it is a reply like any other, of the kind ``Refusal``.
    """

    def submit(
        self, claims: Plain, request: Plain, request_id: str, *, on_reply: Callable[[Plain], None]
    ) -> None:
        """Send a request and return at once; ``on_reply`` is called later, once, in a thread of the client.

        Callable from any thread. The reply to a write comes after the commit that makes it durable.
        """
        ...

    def ask(self, claims: Plain, request: Plain, request_id: str) -> Plain:
        """Send a request and return its reply, after those submitted before it. Callable from any thread.

        Starts no thread, unless something was submitted before.
        """
        ...

    def close(self) -> None:
        """Answer what was submitted and let go of the store. Submitting after it is a mistake."""
        ...


def draw_request_id() -> str:
    """Return a new request id: 128 random bits. One stands for one request over all its repetitions."""
    return os.urandom(16).hex()


def call(client: StoreClient, claims: Claims, request: Any, request_id: str | None = None) -> Any:
    """Ask the store and return the reply as a message; raise the error that a refusal stands for."""
    reply = client.ask(to_plain(claims), to_plain(request), request_id or draw_request_id())
    return raise_if_refused(from_plain(reply, ignore_unknown=True))
