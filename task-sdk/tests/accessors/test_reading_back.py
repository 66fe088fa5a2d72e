"""References are resolved, checked, read once more when something is wrong, and never become a default."""

from __future__ import annotations

import asyncio
import threading
from hashlib import sha256
from typing import Any

import pytest
from statekeep._shared.state import messages as m
from statekeep._shared.state.errors import (
    BackendMismatchError,
    ReferenceCorruptError,
    ReferenceMissingError,
    StatekeepError,
)
from statekeep.accessors.drivers import MOST_AT_ONCE, arun, run
from statekeep.backends import NotEncryptedError
from statekeep_core._shared.state.errors import ReferenceMissingError as ReferenceMissingErrorOfCore
from worker_backends import ORDERS, TASK, Answers, Drive, Immutable, Plain, offloading

LARGE = b'"0123456789"'
INLINE = m.Entry("i", b"1", 1, 1)


def external(backend: Any, key: str = "k", value: bytes = LARGE, *, present: bool = True) -> m.External:
    """An object as a write leaves it; ``present`` or gone."""
    storage_key = key if isinstance(backend, Plain) else f"{key}~{'a' * 26}"
    reference = f"x/{storage_key}"
    if present:
        backend.objects[reference] = value.decode()
    digest = None if isinstance(backend, Plain) else sha256(value).digest()
    return m.External(reference, backend.backend_id, storage_key, TASK, len(value), digest)


def entry(of: m.External, version: int | None = 7, key: str = "k") -> m.Entry:
    return m.Entry(key, b"", version, of.size_bytes, 1, 2, m.Writer("me"), external=of)


def change(of: m.External | None, version: int = 7, key: str = "k", kind: str = "set") -> m.Change:
    return m.Change(key, version, kind, 1, external=of)


@pytest.fixture(params=[Immutable, Plain])
def backend(request: pytest.FixtureRequest) -> Any:
    return request.param()


# --- what is there ---------------------------------------------------------------------------------------


def test_an_entry_comes_with_its_value_and_without_its_object(drive: Drive, backend: Any) -> None:
    named = entry(external(backend))
    read = drive(offloading(backend).perform(m.Get("k")), Answers([], named))
    assert read == named._replace(value=LARGE, external=None)


def test_an_asset_is_read_by_the_hook_for_assets(drive: Drive) -> None:
    backend = Immutable()
    of_asset = external(backend)._replace(origin=ORDERS)
    backend.deserialize_task_state_from_ref = None  # type: ignore[assignment, method-assign]  # not to be called
    backend.deserialize_asset_state_from_ref = lambda stored, **told: LARGE.decode()  # type: ignore[method-assign]
    read = drive(offloading(backend).perform(m.Get("k", 1)), Answers([], entry(of_asset)))
    assert read.value == LARGE


def test_an_absent_key_stays_absent(drive: Drive, backend: Any) -> None:
    assert drive(offloading(backend).perform(m.Get("k")), Answers([], m.Absent("k"))) == m.Absent("k")


def test_another_backend_that_is_configured_reads_what_it_wrote(drive: Drive) -> None:
    class Old(Plain):
        pass

    old = Old()
    read = drive(offloading(Immutable(), old).perform(m.Get("k")), Answers([], entry(external(old))))
    assert read.value == LARGE


@pytest.mark.parametrize("writer", [None, Immutable()])
def test_a_backend_that_is_not_configured_is_named(drive: Drive, writer: Any) -> None:
    class Old(Plain):
        pass

    with pytest.raises(BackendMismatchError) as raised:
        drive(offloading(writer).perform(m.Get("k")), Answers([], entry(external(Old()))))
    facts = {
        "scope": "etl/2026-01-01/load",
        "key": "k",
        "reference": "x/k",
        "backend_id": Old().backend_id,
    }
    assert raised.value.facts == facts


