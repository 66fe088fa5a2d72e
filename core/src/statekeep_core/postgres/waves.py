"""Which calls of a group can share statements, without any being answered out of its order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from statekeep_core._shared.state import messages as m

from .hot_path import is_hot, way_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from statekeep_core._shared.state.errors import StatekeepError
    from statekeep_core.execution_api.service import Call
    from statekeep_core.policy import Policy

    Parsed = Call | StatekeepError

# A statement joins its lists by nested loops, which cost the square of their length.
MOST_TOGETHER = 64


class Wave:
    """Calls that came one after the other: the hot ones are answered together, then the others in order.

    No two of the hot ones concern one key unless both read, and none came after a call of its own try, or of
    somebody who is no try, that is answered later.
    """

    def __init__(self) -> None:
        self.hot: list[tuple[int, Call]] = []
        self.others: list[int] = []
        self._writes: dict[tuple[int | None, int | None, str | None], bool] = {}
        self._staging: dict[int, object] = {}
        self._waiting_tries: set[int] = set()
        self._is_ending = False

    def takes(self, number: int, call: Parsed, policy: Policy) -> bool:
        """Add the call if it can be answered with these; return whether it was added."""
        claims = getattr(call, "claims", None)
        if isinstance(call, tuple) and isinstance(claims, m.TryClaims) and is_hot(call, policy):
            return self._takes_hot(number, call, claims.instance_id)
        if isinstance(claims, m.TryClaims):
            self._waiting_tries.add(claims.instance_id)
        else:
            self._is_ending = True
        self.others.append(number)
        return True

    def _takes_hot(self, number: int, call: Call, instance_id: int) -> bool:
        if self._is_ending or instance_id in self._waiting_tries or len(self.hot) == MOST_TOGETHER:
            return False
        request = call.request
        target, key = getattr(request, "target", None), getattr(request, "key", None)
        places: list[tuple[int | None, int | None, str | None]] = [(instance_id, target, key)]
        is_write = not isinstance(request, m.Get)
        if is_write and target is not None and request.apply_now:
            places.append((None, target, key))  # a statement writes a row once, whoever asks
        if any(place in self._writes and (is_write or self._writes[place]) for place in places):
            return False
        if is_write and target is not None and not request.apply_now:
            # What a try stages has its order, and each statement is for its own kinds of it.
            way = way_of(call)
            if self._staging.setdefault(instance_id, way) is not way:
                return False
        self._writes.update(dict.fromkeys(places, is_write))
        self.hot.append((number, call))
        return True


def waves(calls: Sequence[Parsed], policy: Policy) -> Iterator[Wave]:
    """Return the calls as waves, to be answered one after the other."""
    wave = Wave()
    for number, call in enumerate(calls):
        if not wave.takes(number, call, policy):
            yield wave
            wave = Wave()
            wave.takes(number, call, policy)
    yield wave
