"""The numbers of what tries send: one that a client has given up has no effect when it arrives after all."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from .._shared.state import messages as m
from .._shared.state.sendings import Sending

if TYPE_CHECKING:
    from .._shared.state.wire import Plain

# As many tries as a client has tokens of. One that is forgotten learns from its first refusal where it was.
_KEPT = 16
_CHANGES = frozenset(each.__name__ for each in (m.Set, m.Delete, m.Clear, m.Increment, m.SetMax, m.Batch))


class TrySendings:
    """Numbers what one try changes, each repetition anew. Callable from any thread.

    Until it is known that the server has given up what may have been lost, each sending asks for that; so
    what a task was told to be unknown has no effect behind its next change that was acknowledged.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = 0
        self._lost = 0

    def draw(self) -> Sending:
        """Return the next number, with the floor above what was lost."""
        with self._lock:
            self._last += 1
            return Sending(self._last, self._lost + 1 if self._lost else 0)

    def lose(self, sending: Sending) -> None:
        """Take note that it is not known what became of a sending, or whether anything will."""
        with self._lock:
            self._lost = max(self._lost, sending.number)

    def acknowledge(self, sending: Sending) -> None:
        """Take note that a sending took effect, and its floor with it."""
        self._given_up_below(sending.floor)

    def overtake(self, floor: int) -> None:
        """Go on above a floor that somebody else has raised for this try."""
        with self._lock:
            self._last = max(self._last, floor)
        self._given_up_below(floor)

    def _given_up_below(self, floor: int) -> None:
        with self._lock:
            if self._lost < floor:
                self._lost = 0


class Sendings:
    """The numbers of several tries. Callable from any thread."""

    def __init__(self) -> None:
        self._tries: dict[tuple[int, int], TrySendings] = {}

    def of(self, claims: Plain, request: Plain) -> TrySendings | None:
        """Return the numbers for a change that a try asks for; None for any other request."""
        if claims["kind"] != m.TryClaims.__name__ or request["kind"] not in _CHANGES:
            return None
        found = self._tries.setdefault((claims["instance_id"], claims["try_number"]), TrySendings())
        for oldest in list(self._tries)[:-_KEPT]:
            self._tries.pop(oldest, None)
        return found
