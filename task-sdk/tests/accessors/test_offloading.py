"""What a request becomes: sums and maxima reckoned here, what is left deleted, and all else passed on."""

from __future__ import annotations

import asyncio
import threading
from hashlib import sha256
from typing import Any

import pytest
from statekeep._shared.state import messages as m
from statekeep._shared.state.errors import (
    BackendMismatchError,
    ConflictError,
    InvalidValueError,
    ReferenceMissingError,
    UnsupportedError,
)
from statekeep.accessors.offloading import OffloadingTransport
from worker_backends import ORDERS, TASK, Answers, Drive, Immutable, Plain, offloading

LARGE = b'"0123456789"'
LARGER = b'"1123456789"'
UNSUPPORTED = UnsupportedError(what="increment of 'k'", problem="its value lies in a worker's backend")


def external(backend: Any, key: str = "k", value: bytes = LARGE, origin: Any = TASK) -> m.External:
    storage_key = key if isinstance(backend, Plain) else f"{key}~{'a' * 26}"
    reference = f"x/{storage_key}"
    backend.objects[reference] = value.decode()
    digest = None if isinstance(backend, Plain) else sha256(value).digest()
    return m.External(reference, backend.backend_id, storage_key, origin, len(value), digest)


def entry(of: m.External | None, version: int | None = 7, value: bytes = b"") -> m.Entry:
    return m.Entry("k", value, version, len(value), external=of)


def conflict() -> ConflictError:
    return ConflictError(key="k", version=8, wanted=7)


# --- requests that are nothing to a backend --------------------------------------------------------------


@pytest.mark.parametrize("request_", [m.Heartbeat(), m.AddGrant(ORDERS), m.DescribeStore()])
def test_what_holds_no_value_is_passed_on(drive: Drive, request_: Any) -> None:
    transport = Answers([], m.Done())
    assert drive(offloading(Immutable()).perform(request_, "an id"), transport) == m.Done()
    assert transport.asked == [(request_, "an id")]


def test_a_delete_and_a_clear_are_passed_on(drive: Drive) -> None:
    transport = Answers([], m.Written(removed=1), m.Written(removed=2))
    own = offloading(Immutable())
    assert drive(own.perform(m.Delete("k", 1), "one"), transport).removed == 1
    assert drive(own.perform(m.Clear(1), "two"), transport).removed == 2
    assert transport.asked == [(m.Delete("k", 1), "one"), (m.Clear(1), "two")]


# --- increment and set_max -------------------------------------------------------------------------------


def test_a_small_operand_is_the_stores_to_add(drive: Drive) -> None:
    for backend in (Immutable(), None):
        transport = Answers([], entry(None, value=b"3"))
        assert drive(offloading(backend).perform(m.Increment("k", b"1"), "id"), transport).value == b"3"
        assert transport.asked == [(m.Increment("k", b"1"), "id")]


@pytest.mark.parametrize("writer", [Immutable(), None], ids=["with", "without a writer"])
def test_what_stands_in_a_backend_is_added_to_here(drive: Drive, writer: Any) -> None:
    class Old(Immutable):
        pass

    old = Old()
    transport = Answers([], UNSUPPORTED, entry(external(old, value=b"41")), m.Written(8))
    reply = drive(offloading(writer, old).perform(m.Increment("k", b"1", retention=5.0), "id"), transport)
    assert (reply.value, reply.version) == (b"42", 8)
    assert transport.requests[1:] == [m.Get("k"), m.Set("k", b"42", retention=5.0, if_version=7)]
    assert transport.asked[2][1] not in (None, "id")


def test_a_large_operand_is_never_sent(drive: Drive) -> None:
    backend = Immutable()
    transport = Answers([], m.Absent("k"), m.Written(8))
    reply = drive(offloading(backend).perform(m.SetMax("k", LARGE, 1), "id"), transport)
    assert (reply.value, reply.version) == (LARGE, 8)
    write = transport.requests[1]
    assert (write.if_absent, write.if_version, write.value, write.target) == (True, None, b"", 1)
    assert list(backend.objects.values()) == [LARGE.decode()]


def test_a_plain_backend_gets_every_sum(drive: Drive) -> None:
    backend = Plain()
    standing = entry(external(backend, value=b"41", origin=ORDERS))
    transport = Answers([], standing, standing, m.Written(8))
    assert drive(offloading(backend).perform(m.Increment("k", b"1", 1), "id"), transport).value == b"42"
    assert [type(each) for each in transport.requests] == [m.Get, m.Get, m.Set]
    assert transport.requests[2].apply_now
    assert backend.objects["orders/k"] == "42"