def test_a_page_is_resolved_in_its_order(drive: Drive, backend: Any) -> None:
    named = [entry(external(backend, f"k{n}", str(n).encode()), key=f"k{n}") for n in range(30)]
    page = m.Entries((INLINE, *named), after="k9")
    read = drive(offloading(backend).perform(m.ListEntries(with_values=True)), Answers([], page))
    assert [each.value for each in read.entries] == [b"1", *(str(n).encode() for n in range(30))]
    assert all(each.external is None for each in read.entries)
    assert read.after == "k9"


def test_a_page_without_values_fetches_none(drive: Drive, backend: Any) -> None:
    page = m.Entries((entry(external(backend)),))
    read = drive(offloading(backend).perform(m.ListEntries()), Answers([], page))
    assert read.entries[0].external is None
    assert backend.story == []


def test_a_history_is_resolved_but_for_what_left_nothing(drive: Drive) -> None:
    backend = Immutable()
    rows = (change(None, 9, kind="delete"), change(external(backend)), change(None, 1)._replace(value=b"1"))
    read = drive(offloading(backend).perform(m.ListHistory(1)), Answers([], m.History(rows)))
    assert [each.value for each in read.changes] == [None, LARGE, b"1"]
    assert all(each.external is None for each in read.changes)


def test_a_batch_resolves_what_it_reads(drive: Drive, backend: Any) -> None:
    request = m.Batch((m.Get("k"), m.Get("i"), m.Get("no"), m.Delete("k")))
    done = m.BatchDone((entry(external(backend)), INLINE, m.Absent("no"), m.Written()))
    read = drive(offloading(backend).perform(request), Answers([], done))
    assert [getattr(each, "value", None) for each in read.replies] == [LARGE, b"1", None, None]


class Counting(Immutable):
    """Says how many fetches were under way at once."""

    def __init__(self) -> None:
        super().__init__()
        self.all_there = threading.Barrier(MOST_AT_ONCE)  # which nobody passes alone
        self.under_way = 0
        self.most_under_way = 0
        self.lock = threading.Lock()

    def count(self, added: int) -> None:
        with self.lock:
            self.under_way += added
            self.most_under_way = max(self.most_under_way, self.under_way)

    def page(self, entries: int) -> m.Entries:
        return m.Entries(tuple(entry(external(self, f"k{number}")) for number in range(entries)))


def test_several_objects_are_fetched_at_once_and_not_too_many() -> None:
    class Blocking(Counting):
        def fetch(self, reference: str) -> str:
            self.count(1)
            self.all_there.wait(30)
            self.count(-1)
            return super().fetch(reference)

    backend = Blocking()
    transport = Answers([], backend.page(2 * MOST_AT_ONCE))
    run(offloading(backend).perform(m.ListEntries(with_values=True)), transport)
    assert backend.most_under_way == MOST_AT_ONCE


def test_on_a_loop_several_objects_are_fetched_at_once_too() -> None:
    class Async(Counting):
        all_on_the_loop = asyncio.Barrier(MOST_AT_ONCE)  # which nobody passes alone

        async def adeserialize_task_state_from_ref(self, stored: str, **told: Any) -> str:
            self.count(1)
            await asyncio.wait_for(self.all_on_the_loop.wait(), 30)
            self.count(-1)
            return super().fetch(stored)

    backend = Async()
    transport = Answers([], backend.page(3 * MOST_AT_ONCE))
    asyncio.run(arun(offloading(backend).perform(m.ListEntries(with_values=True)), transport))
    assert backend.most_under_way == MOST_AT_ONCE


# --- what is not -----------------------------------------------------------------------------------------


class Defaulting(Plain):
    """Answers None where the contract wants an error."""

    def fetch(self, reference: str) -> Any:
        return self.objects.get(reference)


class OfCore(Plain):
    """Raises the errors of the server's copy of the contract."""

    def fetch(self, reference: str) -> str:
        raise ReferenceMissingErrorOfCore(reference=reference)


