"""Values go where the backend puts them, the record names them, and what is refused leaves nothing."""

from __future__ import annotations

import logging
from hashlib import sha256
from typing import Any

import pytest
from statekeep._shared.state import messages as m
from statekeep._shared.state.errors import (
    CondemnedError,
    ConflictError,
    InternalFaultError,
    StatekeepError,
    StoreUnusableError,
    SupersededError,
    UnavailableError,
    UnsupportedError,
    ValueTooLargeError,
)
from statekeep.accessors.writing_out import new_generation
from statekeep.backends.object_store.layout import is_storage_key
from worker_backends import ORIGIN, TASK, Answers, Drive, Immutable, Plain, offloading

LARGE = b'"0123456789"'
SMALL = b'"012345"'


def write(key: str = "k", value: bytes = LARGE, target: int | None = None, **options: Any) -> m.Set:
    return m.Set(key, value, target, **options)


def sent(transport: Answers) -> Any:
    return transport.requests[-1]


# --- what is sent ----------------------------------------------------------------------------------------


def test_a_large_value_is_sent_as_its_reference(drive: Drive) -> None:
    backend = Immutable()
    transport = Answers(backend.story, m.Written(4))
    assert drive(offloading(backend).perform(write(retention=5.0)), transport) == m.Written(4)
    request = sent(transport)
    assert (request.key, request.value, request.retention) == ("k", b"", 5.0)
    external = request.external
    assert backend.objects[external.reference] == LARGE.decode()
    assert external == m.External(
        external.reference,
        backend.backend_id,
        external.storage_key,
        TASK,
        len(LARGE),
        sha256(LARGE).digest(),
    )
    assert is_storage_key(external.storage_key)
    assert external.storage_key.startswith("k~")


def test_an_asset_is_the_origin_by_its_canonical_name(drive: Drive) -> None:
    backend = Immutable()
    transport = Answers(backend.story, m.Written())
    drive(offloading(backend).perform(write(target=1)), transport)
    assert sent(transport).external.origin == ORIGIN
    assert list(backend.objects) == [f"orders/{sent(transport).external.storage_key}"]
    assert not sent(transport).apply_now


def test_every_write_has_a_generation_of_its_own() -> None:
    drawn = {new_generation() for _ in range(100)}
    assert len(drawn) == 100
    assert all(is_storage_key(f"~{each}") and each == each.lower() for each in drawn)


@pytest.mark.parametrize("backend", [Immutable(), None], ids=["below the threshold", "without a backend"])
def test_a_value_that_stays_inline_is_sent_as_it_is(drive: Drive, backend: Any) -> None:
    transport = Answers([], m.Written(1))
    drive(offloading(backend).perform(write(value=SMALL)), transport)
    assert transport.asked == [(write(value=SMALL), None)]


@pytest.mark.parametrize("kind", [Immutable, Plain])
def test_a_value_that_the_hook_returns_stays_inline(drive: Drive, kind: Any) -> None:
    class Lazy(kind):  # type: ignore[misc]  # which of the two is the test's matter
        def put(self, reference: str, value: str) -> str:
            return value

    transport = Answers([], m.Written(1))
    drive(offloading(Lazy()).perform(write()), transport)
    assert sent(transport) == write()


@pytest.mark.parametrize("in_batch", [False, True])
def test_a_value_that_the_hook_returns_is_refused_over_the_limit(drive: Drive, in_batch: bool) -> None:
    class Lazy(Immutable):
        def put(self, reference: str, value: str) -> str:
            return value

    request = m.Batch((write(),)) if in_batch else write()
    with pytest.raises(ValueTooLargeError, match=r"over the limit of 11; .* keep fewer values inline"):
        drive(offloading(Lazy(), max_value_bytes=11).perform(request), Answers([]))


@pytest.mark.parametrize("operation", [m.SetMax("k", b"1" * 9), write(value=b"1" * 9)])
def test_an_inline_value_over_the_limit_is_refused_in_a_batch_too(drive: Drive, operation: Any) -> None:
    with pytest.raises(ValueTooLargeError):
        drive(offloading(Immutable(), max_value_bytes=8).perform(m.Batch((operation,))), Answers([]))