@pytest.mark.parametrize("given", [LARGE, LARGER])
def test_a_maximum_that_stands_already_is_not_written(drive: Drive, given: bytes) -> None:
    backend = Immutable()
    standing = entry(external(backend, value=LARGER))
    reply = drive(offloading(backend).perform(m.SetMax("k", given)), Answers([], standing))
    assert (reply.value, reply.version) == (LARGER, 7)
    assert len(backend.objects) == 1


def test_a_staged_value_is_raised_without_a_condition(drive: Drive) -> None:
    backend = Immutable()
    transport = Answers([], entry(external(backend), None), m.Written())
    reply = drive(offloading(backend).perform(m.SetMax("k", LARGER, 1)), transport)
    assert (reply.value, reply.version) == (LARGER, None)
    assert (transport.requests[1].if_version, transport.requests[1].if_absent) == (None, False)


def test_a_lost_round_leaves_no_object_and_is_followed_by_another(drive: Drive) -> None:
    backend = Immutable()
    first, second = external(backend, "a"), external(backend, "b", value=b'"0500000000"')
    transport = Answers([], entry(first), conflict(), entry(second, 8), m.Written(9))
    reply = drive(offloading(backend).perform(m.SetMax("k", LARGER)), transport)
    assert (reply.value, reply.version) == (LARGER, 9)
    assert transport.requests[3].if_version == 8
    assert len([key for key in backend.objects if "/k~" in key]) == 1


def test_what_cannot_be_added_is_refused_as_the_store_would(drive: Drive) -> None:
    backend = Immutable()
    transport = Answers([], UNSUPPORTED, entry(external(backend)))
    with pytest.raises(InvalidValueError, match="'k' is a string, not a number"):
        drive(offloading(backend).perform(m.Increment("k", b"1")), transport)


# --- the same in a batch ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backend", "operation"),
    [
        (Immutable(), m.SetMax("k", LARGE)),
        (Plain(), m.Increment("k", b"1")),
        (Plain(), m.SetMax("k", b"1")),
    ],
    ids=["immutable", "plain, increment", "plain, set_max"],
)
def test_a_batch_cannot_reckon_and_says_so_before_anything_is_written(
    drive: Drive, backend: Any, operation: Any
) -> None:
    request = m.Batch((m.Set("a", LARGE), operation))
    with pytest.raises(UnsupportedError, match=r"operation 2 of the batch: .* do it outside of the batch"):
        drive(offloading(backend).perform(request), Answers(backend.story))
    assert backend.story == []


def test_an_empty_batch_is_the_stores_to_answer(drive: Drive) -> None:
    assert drive(offloading(Immutable()).perform(m.Batch(())), Answers([], m.BatchDone(()))) == m.BatchDone(
        ()
    )


def test_a_small_operand_in_a_batch_is_the_stores_to_add(drive: Drive) -> None:
    request = m.Batch((m.Increment("k", b"1"), m.SetMax("k", b"2")))
    done = m.BatchDone((entry(None, value=b"1"), entry(None, value=b"2")))
    transport = Answers([], done)
    assert drive(offloading(Immutable()).perform(request, "id"), transport) == done
    assert transport.asked == [(request, "id")]


@pytest.mark.parametrize(("number", "says_how"), [(1, False), (2, True)])
def test_a_batch_that_meets_a_value_in_a_backend_says_what_to_do(
    drive: Drive, number: int, says_how: bool
) -> None:
    request = m.Batch((m.Set("a", b"1"), m.Increment("k", b"1")))
    refused = UnsupportedError(**{**UNSUPPORTED.facts, "operation_number": number})
    with pytest.raises(UnsupportedError) as raised:
        drive(offloading(Immutable()).perform(request), Answers([], refused))
    assert ("do it outside of the batch" in str(raised.value)) is says_how


# --- objects of plain backends that lost their record ----------------------------------------------------


def writes_and_replies(left: tuple[m.External, ...]) -> list[tuple[Any, Any]]:
    written = m.Written(1, left=left)
    return [
        (m.Set("k", b"1"), written),
        (m.Delete("k"), written),
        (m.Clear(), written),
        (m.Batch((m.Get("i"), m.Delete("k"))), m.BatchDone((m.Absent("i"), written))),
    ]


@pytest.mark.parametrize("which", range(4), ids=["set", "delete", "clear", "batch"])
def test_what_a_write_leaves_is_deleted_after_the_record(drive: Drive, which: int) -> None:
    old = Plain()
    left = (external(old, "k"), external(old, "l"))
    request, reply = writes_and_replies(left)[which]
    transport = Answers(old.story, reply)
    assert drive(offloading(Immutable(), old).perform(request), transport) == reply
    assert old.objects == {}
    assert old.story[0].startswith("ask")
    assert sorted(old.story[1:]) == ["delete k", "delete l"]


