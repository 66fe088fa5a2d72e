"""Requests of a task whose values go to a backend of the worker, and never to the store."""

from __future__ import annotations

from functools import partial
from typing import Any

from .._shared.state import messages as m
from .._shared.state.arithmetic import incremented, maximum
from .._shared.state.errors import CondemnedError, StatekeepError, UnsupportedError
from . import backend_calls
from .drivers import Transport, arun, run
from .flows import Ask, Together, compare_and_set
from .operations import request_id_for
from .origins import scope_of
from .reading_back import ReadingBack
from .text_values import encoded
from .worker_backends import WorkerBackends
from .writing_out import Made, WritingOut, discarded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .flows import Flow
    from .reading_back import Unread
    from .worker_backends import Backends

# Each but the first means that a sweep condemned the object of the one before while it was on its way.
_MOST_UPLOADS = 3
_REFUSED_BELOW = 500  # of an HTTP status: the request was judged, and not merely answered


class OffloadingTransport(Transport):
    """A transport whose values go through the backends of this worker.

    What stands above sends and receives values, and sees no reference. Uploads and downloads of several
    callers are on their way at once; ``acall`` leaves the event loop alone. A caller who is cancelled during
    an upload has written no record.
    """

    def __init__(self, transport: Transport, offloading: Offloading) -> None:
        self._transport = transport
        self._offloading = offloading

    def call(self, request: Any, request_id: str | None = None) -> Any:
        return run(self._offloading.perform(request, request_id), self._transport)

    async def acall(self, request: Any, request_id: str | None = None) -> Any:
        return await arun(self._offloading.perform(request, request_id), self._transport)