@pytest.mark.parametrize("kind", [Immutable, Plain, Defaulting, OfCore])
def test_an_object_that_is_gone_under_a_record_that_stands_is_missing(drive: Drive, kind: Any) -> None:
    backend = kind()
    named = entry(external(backend, present=False))
    transport = Answers(backend.story, named, named)
    with pytest.raises(ReferenceMissingError) as raised:
        drive(offloading(backend).perform(m.Get("k")), transport)
    reference = named.external.reference if named.external else ""
    facts = {"scope": "etl/2026-01-01/load", "key": "k", "reference": reference}
    assert raised.value.facts == facts
    assert "the object of k in etl/2026-01-01/load is gone: x/k" in str(raised.value)
    assert len(transport.asked) == 2


CORRUPTIONS: dict[str, Any] = {"another value": '"9876543210"', "no Unicode": "\ud800", "no text": 5}


@pytest.mark.parametrize("found", CORRUPTIONS.values(), ids=CORRUPTIONS.keys())
def test_bytes_that_are_not_those_that_were_written_are_corrupt(drive: Drive, found: Any) -> None:
    backend = Immutable()
    named = entry(external(backend))
    backend.objects[f"x/k~{'a' * 26}"] = found
    with pytest.raises(ReferenceCorruptError) as raised:
        drive(offloading(backend).perform(m.Get("k", 1)), Answers([], named, named))
    assert raised.value.facts["scope"] == "asset orders"
    assert raised.value.facts["key"] == "k"
    assert raised.value.facts["reference"] == f"x/k~{'a' * 26}"


@pytest.mark.parametrize("found", ["\ud800", "", "null", " null\n"])
def test_a_plain_backends_text_that_cannot_have_been_written_is_corrupt(drive: Drive, found: str) -> None:
    backend = Plain()
    named = entry(external(backend))
    backend.objects["x/k"] = found
    with pytest.raises(ReferenceCorruptError):
        drive(offloading(backend).perform(m.Get("k")), Answers([], named, named))


@pytest.mark.parametrize("version", [7, None])
def test_an_entry_that_was_overwritten_meanwhile_is_read_as_it_stands_now(
    drive: Drive, backend: Any, version: int | None
) -> None:
    gone = entry(external(backend, "old", present=False), version)
    transport = Answers([], gone, entry(external(backend), None if version is None else 8))
    read = drive(offloading(backend).perform(m.Get("k")), transport)
    assert (read.value, read.version) == (LARGE, None if version is None else 8)
    assert transport.requests == [m.Get("k"), m.Get("k")]


def test_an_entry_that_is_inline_by_now_is_read_as_that(drive: Drive, backend: Any) -> None:
    gone = entry(external(backend, present=False))
    assert drive(offloading(backend).perform(m.Get("k")), Answers([], gone, INLINE)) == INLINE


def test_an_entry_that_was_deleted_meanwhile_is_absent(drive: Drive, backend: Any) -> None:
    gone = entry(external(backend, present=False))
    page = m.Entries((gone, INLINE))
    own = offloading(backend)
    assert drive(own.perform(m.Get("k")), Answers([], gone, m.Absent("k"))) == m.Absent("k")
    listed = drive(own.perform(m.ListEntries(with_values=True)), Answers([], page, m.Absent("k")))
    assert listed.entries == (INLINE,)


def test_a_reader_who_loses_every_race_is_told_in_the_end(drive: Drive, backend: Any) -> None:
    gone = [entry(external(backend, present=False), version) for version in range(11)]
    transport = Answers([], *gone)
    with pytest.raises(ReferenceMissingError):
        drive(offloading(backend).perform(m.Get("k")), transport)
    assert len(transport.asked) == 11


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_row_of_a_history_is_missing_only_while_it_is_kept(drive: Drive, is_kept: bool) -> None:
    backend = Immutable()
    rows = (change(external(backend)), change(external(backend, "old", present=False), 6))
    again = m.History(rows if is_kept else rows[:1])
    transport = Answers([], m.History(rows), again)
    if is_kept:
        with pytest.raises(ReferenceMissingError):
            drive(offloading(backend).perform(m.ListHistory(1)), transport)
    else:
        read = drive(offloading(backend).perform(m.ListHistory(1)), transport)
        assert [row.version for row in read.changes] == [7]
    assert transport.requests[1] == m.ListHistory(1, "k", 1_000)