@pytest.mark.parametrize("which", range(4), ids=["set", "delete", "clear", "batch"])
def test_when_one_cannot_be_deleted_the_others_are_and_then_it_is_said(drive: Drive, which: int) -> None:
    class Sticky(Plain):
        def delete(self, scope: Any, key: str) -> None:
            if key == "k":
                raise OSError("no way")
            super().delete(scope, key)

    old = Sticky()
    request, reply = writes_and_replies((external(old, "k"), external(old, "l")))[which]
    with pytest.raises(OSError, match="no way"):
        drive(offloading(Immutable(), old).perform(request), Answers([], reply))
    assert list(old.objects) == ["x/k"]


def test_an_object_of_a_backend_that_is_not_configured_is_named(drive: Drive) -> None:
    reply = m.Written(left=(external(Plain(), origin=ORDERS),))
    with pytest.raises(BackendMismatchError) as raised:
        drive(offloading(Immutable()).perform(m.Delete("k", 1)), Answers([], reply))
    facts = {"scope": "asset orders", "key": "k", "reference": "x/k", "backend_id": Plain().backend_id}
    assert raised.value.facts == facts


def test_a_batch_that_cannot_read_all_deletes_what_it_left_all_the_same(drive: Drive) -> None:
    old = Plain()
    gone = entry(external(old, "k"))
    left = external(old, "l")
    del old.objects["x/k"]
    transport = Answers(old.story, m.BatchDone((gone, m.Written(left=(left,)))), gone)
    with pytest.raises(ReferenceMissingError):
        drive(offloading(Immutable(), old).perform(m.Batch((m.Get("k"), m.Delete("l")))), transport)
    assert old.story == ["ask Batch", "fetch x/k", "ask Get", "delete l"]


# --- on an event loop ------------------------------------------------------------------------------------


class OnLoop(Immutable):
    """Has async halves, and fails the test where a blocking one is used on the loop's thread."""

    def __init__(self, awaited: int) -> None:
        super().__init__()
        self.begun, self.awaited = 0, awaited
        self.all_begun, self.gate = asyncio.Event(), asyncio.Event()

    def put(self, reference: str, value: str) -> str:
        raise AssertionError("the blocking half was used")

    async def aserialize_task_state_to_ref(self, *, value: str, **told: Any) -> str:
        self.begun += 1
        if self.begun == self.awaited:
            self.all_begun.set()
        await self.gate.wait()
        return super().put(f"x/{told['storage_key']}", value)


def test_sets_of_one_loop_upload_in_parallel() -> None:
    async def main() -> OnLoop:
        backend = OnLoop(awaited=20)
        inner = Answers([], *[m.Written(1)] * 20)
        transport = OffloadingTransport(inner, offloading(backend))
        writes = [asyncio.ensure_future(transport.acall(m.Set(f"k{n}", LARGE))) for n in range(20)]
        await asyncio.wait_for(backend.all_begun.wait(), 30)
        backend.gate.set()
        await asyncio.gather(*writes)
        return backend

    assert len(asyncio.run(main()).objects) == 20


def test_a_backend_is_made_and_called_off_the_loop_where_it_has_no_async_half() -> None:
    loops_thread = threading.current_thread()
    used_in: list[threading.Thread] = []

    class Blocking(Immutable):
        def put(self, reference: str, value: str) -> str:
            used_in.append(threading.current_thread())
            return super().put(reference, value)

    asyncio.run(
        OffloadingTransport(Answers([], m.Written(1)), offloading(Blocking())).acall(m.Set("k", LARGE))
    )
    assert used_in
    assert loops_thread not in used_in


def test_a_write_that_is_cancelled_during_its_upload_writes_no_record() -> None:
    async def main() -> Answers:
        backend = OnLoop(awaited=1)
        inner = Answers([])
        write = asyncio.ensure_future(
            OffloadingTransport(inner, offloading(backend)).acall(m.Set("k", LARGE))
        )
        await asyncio.wait_for(backend.all_begun.wait(), 30)
        write.cancel()
        backend.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await write
        return inner

    assert asyncio.run(main()).asked == []


def test_a_cancelled_upload_in_a_thread_is_over_when_its_caller_is_told() -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    class Slow(Plain):
        def put(self, reference: str, value: str) -> str:
            begun.set()
            may_end.wait(30)
            ended.set()
            return super().put(reference, value)

    async def main() -> Answers:
        inner = Answers([])
        write = asyncio.ensure_future(OffloadingTransport(inner, offloading(Slow())).acall(m.Set("k", LARGE)))
        await asyncio.to_thread(begun.wait, 30)
        write.cancel()
        for _ in range(10):  # turns of the loop, of which a cancellation takes a few
            await asyncio.sleep(0)
        assert not write.done()
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await write
        assert ended.is_set()
        return inner

    assert asyncio.run(main()).asked == []
