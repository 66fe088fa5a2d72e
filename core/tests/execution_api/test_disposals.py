"""Objects that nothing names: who may ask for them, and that none is given away that a record could name."""

from typing import Any

import pytest
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m

from core.tests.conftest import TASK, WORKER, Client, MovedClock, sqlite_only
from core.tests.execution_api.conftest import FLIGHTS, OPERATOR, LiveTry
from core.tests.execution_api.test_statements import scans, traced

GRACE_SECONDS = LEASE_SECONDS = 300
DAY_SECONDS = 86_400
OTHER_WORKER = m.WorkerClaims("there")
ASKED = [
    m.DescribeStore(),
    m.FetchDisposals(("bucket",)),
    m.AcknowledgeDisposals((1,)),
    m.Condemn(("k~" + "0" * 26,)),
    m.SweepStep(),
]


def storage_key(number: int, key: str = "k") -> str:
    return f"{key}~{number:026}"


def external(number: int, origin: Any = TASK, key: str = "k") -> m.External:
    return m.External(f"file:///{key}/{number}", "bucket", storage_key(number, key), origin, 10, b"d" * 32)


def in_place(origin: Any = TASK, key: str = "k") -> m.External:
    return m.External(f"/files/{origin[0]}/{key}", "mine.Files", key, origin, 10)


def write(number: int, key: str = "k", **options: Any) -> m.Set:
    return m.Set(key, b"", external=external(number, key=key), **options)


def fetched(client: Client, claims: Any = WORKER, **options: Any) -> list[m.Disposal]:
    return list(client.ask(claims, m.FetchDisposals(("bucket",), **options)).disposals)


def names(disposals: list[m.Disposal]) -> list[str]:
    return [disposal.external.storage_key for disposal in disposals]


def objects(client: Client) -> list[str]:
    rows = client.rows("SELECT storage_key FROM external_objects ORDER BY object_id")
    return [row[0] for row in rows]


@pytest.fixture
def queued(client: Client, live_try: LiveTry, clock: MovedClock) -> list[str]:
    """Three objects that are due, and one that is named."""
    for number in range(4):
        live_try.ask(write(number))
        clock.advance(1)
    clock.advance(GRACE_SECONDS)
    return [storage_key(number) for number in range(3)]


# --- who asks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: type(asked).__name__)
def test_it_is_for_workers_and_people_and_not_for_tries(
    client: Client, live_try: LiveTry, asked: Any
) -> None:
    with pytest.raises(errors.ForbiddenError):
        live_try.ask(asked)
    assert client.ask(WORKER, asked) == client.ask(OPERATOR, asked)


@pytest.mark.parametrize("asked", [m.Get("k", TASK), m.ListTries(), m.Clear(TASK), m.Heartbeat()])
def test_a_worker_is_refused_everything_else(client: Client, asked: Any) -> None:
    with pytest.raises(errors.UnauthenticatedError):
        client.ask(WORKER, asked)


def test_the_store_says_which_it_is_and_what_was_left(make_client: Any, clock: MovedClock) -> None:
    client = make_client(max_value_bytes=77)
    live_try = LiveTry(client)
    live_try.ask(m.Set("k", b"", external=in_place(), retention=1))
    live_try.ask(m.Set("kept", b"", external=in_place(key="kept")))
    store_id = client.rows("SELECT store_id FROM store")[0][0]
    assert client.ask(WORKER, m.DescribeStore()) == m.StoreDescription(store_id, 77, 0)
    clock.advance(1)
    client.ask(WORKER, m.SweepStep())
    assert client.ask(WORKER, m.DescribeStore()).plain_objects_left == 1
    live_try.ask(m.Set("k", b"", external=in_place()))
    assert client.ask(WORKER, m.DescribeStore()).plain_objects_left == 0


def test_the_store_counts_its_objects_by_backend_when_it_is_asked(
    client: Client, live_try: LiveTry, queued: list[str]
) -> None:
    live_try.ask(m.Set("plain", b"", external=in_place(key="plain")))
    assert client.ask(WORKER, m.DescribeStore()).objects == ()
    counted = client.ask(WORKER, m.DescribeStore(True)).objects
    assert [each[:3] for each in counted] == [("bucket", 1, 3), ("mine.Files", 1, 0)]
    fetched(client, limit=1)
    assert [each[:3] for each in client.ask(WORKER, m.DescribeStore(True)).objects] == [
        ("bucket", 1, 2),
        ("mine.Files", 1, 0),
    ]


# --- leases ----------------------------------------------------------------------------------------------


