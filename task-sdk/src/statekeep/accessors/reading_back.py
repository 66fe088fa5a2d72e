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

# An object is kept for minutes after its record was overwritten, so losing one race is rare, and two rarer.
_MOST_READINGS = 10
_HISTORY_ROWS = 1_000
# What a plain backend may make of an object that is gone. Nobody can have written it, and None is no default.
_NO_VALUE = "null"
_NO_JSON = "it is empty, null or no Unicode"


class ReadingBack:
    """Resolves what a reply names: nothing above this sees an external object."""

    def __init__(self, backends: WorkerBackends) -> None:
        self._backends = backends

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
        for target, entry in entries:
            if entry.external is None:
                yield from self._check_inline(target, entry.key)
        away = {place: self.entry(*each) for place, each in enumerate(entries) if each[1].external}
        fetched = yield from _together(away)
        return [fetched.get(place, entry) for place, (_, entry) in enumerate(entries)]

    def changes(self, target: Target, changes: Sequence[Change]) -> Flow[list[Change]]:
        """Return those rows of a history that are still kept, with their values."""
        for change in changes:
            if change.external is None and change.value is not None:
                yield from self._check_inline(target, change.key)
        away = {
            place: self._change(target, each, each.external)
            for place, each in enumerate(changes)
            if each.external
        }
        fetched = yield from _together(away)
        resolved = [fetched.get(place, change) for place, change in enumerate(changes)]
        return [change for change in resolved if change is not None]

    def _change(self, target: Target, change: Change, external: External) -> Flow[Change | None]:
        try:
            value = yield from self._value(target, change.key, external)
        except (ReferenceMissingError, ReferenceCorruptError):
            kept = yield Ask(ListHistory(target, change.key, _HISTORY_ROWS))
            if any(row.version == change.version for row in kept.changes):
                raise
            return None
        resolved: Change = change._replace(value=value, external=None)
        return resolved

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


def _together(flows: dict[int, Flow[Any]]) -> Flow[dict[int, Any]]:
    results = yield Together(list(flows.values()))
    return dict(zip(flows, results, strict=True))


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