def test_a_value_of_the_thresholds_size_goes_out(drive: Drive) -> None:
    for size_bytes, goes_out in ((9, False), (10, True)):
        transport = Answers([], m.Written(1))
        drive(offloading(Immutable()).perform(write(value=b"1" * size_bytes)), transport)
        assert (sent(transport).external is not None) is goes_out


def test_a_write_with_a_reference_has_a_request_id_and_a_blind_one_without_has_none(drive: Drive) -> None:
    transport = Answers([], m.Written(1), m.Written(2))
    drive(offloading(Immutable()).perform(write()), transport)
    drive(offloading(Immutable()).perform(write(value=SMALL)), transport)
    assert [request_id is None for _, request_id in transport.asked] == [False, True]


def test_a_request_id_that_is_given_is_kept(drive: Drive) -> None:
    transport = Answers([], m.Written(1))
    drive(offloading(Immutable()).perform(write(if_absent=True), "mine"), transport)
    assert transport.asked[0][1] == "mine"


@pytest.mark.parametrize(
    ("backend", "remedy"),
    [
        (None, r"set \[workers\] state_backend to keep large values"),
        (Immutable(), "keep fewer values inline"),
    ],
    ids=["without a backend", "with a high threshold"],
)
@pytest.mark.parametrize("request_", [write(value=b"1" * 9), m.SetMax("k", b"1" * 9)], ids=["set", "set_max"])
def test_an_inline_value_over_the_limit_is_refused_with_the_remedy(
    drive: Drive, backend: Any, remedy: str, request_: Any
) -> None:
    with pytest.raises(ValueTooLargeError, match=rf"9 bytes encoded, over the limit of 8; .*{remedy}"):
        drive(offloading(backend, max_value_bytes=8).perform(request_), Answers([]))


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("", "has 0 bytes"),
        ("é" * 2_049, "has 4,098 bytes, not 1 to 4,096"),
        (None, "of type NoneType"),
        (b"x", "of type bytes"),
        ("\ud800", "lone surrogate"),
    ],
)
@pytest.mark.parametrize("kind", [Immutable, Plain])
def test_a_reference_that_no_record_can_hold_is_refused_before_anything_is_sent(
    drive: Drive, kind: Any, reference: Any, words: str
) -> None:
    class Odd(kind):  # type: ignore[misc]  # which of the two is the test's matter
        def put(self, reference_: str, value: str) -> Any:
            super().put(reference_, value)
            return reference

    backend = Odd()
    with pytest.raises(StoreUnusableError, match=words):
        drive(offloading(backend).perform(write()), Answers(backend.story))
    assert [line.split("~")[0].split("/")[-1] for line in backend.story] == (
        ["k", "delete k"] if kind is Immutable else ["k"]
    )


def test_the_digest_is_the_backends_where_it_has_its_own(drive: Drive) -> None:
    class Keyed(Immutable):
        def recorded_digest(self, sha256: bytes, *, scope: Any, storage_key: str) -> bytes:
            assert storage_key.startswith("k~")
            return bytes(reversed(sha256))

    transport = Answers([], m.Written(1))
    drive(offloading(Keyed()).perform(write()), transport)
    assert sent(transport).external.digest == bytes(reversed(sha256(LARGE).digest()))


# --- plain backends --------------------------------------------------------------------------------------


def test_a_plain_backend_gets_the_users_key_and_gives_no_digest(drive: Drive) -> None:
    backend = Plain()
    transport = Answers(backend.story, m.Written(1))
    drive(offloading(backend).perform(write(value=b"1")), transport)
    external = sent(transport).external
    assert (external.storage_key, external.digest, external.origin) == ("k", None, TASK)
    assert sent(transport).apply_now is False


ASSET_WRITES = [
    write(target=1),
    m.Delete("k", 1),
    m.Clear(1),
]