def test_a_row_of_a_long_history_is_looked_for_on_its_page(drive: Drive) -> None:
    backend = Immutable()
    gone = change(external(backend, "old", present=False), 6)
    pages = m.History((change(None, 9),), 9), m.History((change(None, 8), gone), 6)
    transport = Answers([], m.History((gone,), 6), *pages)
    with pytest.raises(ReferenceMissingError):
        drive(offloading(backend).perform(m.ListHistory(1)), transport)
    assert transport.requests[1:] == [m.ListHistory(1, "k", 1_000), m.ListHistory(1, "k", 1_000, 9)]


def test_the_rest_of_a_long_history_is_not_looked_through_for_a_row_that_is_gone(drive: Drive) -> None:
    backend = Immutable()
    gone = change(external(backend, "old", present=False), 6)
    transport = Answers([], m.History((gone,), 6), m.History((change(None, 5),), 5))
    read = drive(offloading(backend).perform(m.ListHistory(1)), transport)
    assert read == m.History((), 6)  # what follows it is still there to be asked for


@pytest.mark.parametrize("error", [OSError("no way"), TimeoutError(), ValueError("what")])
def test_whatever_else_a_backend_raises_is_raised(drive: Drive, backend: Any, error: Exception) -> None:
    named = entry(external(backend))
    backend.failing.append(error)
    with pytest.raises(type(error)) as raised:
        drive(offloading(backend).perform(m.Get("k")), Answers([], named))
    assert raised.value.args == error.args


def test_the_backend_judges_a_digest_of_its_own(drive: Drive) -> None:
    class Keyed(Immutable):
        def is_recorded_digest(self, recorded: bytes, sha256: bytes, *, scope: Any, storage_key: str) -> bool:
            return recorded == bytes(reversed(sha256))

    backend = Keyed()
    right = external(backend)._replace(digest=bytes(reversed(sha256(LARGE).digest())))
    assert drive(offloading(backend).perform(m.Get("k")), Answers([], entry(right))).value == LARGE
    wrong = entry(external(backend))
    with pytest.raises(ReferenceCorruptError):
        drive(offloading(backend).perform(m.Get("k")), Answers([], wrong, wrong))


# --- what the store holds itself, where it must not ------------------------------------------------------


class Secretive(Immutable):
    def check_inline(self, *, scope: str, key: str) -> None:
        raise NotEncryptedError(scope=scope, key=key, reference="it stands in the record itself")


READS: list[tuple[Any, Any]] = [
    (m.Get("i"), INLINE),
    (m.ListEntries(with_values=True), m.Entries((INLINE,))),
    (m.ListHistory(1), m.History((change(None)._replace(value=b"1"),))),
    (m.Batch((m.Get("i"),)), m.BatchDone((INLINE,))),
]


@pytest.mark.parametrize(("request_", "reply"), READS, ids=["get", "entries", "history", "batch"])
def test_an_inline_value_is_refused_where_the_backend_lets_none_stay_there(
    drive: Drive, request_: Any, reply: Any
) -> None:
    with pytest.raises(NotEncryptedError) as raised:
        drive(offloading(Secretive()).perform(request_), Answers([], reply))
    assert isinstance(raised.value, StatekeepError)
    assert raised.value.facts["key"] in ("i", "k")
    assert drive(offloading(Immutable()).perform(request_), Answers([], reply)) is not None


def test_names_of_keys_can_be_listed_all_the_same(drive: Drive) -> None:
    read = drive(offloading(Secretive()).perform(m.ListEntries()), Answers([], m.Entries((INLINE,))))
    assert read.entries == (INLINE,)