def test_what_was_replaced_is_due_after_its_grace(
    client: Client, live_try: LiveTry, clock: MovedClock
) -> None:
    live_try.ask(write(1))
    live_try.ask(write(2))
    clock.advance(GRACE_SECONDS - 0.000_001)
    assert fetched(client) == []
    clock.advance(0.000_001)
    [disposal] = fetched(client)
    assert disposal.external == external(1)


def test_a_fetch_in_the_same_commit_spares_what_was_just_replaced(client: Client, live_try: LiveTry) -> None:
    live_try.ask(write(1))
    together = [(live_try.claims, write(2), "id"), (WORKER, m.FetchDisposals(("bucket",)))]
    assert client.ask_together(*together)[1] == m.Disposals(())


def test_an_object_is_leased_to_one_worker_at_a_time(
    client: Client, queued: list[str], clock: MovedClock
) -> None:
    assert names(fetched(client, limit=2)) == queued[:2]
    assert names(fetched(client, OTHER_WORKER)) == queued[2:]
    assert fetched(client) == []
    clock.advance(LEASE_SECONDS)
    assert names(fetched(client, OTHER_WORKER)) == queued


def test_a_dry_run_leases_nothing(client: Client, queued: list[str]) -> None:
    for _ in range(2):
        assert names(fetched(client, dry_run=True)) == queued
    assert names(fetched(client)) == queued


def test_other_backends_and_other_origins_are_not_given(client: Client, queued: list[str]) -> None:
    assert client.ask(WORKER, m.FetchDisposals(("other",))).disposals == ()
    assert client.ask(WORKER, m.FetchDisposals(())).disposals == ()
    assert fetched(client, origins=(TASK._replace(map_index=3), FLIGHTS)) == []
    assert names(fetched(client, origins=(FLIGHTS, TASK))) == queued


def test_a_leased_object_is_named_by_nobody_any_more(client: Client, queued: list[str]) -> None:
    late = m.Set("k", b"", TASK, external=external(0))
    client.ask(OPERATOR, late)
    client.ask(OPERATOR, m.Set("k", b"1", TASK))
    assert fetched(client) != []
    with pytest.raises(errors.CondemnedError):
        client.ask(OPERATOR, late._replace(external=external(1)))


def test_what_is_named_again_before_it_was_leased_is_not_given(client: Client, queued: list[str]) -> None:
    client.ask(OPERATOR, m.Set("k", b"", TASK, external=external(0)))
    assert names(fetched(client)) == queued[1:]


# --- acknowledgements ------------------------------------------------------------------------------------


def test_acknowledged_objects_are_forgotten(client: Client, queued: list[str], clock: MovedClock) -> None:
    gone = m.AcknowledgeDisposals(tuple(each.object_id for each in fetched(client, limit=2)))
    for _ in range(2):
        assert client.ask(WORKER, gone) == m.Done()
        assert objects(client) == [queued[2], storage_key(3)]
    clock.advance(LEASE_SECONDS)
    assert names(fetched(client)) == queued[2:]


def test_a_late_acknowledgement_counts(client: Client, queued: list[str], clock: MovedClock) -> None:
    gone = m.AcknowledgeDisposals(tuple(each.object_id for each in fetched(client)))
    clock.advance(10 * LEASE_SECONDS)
    client.ask(OTHER_WORKER, gone)
    assert objects(client) == [storage_key(3)]


def test_made_up_numbers_lose_no_object(client: Client, queued: list[str]) -> None:
    before = objects(client)
    client.ask(WORKER, m.AcknowledgeDisposals((*range(-1, 100), 2**63 - 1)))
    assert objects(client) == before
    assert names(fetched(client)) == queued


# --- condemnation ----------------------------------------------------------------------------------------


def test_what_nothing_names_is_condemned_and_never_named(client: Client, live_try: LiveTry) -> None:
    live_try.ask(write(1))
    listed = m.Condemn((storage_key(1), storage_key(2)))
    for _ in range(2):
        assert client.ask(WORKER, listed) == m.Condemned((storage_key(2),))
    with pytest.raises(errors.CondemnedError, match=storage_key(2)):
        live_try.ask(write(2))
    assert live_try.ask(m.Get("k")).external == external(1)
    live_try.ask(write(3))


