"""The seam through which a supervisor and its client say what they do to whoever traces it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._shared.state import messages as m


class Attempt:
    """One request on its way to a server. ``traceparent`` is the header that goes with it; empty for none."""

    traceparent = ""

    def answered(self, status: int) -> None:
        """Take note of the HTTP status."""


class Tracing:
    """Traces nothing; what traces overrides all of it. Callable from any thread. Raises nothing."""

    @property
    def traceparent(self) -> str:
        """What a task is told of the trace that its try belongs to; empty: it is not traced."""
        return ""

    def try_began(self, task: m.TaskAddress, ti_id: str, try_number: int) -> None:
        """Take note that a try begins; what has no other parent belongs to it."""

    def try_ended(self) -> None:
        """Take note that it has ended."""

    def relay_began(self, request_id: str, kind: str, traceparent: object) -> None:
        """Take note of a task's request, and of the span that it says it comes from."""

    def relay_ended(self, request_id: str, code: str) -> None:
        """Take note of what became of it: the code of a refusal, or nothing."""

    @contextmanager
    def attempt(self, request_id: str, path: str, url: str) -> Iterator[Attempt]:
        """Follow a request to a server during this block."""
        del request_id, path, url
        yield NO_ATTEMPT

    def close(self) -> None:
        """Hand over what was not handed over yet."""


NO_ATTEMPT = Attempt()
NO_TRACING = Tracing()
