"""A real S3 server behind a proxy that mistreats requests: whole values or clear errors, nothing torn."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import obstore
import pytest
from backends.stored_object import GENERATION, task
from statekeep import TaskScope
from statekeep.backends import ObjectStoreBackend
from statekeep.errors import UnavailableError

from tests.object_store.faulty_proxy import Fault, FaultyProxy
from tests.object_store.s3_server import S3Server

pytestmark = pytest.mark.slow  # starts a server

TASK = task()
RETRIES = 2
_RETRIES_ENOUGH = 12  # for a machine that is busy for seconds, and for bad luck
_TO_S3_IN_PARTS = '"' + random.Random(3).randbytes(6 << 20).hex() + '"'  # 12 MiB: more than two parts of 5


class Place:
    """A backend through a proxy, another one past it, and a look at what the bucket holds."""

    def __init__(self, stack: ExitStack, s3: S3Server, url: str) -> None:
        self.faults: Iterator[Fault | None] = itertools.repeat(None)
        self.only = b""  # the start of the requests that faults are for
        self.proxy = stack.enter_context(FaultyProxy(s3.port, self._fault_of))
        self._url, self._s3 = url, s3
        self.through = self._backend(self.proxy.port)
        self.past = self._backend(s3.port)
        self._store = s3.store(prefix=url.rpartition("/")[2])

    def give_up_silence(self, *, retries: int) -> None:
        """Let the backend take half a second without an answer for silence, which a busy machine may be."""
        self.through = self._backend(self.proxy.port, request_timeout_seconds=0.5, retries=retries)

    def be_patient(self) -> None:
        """Let no request be given up that meets the faults of others, too, one after the other."""
        self.through = self._backend(self.proxy.port, retries=_RETRIES_ENOUGH)

    def _backend(
        self, port: int, *, request_timeout_seconds: float = 60.0, retries: int = RETRIES
    ) -> ObjectStoreBackend:
        return ObjectStoreBackend(
            self._url,
            store_id="s",
            threshold_bytes=0,
            compression_level=None,
            request_timeout_seconds=request_timeout_seconds,
            max_retries=retries,
            retry_timeout_seconds=60,
            part_bytes=5 << 20,
            options=self._s3.options(port),
        )

    def objects(self) -> list[str]:
        return [found["path"] for found in obstore.list(self._store).collect()]

    def put(self, value: str, number: int = 0) -> str:
        name = storage_key(number)
        return self.through.serialize_task_state_to_ref(
            value=value, key=name, ti_id=TASK.ti_id, scope=TASK, storage_key=name
        )

    def take(self, reference: str, number: int = 0, backend: ObjectStoreBackend | None = None) -> str:
        return (backend or self.past).deserialize_task_state_from_ref(
            reference, scope=TASK, storage_key=storage_key(number)
        )

    def _fault_of(self, number: int, head: bytes) -> Fault | None:
        return next(self.faults) if head.startswith(self.only) else None


def storage_key(number: int) -> str:
    return f"k{number}~{GENERATION}"


@pytest.fixture
def place(s3: S3Server, url: str) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(stack, s3, url)


def one_in_ten(*faults: Fault) -> Iterator[Fault | None]:
    return itertools.cycle([one for fault in faults for one in [*[None] * 9, fault]])


def test_one_failed_request_in_ten_is_not_noticed(place: Place) -> None:
    place.faults = one_in_ten(Fault.BUSY, Fault.CUT_BEFORE, Fault.CUT_ANSWER, Fault.CUT_MIDWAY)
    place.be_patient()
    with ThreadPoolExecutor(8) as pool:
        references = list(pool.map(lambda number: place.put(f'"{number}"', number), range(100)))
        values = list(
            pool.map(lambda number: place.take(references[number], number, place.through), range(100))
        )
    assert values == [f'"{number}"' for number in range(100)]
    assert len(place.objects()) == 100
    assert place.proxy.requests > 200  # some were repeated


def test_one_failed_request_in_ten_is_not_noticed_on_an_event_loop(place: Place) -> None:
    place.faults = one_in_ten(Fault.BUSY, Fault.CUT_ANSWER, Fault.CUT_BEFORE)
    place.be_patient()

    async def write_and_read(number: int) -> str | None:
        await place.through.aset(TASK, f"k{number}", f'"{number}"')
        return await place.through.aget(TASK, f"k{number}")

    async def all_at_once() -> list[str | None]:
        return list(await asyncio.gather(*(write_and_read(number) for number in range(60))))

    assert asyncio.run(all_at_once()) == [f'"{number}"' for number in range(60)]


def test_many_coroutines_write_in_parallel(place: Place) -> None:
    place.proxy.hold_answers_until(12)  # more than a pool of threads would have in flight on this machine

    async def all_at_once() -> None:
        await asyncio.gather(*(place.through.aset(TASK, f"k{number}", "1") for number in range(40)))

    asyncio.run(all_at_once())
    assert len(place.objects()) == 40


def test_an_upload_that_is_cut_every_time_is_an_error_and_leaves_no_object(place: Place) -> None:
    place.faults = itertools.repeat(Fault.CUT_MIDWAY)
    with pytest.raises(UnavailableError) as caught:
        place.put('"' + "x" * 200_000 + '"')
    assert "the connection was cut" in str(caught.value)
    assert place.objects() == []
    assert place.proxy.requests <= RETRIES + 1


def test_after_a_failed_upload_the_same_storage_key_can_be_written(place: Place) -> None:
    place.faults = itertools.repeat(Fault.CUT_BEFORE)
    with pytest.raises(UnavailableError):
        place.put("1")
    place.faults = itertools.repeat(None)
    assert place.take(place.put("1")) == "1"


def test_an_upload_whose_answer_was_lost_is_found_to_be_there(place: Place) -> None:
    place.only = b"PUT "
    place.faults = itertools.chain([Fault.CUT_ANSWER], itertools.repeat(None))
    assert place.take(place.put("1")) == "1"
    assert len(place.objects()) == 1


def test_a_part_that_is_cut_is_sent_again(place: Place) -> None:
    place.only = b"PUT "
    place.faults = itertools.chain([None, Fault.CUT_MIDWAY], itertools.repeat(None))
    assert place.take(place.put(_TO_S3_IN_PARTS)) == _TO_S3_IN_PARTS


def test_parts_that_are_cut_every_time_leave_no_object(place: Place) -> None:
    place.only = b"PUT "
    place.faults = itertools.chain([None], itertools.repeat(Fault.CUT_MIDWAY))  # the first part arrives
    with pytest.raises(UnavailableError):
        place.put(_TO_S3_IN_PARTS)
    assert place.objects() == []


def test_a_completion_whose_answer_was_lost_is_no_torn_object(place: Place) -> None:
    place.only = b"POST "
    place.faults = itertools.chain([None, Fault.CUT_ANSWER], itertools.repeat(None))  # begin, then complete
    assert place.take(place.put(_TO_S3_IN_PARTS)) == _TO_S3_IN_PARTS


def test_a_download_that_is_cut_is_read_again(place: Place) -> None:
    reference = place.put(_TO_S3_IN_PARTS)
    place.only = b"GET "
    place.faults = itertools.chain([Fault.CUT_IN_ANSWER], itertools.repeat(None))
    assert place.take(reference, backend=place.through) == _TO_S3_IN_PARTS


def test_a_download_that_is_cut_every_time_is_an_error(place: Place) -> None:
    reference = place.put(_TO_S3_IN_PARTS)
    place.only = b"GET "
    place.faults = itertools.repeat(Fault.CUT_IN_ANSWER)
    with pytest.raises(UnavailableError):
        place.take(reference, backend=place.through)


def test_a_slow_service_is_waited_for_as_long_as_it_says_something(place: Place) -> None:
    place.give_up_silence(retries=_RETRIES_ENOUGH)
    place.faults = itertools.repeat(Fault.SLOW)  # the whole takes longer than it may be silent
    assert place.take(place.put(_TO_S3_IN_PARTS), backend=place.through) == _TO_S3_IN_PARTS


def test_a_silent_service_is_given_up(place: Place) -> None:
    place.give_up_silence(retries=RETRIES)
    place.faults = itertools.repeat(Fault.SILENCE)
    with pytest.raises(UnavailableError) as caught:
        place.through.get(TASK, "k")
    assert "did not answer in time" in str(caught.value)
    assert caught.value.retryable
    assert place.proxy.requests <= RETRIES + 1


def once_silent(place: Place) -> Iterator[Fault | None]:
    place.give_up_silence(retries=_RETRIES_ENOUGH)
    return itertools.chain([Fault.SILENCE], itertools.repeat(None))


def test_a_write_that_met_silence_once_is_repeated(place: Place) -> None:
    place.faults = once_silent(place)
    assert place.take(place.put("1")) == "1"
    place.faults = once_silent(place)
    place.through.set(TASK, "k", "2")
    assert place.past.get(TASK, "k") == "2"


def test_a_write_on_an_event_loop_that_met_silence_once_is_repeated(place: Place) -> None:
    place.faults = once_silent(place)
    reference = asyncio.run(
        place.through.aserialize_task_state_to_ref(
            value="1", key=storage_key(0), ti_id=TASK.ti_id, scope=TASK, storage_key=storage_key(0)
        )
    )
    assert place.take(reference) == "1"


@pytest.mark.parametrize("silent_post", [0, 1], ids=["begin", "complete"])
def test_an_upload_in_parts_that_met_silence_once_is_repeated(place: Place, silent_post: int) -> None:
    place.only = b"POST "
    place.faults = itertools.chain([None] * silent_post, once_silent(place))
    assert place.take(place.put(_TO_S3_IN_PARTS)) == _TO_S3_IN_PARTS
    assert len(place.objects()) == 1


def test_a_part_that_met_silence_once_is_sent_again(place: Place) -> None:
    place.only = b"PUT "
    place.faults = itertools.chain([None], once_silent(place))
    assert place.take(place.put(_TO_S3_IN_PARTS)) == _TO_S3_IN_PARTS


def test_a_delete_that_met_silence_once_is_repeated(place: Place) -> None:
    place.put("1")
    place.faults = once_silent(place)
    place.through.delete_objects([(TASK, storage_key(0))])
    assert place.objects() == []


def test_a_write_into_silence_is_given_up_within_the_bounds(place: Place) -> None:
    place.give_up_silence(retries=RETRIES)
    place.faults = itertools.repeat(Fault.SILENCE)
    with pytest.raises(UnavailableError, match="did not answer in time"):
        place.put("1")
    assert place.proxy.requests == RETRIES + 1


def test_a_service_that_went_away_is_unavailable_and_never_an_absent_key(place: Place) -> None:
    place.through.set(TASK, "k", "1")
    place.proxy.go_away()
    for operation in (
        lambda: place.through.get(TASK, "k"),
        lambda: place.through.set(TASK, "k", "2"),
        lambda: place.through.delete(TASK, "k"),
        lambda: place.through.clear(TASK),
        lambda: list(place.through.list_objects("s")),
    ):
        with pytest.raises(UnavailableError) as caught:
            operation()
        assert "the connection was" in str(caught.value)
    assert place.past.get(TASK, "k") == "1"


def test_a_listing_that_breaks_off_is_an_error_and_not_a_short_list(place: Place, s3: S3Server) -> None:
    many = 1_001  # one more than a page
    keys = [storage_key(number) for number in range(many)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: place.put("1", number), range(many)))
    assert sorted(key for _, key, *_ in place.through.list_objects("s")) == sorted(keys)
    place.only = b"GET "
    place.faults = itertools.chain([None], itertools.repeat(Fault.CUT_BEFORE))
    listed: list[object] = []
    with pytest.raises(UnavailableError):
        listed.extend(place.through.list_objects("s"))
    place.faults = itertools.repeat(None)
    place.proxy.requests = 0
    place.through.delete_objects([(TASK, key) for key in keys] + [(TaskScope("no", "such", "task"), keys[0])])
    assert place.objects() == []
    assert place.proxy.requests <= 3 * (RETRIES + 1)  # in bulk, each repeated when the server was late