@pytest.mark.parametrize("request_", ASSET_WRITES, ids=lambda each: type(each).__name__)
def test_what_a_plain_backend_writes_to_an_asset_applies_at_once(drive: Drive, request_: Any) -> None:
    transport = Answers([], m.Written(1), m.BatchDone((m.Absent("k"), m.Written(1))))
    drive(offloading(Plain()).perform(request_), transport)
    assert sent(transport).apply_now is True
    drive(offloading(Plain()).perform(m.Batch((m.Get("k", 1), request_))), transport)
    assert sent(transport).operations[1].apply_now is True


def test_that_assets_are_not_staged_is_said_once(drive: Drive, caplog: pytest.LogCaptureFixture) -> None:
    own, plain = offloading(Plain()), Answers([], *[m.Written(1)] * 3)
    with caplog.at_level(logging.INFO):
        for target in (None, 1, 1):
            drive(own.perform(write(target=target)), plain)
    [record] = caplog.records
    assert record.getMessage() == (
        "backend worker_backends.Plain overwrites in place: "
        "what is written to assets applies at once and is not staged"
    )


@pytest.mark.parametrize(
    ("options", "standing", "wanted"),
    [
        ({"if_absent": True}, m.Entry("k", b"1", 7, 1), "absent"),
        ({"if_version": 6}, m.Entry("k", b"1", 7, 1), 6),
        ({"if_version": 6}, m.Absent("k"), 6),
    ],
)
@pytest.mark.parametrize("in_batch", [False, True])
def test_a_lost_condition_overwrites_nothing_in_place(
    drive: Drive, options: Any, standing: Any, wanted: Any, in_batch: bool
) -> None:
    backend = Plain()
    transport = Answers(backend.story, standing)
    lost = write(**options)
    with pytest.raises(ConflictError) as raised:
        drive(offloading(backend).perform(m.Batch((write("other"), lost)) if in_batch else lost), transport)
    assert raised.value.facts["wanted"] == wanted
    assert backend.story == ["ask Get"]


@pytest.mark.parametrize("options", [{"if_absent": True}, {"if_version": 7}])
def test_a_condition_that_holds_is_sent_along(drive: Drive, options: Any) -> None:
    standing = m.Absent("k") if "if_absent" in options else m.Entry("k", b"1", 7, 1)
    transport = Answers([], standing, m.Written(8))
    assert drive(offloading(Plain()).perform(write(**options)), transport) == m.Written(8)
    assert {name: sent(transport)._asdict()[name] for name in options} == options


@pytest.mark.parametrize(
    "before", [m.Delete("k"), m.Clear(), write("k")], ids=lambda each: type(each).__name__
)
def test_a_condition_on_what_the_batch_itself_changes_is_the_stores_to_judge(
    drive: Drive, before: Any
) -> None:
    request = m.Batch((before, write(if_absent=True)))
    transport = Answers([], m.BatchDone((m.Written(), m.Written(2))))
    drive(offloading(Plain()).perform(request), transport)
    assert [type(each) for each in transport.requests] == [m.Batch]


def test_in_a_batch_the_last_value_of_a_key_is_the_one_that_a_plain_backend_keeps(drive: Drive) -> None:
    backend = Plain()
    values = [f'"{number}"' for number in range(20)]
    request = m.Batch(tuple(write(value=value.encode()) for value in values))
    drive(offloading(backend).perform(request), Answers([], m.BatchDone((m.Written(1),) * 20)))
    assert list(backend.objects.values()) == values[-1:]


# --- refusals --------------------------------------------------------------------------------------------


def late(error: StatekeepError) -> StatekeepError:
    error.is_first_answer = False
    return error


def conflict() -> ConflictError:
    return ConflictError(key="k", version=2, wanted=1)


REFUSALS = [
    ("a conflict", conflict(), True),
    ("a try that is over", SupersededError(task="t", try_number=1, current_try_number=2), True),
    ("a refusal of the size", ValueTooLargeError(what="k", size_bytes=2, limit_bytes=1, remedy="no"), True),
    ("a refusal after a lost connection", late(conflict()), False),
    ("a store that is away", UnavailableError(what="the store", problem="it is full"), False),
    ("a fault", InternalFaultError(problem="a bug"), False),
    ("what is unsupported", UnsupportedError(what="it", problem="no"), False),
    ("what is no answer", OSError("gone"), False),
]


