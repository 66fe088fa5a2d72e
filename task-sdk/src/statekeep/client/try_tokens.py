"""The tokens of the tries that a client has started. They stay in it: no task process gets one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .._shared.state import messages as m

if TYPE_CHECKING:
    from .._shared.state.wire import Plain

# Of a supervisor that retries for days, the tokens of the last few tries matter.
_KEPT = 16


class TryToken(NamedTuple):
    text: str
    lease_seconds: float


class TryTokens:
    """Learns tokens from replies. Callable from any thread: each step on the dict is one of its own."""

    def __init__(self) -> None:
        self._tokens: dict[tuple[int, int], TryToken] = {}

    def of(self, claims: Plain) -> TryToken | None:
        """Return the token that proves a try's claims."""
        return self._tokens.get((claims["instance_id"], claims["try_number"]))

    def learn(self, claims: Plain, reply: Plain) -> Plain:
        """Remember the token in a reply, if there is one, and return the reply without it."""
        text, kind = reply.get("token"), reply.get("kind")
        if not text or kind not in (m.Started.__name__, m.LeaseRenewed.__name__):
            return reply
        holder = reply if kind == m.Started.__name__ else claims
        token = TryToken(text, reply["lease_seconds"])
        self._tokens[holder["instance_id"], holder["try_number"]] = token
        for oldest in list(self._tokens)[:-_KEPT]:
            self._tokens.pop(oldest, None)
        return reply | {"token": None}
