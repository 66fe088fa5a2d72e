"""Values of a listing that could not be read: their place is marked, and why is said behind the listing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..supervisor.saying import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._shared.state import messages as m


class Unread:
    """What of a listing could not be read, and why; empty when it was not asked to fetch values."""

    def __init__(self) -> None:
        self._errors: dict[tuple[str, int | None], Exception] = {}

    @classmethod
    def of(cls, ask: Callable[[Any], Any], entries: Sequence[m.Entry | m.Change]) -> Unread:
        """Return what ``ask`` has met of these, and what lies in a backend where none is configured."""
        unread = cls()
        met: dict[tuple[str, int | None], Exception] = getattr(ask, "unread", {})
        for entry in entries:
            name = (entry.key, entry.version)
            if name in met:
                unread._errors[name] = met[name]
            elif entry.external is not None:
                from ..accessors.entries import not_fetched

                unread._errors[name] = not_fetched(entry.key, entry.external)
        return unread

    def cause(self, entry: m.Entry | m.Change) -> str | None:
        """Return in a word or two why this one could not be read; None when it could."""
        error = self._errors.get((entry.key, entry.version))
        return None if error is None else str(getattr(error, "code", type(error).__name__))

    def problem(self, entry: m.Entry | m.Change) -> str | None:
        """Return in full why this one could not be read; None when it could."""
        error = self._errors.get((entry.key, entry.version))
        return None if error is None else _in_full(error)

    def say(self) -> int:
        """Say why each could not be read, and return the status to exit with: 0 when all could."""
        for (_, version), error in self._errors.items():
            say(f"{'staged' if version is None else f'version {version}'}: {_in_full(error)}")
        return _status(next(iter(self._errors.values()), None))


def _in_full(error: Exception) -> str:
    from ..sweeping.report import problem_of

    return problem_of(error)


def _status(error: Exception | None) -> int:
    if error is None:
        return 0
    from ..supervisor.exit_status import FAILED, INTERNAL
    from .refusals import status_of

    status = status_of(error)
    return FAILED if status == INTERNAL else status  # a backend's own error is no fault of Statekeep's