def test_staged_kept_and_due_objects_are_not_condemned(
    client: Client, live_try: LiveTry, queued: list[str]
) -> None:
    of_asset = [external(number, FLIGHTS) for number in (10, 11, 12)]
    for one in of_asset[:2]:
        live_try.ask(m.Set("k", b"", live_try.outlet, apply_now=True, external=one))
    live_try.ask(m.Set("w", b"", live_try.outlet, external=external(12, FLIGHTS, "w")))
    fetched(client, limit=1)
    known = (*queued, storage_key(3), storage_key(10), storage_key(11), storage_key(12, "w"))
    assert client.ask(WORKER, m.Condemn((*known, storage_key(99)))).storage_keys == (storage_key(99),)


def test_a_dry_run_condemns_nothing(client: Client, live_try: LiveTry) -> None:
    asked = m.Condemn((storage_key(1),), dry_run=True)
    assert client.ask(WORKER, asked).storage_keys == (storage_key(1),)
    live_try.ask(write(1))


def test_the_condemned_are_forgotten_by_the_sweep_when_no_try_can_name_them(
    client: Client, live_try: LiveTry, clock: MovedClock
) -> None:
    client.ask(WORKER, m.Condemn((storage_key(1),)))
    clock.advance(31 * DAY_SECONDS)
    client.ask(WORKER, m.SweepStep())
    with pytest.raises(errors.CondemnedError):
        live_try.ask(write(1))
    live_try.finish()
    client.ask(WORKER, m.SweepStep(dry_run=True))
    assert client.rows("SELECT count(*) FROM condemned_objects")[0][0] == 1
    client.ask(WORKER, m.SweepStep())
    assert client.rows("SELECT count(*) FROM condemned_objects")[0][0] == 0


# --- what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        m.FetchDisposals(("bucket",), limit=0),
        m.FetchDisposals(("bucket",), origins=(m.AssetAddress(),)),
        m.FetchDisposals(("bucket",), origins=(TASK._replace(dag_id=""),)),
        m.FetchDisposals(tuple("abc"), origins=(TASK,) * 334),
        m.FetchDisposals(tuple(map(str, range(1_001)))),
        m.AcknowledgeDisposals(tuple(range(1_001))),
        m.Condemn(tuple(storage_key(number) for number in range(1_001))),
        m.Condemn((storage_key(1), "k")),
        m.Condemn(("k~" + "0" * 25,)),
        m.Condemn(("k~" + "-" * 26,)),
        m.SweepStep("[0]"),
    ],
    ids=str,
)
def test_what_is_out_of_bounds_is_refused(client: Client, asked: Any) -> None:
    with pytest.raises(errors.InvalidRequestError):
        client.ask(WORKER, asked)


@pytest.mark.parametrize("key", ["", "a\0b", "\ud800", "k" * 513])
def test_what_can_be_no_storage_key_is_refused(client: Client, key: str) -> None:
    with pytest.raises(errors.InvalidKeyError):
        client.ask(WORKER, m.Condemn((storage_key(1, key),)))


def test_a_limit_beyond_the_page_is_that_of_the_page(
    client: Client, live_try: LiveTry, clock: MovedClock
) -> None:
    for start in range(0, 1_500, 500):
        batch = tuple(write(number) for number in range(start, start + 500))
        live_try.ask(m.Batch(batch))
    clock.advance(GRACE_SECONDS)
    assert [len(fetched(client, limit=10_000)) for _ in range(3)] == [1_000, 499, 0]


# --- what they cost --------------------------------------------------------------------------------------


@sqlite_only
def test_they_read_no_whole_table(client: Client, queued: list[str]) -> None:
    for asked in (*ASKED, m.FetchDisposals(("bucket",), (TASK, FLIGHTS))):
        with traced(client) as statements:
            client.ask(WORKER, asked)
        # The objects left of plain backends are counted, by an index that holds nothing else.
        found = [step for step in scans(client, statements) if "external_objects_left" not in step]
        assert found == []


# --- neighbours in one commit ----------------------------------------------------------------------------


def test_what_a_neighbour_left_in_place_is_not_given_to_the_next_writer(
    client: Client, live_try: LiveTry, clock: MovedClock
) -> None:
    other_task = TASK._replace(task_id="other")
    for neighbour in (m.SweepStep(), m.Start(other_task, rerun=True, fresh=True, holds_lock=True)):
        other = LiveTry(client, other_task, holds_lock=True)
        other.ask(m.Set("k", b"", external=in_place(other_task), retention=1))
        live_try.ask(m.Set("k", b"1"))
        clock.advance(1)
        _, written, read = client.ask_together(
            (WORKER, neighbour), (live_try.claims, m.Delete("k")), (live_try.claims, m.Batch((m.Get("k"),)))
        )
        assert written == m.Written(removed=1)
        assert read == m.BatchDone((m.Absent("k"),))