@pytest.mark.parametrize(
    ("error", "is_deleted"), [each[1:] for each in REFUSALS], ids=[r[0] for r in REFUSALS]
)
@pytest.mark.parametrize("in_batch", [False, True])
def test_only_after_a_definite_first_refusal_the_new_object_is_deleted(
    drive: Drive, error: Exception, is_deleted: bool, in_batch: bool
) -> None:
    backend = Immutable()
    transport = Answers(backend.story, error)
    request = m.Batch((write(), write("l", target=1))) if in_batch else write()
    with pytest.raises(type(error)):
        drive(offloading(backend).perform(request), transport)
    assert bool(backend.objects) is not is_deleted


@pytest.mark.parametrize("error", [conflict(), UnavailableError(what="it", problem="no")])
def test_a_plain_backends_object_stays_whatever_the_store_says(drive: Drive, error: Exception) -> None:
    backend = Plain()
    with pytest.raises(type(error)):
        drive(offloading(backend).perform(write()), Answers(backend.story, error))
    assert backend.objects


def test_an_object_that_cannot_be_deleted_is_logged_and_the_refusal_raised(
    drive: Drive, caplog: pytest.LogCaptureFixture
) -> None:
    class Undeletable(Immutable):
        def delete(self, scope: Any, key: str) -> None:
            raise OSError("no way")

    with pytest.raises(ConflictError):
        drive(offloading(Undeletable()).perform(write()), Answers([], conflict()))
    assert "could not be deleted (OSError: no way); the orphan sweep will find it" in caplog.text


def test_many_refused_objects_are_deleted_in_one_call_where_the_backend_can(drive: Drive) -> None:
    deleted: list[Any] = []

    class Bulk(Immutable):
        def delete_objects(self, objects: Any) -> None:
            deleted.append(sorted(storage_key[:2] for _, storage_key in objects))

    with pytest.raises(ConflictError):
        drive(offloading(Bulk()).perform(m.Batch((write("a"), write("b")))), Answers([], conflict()))
    assert deleted == [["a~", "b~"]]


def test_an_upload_that_fails_sends_nothing(drive: Drive) -> None:
    backend = Immutable()
    backend.failing.append(OSError("disk full"))
    with pytest.raises(OSError, match="disk full"):
        drive(offloading(backend).perform(write()), Answers(backend.story))
    assert len(backend.story) == 1


def test_an_upload_of_a_batch_that_fails_takes_the_others_with_it(drive: Drive) -> None:
    class Failing(Immutable):
        def put(self, reference: str, value: str) -> str:
            if "/bad~" in reference:
                raise OSError("disk full")
            return super().put(reference, value)

    backend = Failing()
    request = m.Batch((write("a"), write("bad")))
    with pytest.raises(OSError, match="disk full"):
        drive(offloading(backend).perform(request), Answers(backend.story))
    assert "ask Batch" not in backend.story
    if (
        drive.__name__ == "run"
    ):  # on a loop, an upload in a thread may be cut off, which the orphan sweep finds
        assert backend.objects == {}


def test_a_condemned_object_is_uploaded_again_under_another_name_and_request_id(drive: Drive) -> None:
    backend = Immutable()
    transport = Answers(backend.story, CondemnedError(storage_key="k~1"), m.Written(3))
    assert drive(offloading(backend).perform(write(if_absent=True), "first"), transport) == m.Written(3)
    keys = [request.external.storage_key for request in transport.requests]
    ids = [request_id for _, request_id in transport.asked]
    assert len(set(keys)) == len(set(ids)) == 2
    assert ids[0] == "first"
    assert [reference.split("/")[1] for reference in backend.objects] == keys[1:]


def test_an_object_that_is_condemned_three_times_is_given_up(drive: Drive) -> None:
    transport = Answers([], *[CondemnedError(storage_key="k~1")] * 3)
    with pytest.raises(CondemnedError):
        drive(offloading(Immutable()).perform(write()), transport)
    assert len(transport.asked) == 3