class Offloading:
    """Performs the requests of one try. May be used from any thread and any event loop at once.

    ``origin_of`` returns the address of a request's target. ``max_value_bytes`` is the store's limit on
    values that stay inline. ``unread``: as :class:`ReadingBack` has it, for listings; without it, a listing
    with a value that cannot be read raises why.
    """

    def __init__(
        self,
        backends: Backends,
        origin_of: Callable[[m.Target], m.TaskAddress | m.AssetAddress],
        max_value_bytes: int,
        unread: Unread | None = None,
    ) -> None:
        self._backends = WorkerBackends(backends, origin_of)
        self._writing = WritingOut(self._backends, max_value_bytes)
        self._reading = ReadingBack(self._backends)
        self._listing = ReadingBack(self._backends, unread)
        self._has_said_at_once = False

    def perform(self, request: Any, request_id: str | None = None) -> Flow[Any]:
        """Do what a request asks for, and return its reply, with values in the place of references.

        Raises what the store and the backend refuse with, and whatever a backend raises. A write that was
        refused leaves no object behind; one whose outcome is unknown, or that was interrupted, may leave one
        that the orphan sweep finds.
        """
        match request:
            case m.Get():
                return (yield from self._get(request))
            case m.ListEntries():
                return (yield from self._page(request))
            case m.ListHistory():
                page: m.History = yield Ask(request)
                changes = yield from self._listing.changes(request.target, page.changes)
                return m.History(tuple(changes), page.before)
            case m.Set() | m.Delete() | m.Clear() | m.Rewind():
                return (yield from self._write(request, request_id))
            case m.Increment() | m.SetMax():
                return (yield from self._combine(request, request_id))
            case m.Batch():
                return (yield from self._batch(request, request_id))
        return (yield Ask(request, request_id))

    # --- one operation -----------------------------------------------------------------------------------

    def _get(self, request: m.Get) -> Flow[m.Entry | m.Absent]:
        reply = yield Ask(request)
        return (
            (yield from self._reading.entry(request.target, reply)) if isinstance(reply, m.Entry) else reply
        )

    def _page(self, request: m.ListEntries) -> Flow[m.Entries]:
        page: m.Entries = yield Ask(request)
        if request.with_values:
            found = yield from self._listing.entries([(request.target, each) for each in page.entries])
        else:
            found = [each._replace(external=None) for each in page.entries]
        return m.Entries(tuple(each for each in found if isinstance(each, m.Entry)), page.after)

    def _write(self, request: Any, request_id: str | None) -> Flow[m.Written]:
        written: m.Written = yield from self._committed(request, request_id)
        yield from self._delete_left(written.left)
        return written

    def _combine(self, request: m.Increment | m.SetMax, request_id: str | None) -> Flow[m.Entry]:
        """Add or raise where the value is: in the store, or here and under a condition."""
        writer = yield from self._backends.writer()
        if self._writing.stays_inline(writer, _operand(request)):
            self._writing.check_inline(writer, request.key, _operand(request))
            try:
                reply: m.Entry = yield Ask(request, request_id)
            except UnsupportedError:
                pass  # what stands lies in a backend
            else:
                return reply
        get = m.Get(request.key, request.target)
        return (
            yield from compare_and_set(request.key, lambda: self._get(get), partial(self._combined, request))
        )

    def _combined(self, request: m.Increment | m.SetMax, standing: m.Entry | None) -> Flow[m.Entry]:
        stored = None if standing is None else encoded(standing).value
        combine = incremented if isinstance(request, m.Increment) else maximum
        value = combine(stored, _operand(request), what=repr(request.key))
        if isinstance(request, m.SetMax) and standing is not None and value == stored:
            return standing
        write = m.Set(
            request.key,
            value,
            request.target,
            request.retention,
            if_version=None if standing is None else standing.version,
            if_absent=standing is None,
            apply_now=request.apply_now,
        )
        written = yield from self._write(write, request_id_for(write))
        return m.Entry(request.key, value, written.version, len(value))

    # --- several, all or none ----------------------------------------------------------------------------

    def _batch(self, request: m.Batch, request_id: str | None) -> Flow[m.BatchDone]:
        writer = yield from self._backends.writer()
        for number, operation in enumerate(request.operations, start=1):
            if isinstance(operation, m.Increment | m.SetMax):
                self._check_in_batch(writer, operation, number)
        try:
            done: m.BatchDone = yield from self._committed(request, request_id)
        except UnsupportedError as error:
            raise _outside_of_a_batch(error, request) from error
        left = [each for reply in done.replies if isinstance(reply, m.Written) for each in reply.left]
        failed: Exception | None = None
        try:
            done = m.BatchDone(tuple((yield from self._with_values(request, done.replies))))
        except Exception as error:  # raised below: what lost its record goes all the same
            failed = error
        yield from self._delete_left(left)
        if failed is not None:
            raise failed
        return done

    def _with_values(self, request: m.Batch, replies: Sequence[Any]) -> Flow[list[Any]]:
        read = {
            place: (operation.target, reply)
            for place, (operation, reply) in enumerate(zip(request.operations, replies, strict=True))
            if isinstance(operation, m.Get) and isinstance(reply, m.Entry)
        }
        resolved = dict(zip(read, (yield from self._reading.entries(list(read.values()))), strict=True))
        return [resolved.get(place, reply) for place, reply in enumerate(replies)]

    def _check_in_batch(self, writer: Any, operation: m.Increment | m.SetMax, number: int) -> None:
        """Refuse what would have to be read, reckoned here and written: a batch is one request."""
        if not self._writing.stays_inline(writer, _operand(operation)):
            what = f"{_word(operation)} of {operation.key!r} in a batch"
            problem = "its value goes to the worker's backend; do it outside of the batch"
            raise UnsupportedError(what=what, problem=problem, operation_number=number)
        self._writing.check_inline(writer, operation.key, _operand(operation))

    # --- the record and its objects ----------------------------------------------------------------------

    def _committed(self, request: Any, request_id: str | None) -> Flow[Any]:
        """Put the values where they should live and write the record; again when a sweep was in between."""
        writer = yield from self._backends.writer()
        request = self._at_once(writer, request)
        condemned: CondemnedError | None = None
        for _ in range(_MOST_UPLOADS):
            made = Made(writer, [])
            sent = yield from self._uploaded(writer, request, made)
            first_id = request_id if condemned is None else None
            try:
                return (yield Ask(sent, first_id or request_id_for(sent)))
            except StatekeepError as error:
                if error.is_first_answer and error.http_status < _REFUSED_BELOW:
                    yield from discarded(made)
                if not isinstance(error, CondemnedError):
                    raise
                condemned = error
        raise condemned or AssertionError("there is at least one upload")

    def _uploaded(self, writer: Any, request: Any, made: Made) -> Flow[Any]:
        if not isinstance(request, m.Set | m.Batch):
            return request
        try:
            return (yield from self._writing.written_out(writer, request, made))
        except Exception:  # whatever it was, no record names these
            yield from discarded(made)
            raise

    def _delete_left(self, left: Sequence[m.External]) -> Flow[None]:
        """Delete objects of plain backends that no record names any more; all are tried before one raises."""
        if not left:
            return
        failures = yield Together([self._deleted(each) for each in left])
        for failure in failures:
            if failure is not None:
                raise failure

    def _deleted(self, external: m.External) -> Flow[Exception | None]:
        try:
            backend = yield from self._backends.reader(external, external.storage_key, external.origin)
            yield backend_calls.call(backend, "delete", scope_of(external.origin), external.storage_key)
        except Exception as error:  # raised after the others were tried
            return error
        return None

    def _at_once(self, writer: Any, request: Any) -> Any:
        """Return the request as a plain backend needs it: what overwrites in place cannot be staged."""
        if writer is None or writer.immutable_refs:
            return request
        if isinstance(request, m.Batch):
            return m.Batch(tuple(self._at_once(writer, each) for each in request.operations))
        is_of_asset = isinstance(request.target, int | m.AssetAddress)
        if not is_of_asset or getattr(request, "apply_now", True):
            return request
        if not self._has_said_at_once:
            self._has_said_at_once = True
            _say_at_once(writer)
        return request._replace(apply_now=True)


def _operand(request: m.Increment | m.SetMax) -> bytes:
    return request.by if isinstance(request, m.Increment) else request.value


def _word(request: m.Increment | m.SetMax) -> str:
    return "increment" if isinstance(request, m.Increment) else "set_max"


def _outside_of_a_batch(error: UnsupportedError, request: m.Batch) -> UnsupportedError:
    """Return the store's refusal with what to do, where it is that of an increment or a set_max."""
    number = error.facts.get("operation_number")
    operation = request.operations[number - 1] if isinstance(number, int) else None
    if not isinstance(operation, m.Increment | m.SetMax):
        return error
    problem = "its value lies in a worker's backend; do it outside of the batch"
    return UnsupportedError(**{**error.facts, "problem": problem})


def _say_at_once(writer: Any) -> None:
    from logging import getLogger

    getLogger("statekeep.backends").warning(
        "backend %s overwrites in place: what is written to assets applies at once and is not staged",
        writer.backend_id,
    )
