"""Values on their way back from a backend: fetched, checked, and put where a reader expects them."""

from __future__ import annotations

from functools import partial
from typing import Any

from .._shared.state.errors import ReferenceCorruptError, ReferenceMissingError, StatekeepError
from .._shared.state.messages import Absent, Entry, Get, ListHistory
from . import backend_calls
from .flows import Ask, Together
from .origins import scope_of
from .text_values import held, size_and_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._shared.state.messages import Change, External, Target
    from .flows import Flow
    from .worker_backends import WorkerBackends

    # By key and version, which is None for what is staged.
    Unread = dict[tuple[str, int | None], Exception]

# An object is kept for minutes after its record was overwritten, so losing one race is rare, and two rarer.
_MOST_READINGS = 10
_HISTORY_ROWS = 1_000
# What a plain backend may make of an object that is gone. Nobody can have written it, and None is no default.
_NO_VALUE = "null"
_NO_JSON = "it is empty, null or no Unicode"


class ReadingBack:
    """Resolves what a reply names: nothing above this sees an external object.

    But for a listing with ``unread``: what of it cannot be read is left without its value, and the reason put
    there under its key and version, so that one value that is lost does not hide the others.
    """

    def __init__(self, backends: WorkerBackends, unread: Unread | None = None) -> None:
        self._backends = backends
        self._unread = unread

    def entry(self, target: Target, entry: Entry) -> Flow[Entry | Absent]:
        """Return the entry with its value; as it stands by then when it was overwritten meanwhile.

        Raises ``ReferenceMissingError`` and ``ReferenceCorruptError`` only for a record that still stands.
        """
        lost: StatekeepError | None = None
        for _ in range(_MOST_READINGS):
            if entry.external is None:
                yield from self._check_inline(target, entry.key)
                return entry
            try:
                value = yield from self._value(target, entry.key, entry.external)
            except (ReferenceMissingError, ReferenceCorruptError) as error:
                again = yield Ask(Get(entry.key, target))
                if isinstance(again, Absent):
                    return again
                if (again.version, again.external) == (entry.version, entry.external):
                    raise
                entry, lost = again, error
            else:
                resolved: Entry = entry._replace(value=value, external=None)
                return resolved
        raise lost or AssertionError("there is at least one reading")

    def entries(self, entries: Sequence[tuple[Target, Entry]]) -> Flow[list[Entry | Absent]]:
        """Return what :meth:`entry` returns of each; several are on their way at once."""
        flows = [
            self._or_noted(self.entry(target, each), each._replace(value=b"")) for target, each in entries
        ]
        is_away = [each.external is not None for _, each in entries]
        return (yield from _here_then_away(flows, is_away))

    def changes(self, target: Target, changes: Sequence[Change]) -> Flow[list[Change]]:
        """Return those rows of a history that are still kept, with their values."""
        flows = [self._or_noted(self._change(target, each), each._replace(value=None)) for each in changes]
        is_away = [each.external is not None for each in changes]
        resolved = yield from _here_then_away(flows, is_away)
        return [change for change in resolved if change is not None]

    def _change(self, target: Target, change: Change) -> Flow[Change | None]:
        if change.external is None:
            if change.value is not None:
                yield from self._check_inline(target, change.key)
            return change
        try:
            value = yield from self._value(target, change.key, change.external)
        except (ReferenceMissingError, ReferenceCorruptError):
            if (yield from _is_kept(target, change)):
                raise
            return None
        resolved: Change = change._replace(value=value, external=None)
        return resolved

    def _or_noted(self, flow: Flow[Any], without_value: Entry | Change) -> Flow[Any]:
        try:
            return (yield from flow)
        # A backend is somebody else's code, and whatever it raises, the others of the listing are shown.
        except Exception as error:
            if self._unread is None:
                raise
            self._unread[without_value.key, without_value.version] = error
            return without_value

    def _check_inline(self, target: Target, key: str) -> Flow[None]:
        """Refuse a value that the store holds itself where the backend lets none stay there."""
        writer = yield from self._backends.writer()
        if hasattr(writer, "check_inline"):
            writer.check_inline(scope=self._backends.whose(target), key=key)

    def _value(self, target: Target, key: str, external: External) -> Flow[bytes]:
        """Fetch a value and check that it is what was written."""
        backend = yield from self._backends.reader(external, key, target)
        facts = {"scope": self._backends.whose(target), "key": key, "reference": external.reference}
        try:
            text = yield backend_calls.deserialize(backend, external)
        except StatekeepError as error:
            # One that says whose value it is; others are about the backend, and no value's.
            if isinstance(error, ReferenceMissingError | ReferenceCorruptError) or "key" in error.facts:
                _tell(error, facts)
            raise
        if text is None:  # a backend that has a default where the contract wants an error
            raise ReferenceMissingError(**facts)
        if not isinstance(text, str):
            raise ReferenceCorruptError(**facts, problem=f"the backend gave a {type(text).__name__}")
        try:
            _, digest = yield from backend_calls.computed(partial(size_and_digest, text), len(text))
        except UnicodeEncodeError:
            raise ReferenceCorruptError(**facts, problem=_NO_JSON) from None
        if external.digest is not None and not (yield from _is_recorded(backend, external, digest)):
            raise ReferenceCorruptError(**facts, problem="its digest is another")
        if not text or text.strip() == _NO_VALUE:
            raise ReferenceCorruptError(**facts, problem=_NO_JSON)
        return held(text)


def _is_kept(target: Target, change: Change) -> Flow[bool]:
    before: int | None = None
    while True:
        page = yield Ask(ListHistory(target, change.key, _HISTORY_ROWS, before))
        if any(row.version == change.version for row in page.changes):
            return True
        before = page.before
        if before is None or before <= change.version:
            return False


def _here_then_away(flows: Sequence[Flow[Any]], is_away: Sequence[bool]) -> Flow[list[Any]]:
    """Return the flows' results in order: first of those that fetch nothing, then of the others at once."""
    results: list[Any] = list(flows)
    for place, flow in enumerate(flows):
        if not is_away[place]:
            results[place] = yield from flow
    away = [place for place in range(len(flows)) if is_away[place]]
    fetched = yield Together([flows[place] for place in away])
    for place, result in zip(away, fetched, strict=True):
        results[place] = result
    return results


def _is_recorded(backend: Any, external: External, digest: bytes) -> Flow[bool]:
    if not hasattr(backend, "is_recorded_digest"):
        return digest == external.digest
    told = {"scope": scope_of(external.origin), "storage_key": external.storage_key}
    return bool((yield backend_calls.call(backend, "is_recorded_digest", external.digest, digest, **told)))


def _tell(error: StatekeepError, facts: dict[str, str]) -> None:
    """Have an error of a backend say whose value it is: a hook may know a storage key, or nothing."""
    StatekeepError.__init__(
        error, **{**error.facts, **facts}
    )  # in place, so that its class and traceback stay
