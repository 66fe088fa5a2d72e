"""Faults of Statekeep's own: what a caller is told, and what the log is."""

from __future__ import annotations

from ._shared.state.errors import InternalFaultError


def told_fault(fault: Exception, request_id: str = "", *, with_words: bool = False) -> InternalFaultError:
    """Return what a caller is told of a fault, whose traceback goes to the log under the request's id.

    ``with_words``: what it says, too, which may quote a value. For a caller in this process only, for whom,
    where no log is set up, as in most workers, there is nothing else.
    """
    import logging  # 5 ms that a store without faults does not pay

    log = logging.getLogger(__name__)
    if log.hasHandlers():
        fields = {"request_id": request_id, "traceback": traceback_of(fault)}
        log.error("a fault", extra={"event": "fault", "fields": fields})
    kind = type(fault).__name__
    return InternalFaultError(problem=f"{kind}: {fault}" if with_words else kind)


def traceback_of(fault: BaseException) -> str:
    """Return where an exception came from: the frames and the types, and nothing that it says.

    A driver's or a parser's words quote what they met.
    """
    import traceback

    parts: list[str] = []
    seen: set[int] = set()
    at: BaseException | None = fault
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        frames = "".join(traceback.format_tb(at.__traceback__))
        parts.append(f"{frames}{type(at).__module__}.{type(at).__qualname__}")
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return "\ncaused by:\n".join(parts)
