"""Values that lie elsewhere, through every request that writes, reads, stages, keeps or removes them."""

from typing import Any

import pytest
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m

from core.tests.conftest import TASK, WORKER, Client, MovedClock
from core.tests.execution_api.conftest import FLIGHTS, OPERATOR, LiveTry, Operator


def external(number: int = 1, origin: Any = TASK, key: str = "k", **changed: Any) -> m.External:
    made = m.External(
        f"file:///bucket/{key}/{number}", "bucket", f"{key}~{number:026}", origin, 100_000, b"d" * 32
    )
    return made._replace(**changed)  # type: ignore[no-any-return]  # the same message


def write(number: int = 1, target: Any = None, **changed: Any) -> m.Set:
    origin = TASK if target is None else m.AssetAddress("flights")
    request = m.Set("k", b"", target, external=external(number, origin))
    return request._replace(**changed)  # type: ignore[no-any-return]  # the same message


def in_place(origin: Any = TASK, reference: str = "/files/k") -> m.External:
    return m.External(reference, "mine.Files", "k", origin, 100_000)


def objects(client: Client) -> dict[str, int]:
    """Return by how many records each object is named."""
    rows = client.rows("SELECT reference, records FROM external_objects")
    return {str(reference): int(str(records)) for reference, records in rows}


# --- task state ------------------------------------------------------------------------------------------


def test_a_reference_is_stored_and_read_instead_of_the_value(client: Client, live_try: LiveTry) -> None:
    written = live_try.ask(write())
    entry = live_try.ask(m.Get("k"))
    assert (entry.value, entry.external, entry.version) == (b"", external(), written.version)
    assert entry.size_bytes == 100_000
    assert objects(client) == {"file:///bucket/k/1": 1}


def test_a_list_shows_references_only_when_it_shows_values(live_try: LiveTry) -> None:
    live_try.ask(write())
    [with_value] = live_try.ask(m.ListEntries(with_values=True)).entries
    [without] = live_try.ask(m.ListEntries()).entries
    assert (with_value.external, without.external) == (external(), None)
    assert without.size_bytes == 100_000


def test_a_reference_may_be_larger_than_any_value(make_client: Any) -> None:
    live_try = LiveTry(make_client(max_value_bytes=10))
    live_try.ask(write())
    assert live_try.ask(m.Get("k")).external == external()


def test_a_page_of_references_fits_into_a_frame(live_try: LiveTry) -> None:
    long = "r" * 4_000
    for number in range(300):
        key = f"k{number:03}"
        live_try.ask(m.Set(key, b"", external=external(number, key=key, reference=f"{long}{number}")))
    page = live_try.ask(m.ListEntries(with_values=True))
    assert 250 < len(page.entries) < 270
    assert page.after == page.entries[-1].key


def test_an_object_is_due_five_minutes_after_the_commit_that_let_go_of_it(
    client: Client, live_try: LiveTry, clock: MovedClock
) -> None:
    live_try.ask(write(1))
    clock.advance(60)
    live_try.ask(write(2))
    [(due_at,)] = client.rows("SELECT due_at FROM external_objects WHERE records = 0")
    assert due_at == clock().wall_us + 300_000_000


def test_a_condition_is_judged_for_references_too(client: Client, live_try: LiveTry) -> None:
    version = live_try.ask(write(1)).version
    with pytest.raises(errors.ConflictError):
        live_try.ask(write(2, if_absent=True))
    with pytest.raises(errors.ConflictError):
        live_try.ask(write(2, if_version=version + 1))
    assert objects(client) == {"file:///bucket/k/1": 1}
    live_try.ask(write(2, if_version=version))
    assert objects(client) == {"file:///bucket/k/1": 0, "file:///bucket/k/2": 1}


@pytest.mark.parametrize(
    "request_", [m.Increment("k", b"1"), m.SetMax("k", b"1")], ids=["increment", "set_max"]
)
def test_what_the_store_cannot_read_it_does_not_reckon_with(live_try: LiveTry, request_: Any) -> None:
    live_try.ask(write())
    with pytest.raises(errors.UnsupportedError, match="lies in a worker's backend"):
        live_try.ask(request_)
    assert live_try.ask(m.Get("k")).external == external()


def test_a_blind_write_of_a_reference_takes_effect_once(client: Client, live_try: LiveTry) -> None:
    first = client.ask(live_try.claims, write(1), "request-1")
    live_try.ask(write(2))
    assert client.ask(live_try.claims, write(1), "request-1") == first
    assert live_try.ask(m.Get("k")).external == external(2)


def test_a_fresh_start_and_an_expiry_let_go_of_objects(client: Client, clock: MovedClock) -> None:
    live_try = LiveTry(client)
    live_try.ask(write(1, retention=1.0))
    live_try.ask(m.Set("other", b"", external=external(2, key="other")))
    clock.advance(2)
    live_try.finish()
    LiveTry(client, rerun=True, fresh=True)
    assert set(objects(client).values()) == {0}


# --- assets ----------------------------------------------------------------------------------------------


def test_a_staged_reference_is_seen_by_its_try_only_until_it_succeeds(
    client: Client, live_try: LiveTry, operator: Operator
) -> None:
    live_try.ask(write(1, live_try.outlet))
    assert live_try.ask(m.Get("k", live_try.outlet)).external == external(1, m.AssetAddress("flights"))
    assert [entry.external for entry in live_try.ask(m.ListEntries(live_try.outlet)).entries] == [None]
    assert operator.ask(m.Get("k", FLIGHTS)) == m.Absent("k")
    live_try.finish()
    assert operator.ask(m.Get("k", FLIGHTS)).external == external(1, m.AssetAddress("flights"))
    assert objects(client) == {"file:///bucket/k/1": 2}  # the entry's, and the history's


def test_what_a_failed_try_has_staged_is_let_go(client: Client, live_try: LiveTry) -> None:
    live_try.ask(write(1, live_try.outlet))
    live_try.ask(write(2, live_try.outlet))  # which takes the place of the first
    assert objects(client) == {"file:///bucket/k/1": 0, "file:///bucket/k/2": 1}
    live_try.finish(succeeded=False)
    assert set(objects(client).values()) == {0}


def test_references_count_against_what_a_try_may_stage(live_try: LiveTry) -> None:
    origin = m.AssetAddress("flights")
    staged = [
        m.Set(f"k{n}", b"", live_try.outlet, external=external(n, origin, f"k{n}", reference=f"{n:04096}"))
        for n in range(2_100)
    ]
    live_try.ask(m.Batch(tuple(staged[:1_000])))
    live_try.ask(m.Batch(tuple(staged[1_000:2_000])))
    with pytest.raises(errors.ValueTooLargeError, match="limit of 8,388,608"):
        live_try.ask(m.Batch(tuple(staged[2_000:])))


def test_what_a_superseded_try_has_staged_is_let_go(client: Client, live_try: LiveTry) -> None:
    live_try.ask(write(1, live_try.outlet))
    LiveTry(client, holds_lock=True)
    assert objects(client) == {"file:///bucket/k/1": 0}


def test_staged_arithmetic_on_a_reference_is_refused_when_it_is_asked_for(live_try: LiveTry) -> None:
    live_try.ask(write(1, live_try.outlet))
    with pytest.raises(errors.UnsupportedError):
        live_try.ask(m.Increment("k", b"1", live_try.outlet))
    assert live_try.finish().status == "succeeded"


def test_a_history_keeps_objects_and_a_rewind_names_them_again(
    client: Client, live_try: LiveTry, operator: Operator
) -> None:
    for number in (1, 2):
        live_try.ask(write(number, live_try.outlet, apply_now=True))
    newest, oldest = operator.ask(m.ListHistory(FLIGHTS, "k")).changes
    assert [newest.external, oldest.external] == [external(n, m.AssetAddress("flights")) for n in (2, 1)]
    operator.ask(m.Rewind(FLIGHTS, "k", oldest.version))
    assert operator.ask(m.Get("k", FLIGHTS)).external == oldest.external
    assert objects(client) == {"file:///bucket/k/1": 3, "file:///bucket/k/2": 1}


def test_an_object_goes_with_the_last_row_of_the_history_that_names_it(make_client: Any) -> None:
    client = make_client(asset_history_versions=2)
    live_try = LiveTry(client)
    for number in (1, 2, 3):
        live_try.ask(write(number, live_try.outlet, apply_now=True))
    assert objects(client) == {"file:///bucket/k/1": 0, "file:///bucket/k/2": 1, "file:///bucket/k/3": 2}


def test_an_operator_writes_an_asset_by_either_of_its_names(operator: Operator, live_try: LiveTry) -> None:
    del live_try  # which declares the asset
    for number, origin in enumerate((m.AssetAddress("flights"), m.AssetAddress(None, FLIGHTS.uri), FLIGHTS)):
        operator.ask(m.Set("k", b"", FLIGHTS, external=external(number, origin)))
        assert operator.ask(m.Get("k", FLIGHTS)).external.origin == origin


# --- plain backends --------------------------------------------------------------------------------------


def test_a_plain_object_is_handed_to_whoever_removes_its_record(live_try: LiveTry) -> None:
    plain = m.Set("k", b"", external=in_place())
    live_try.ask(plain)
    assert live_try.ask(plain).left == ()  # overwritten in place
    assert live_try.ask(m.Set("k", b"1")).left == (in_place(),)
    live_try.ask(plain)
    assert live_try.ask(m.Delete("k")) == m.Written(removed=1, left=(in_place(),))
    live_try.ask(plain)
    assert live_try.ask(m.Clear()).left == (in_place(),)
    live_try.ask(plain)
    done = live_try.ask(m.Batch((m.Delete("k"), m.Get("k"), m.Set("other", b"1"), m.Get("other"))))
    assert [reply.left for reply in done.replies if isinstance(reply, m.Written)] == [(), (in_place(),)]


def test_a_batch_that_writes_a_plain_object_again_leaves_none(live_try: LiveTry) -> None:
    plain = m.Set("k", b"", external=in_place())
    live_try.ask(plain)
    done = live_try.ask(m.Batch((m.Delete("k"), plain)))
    assert [reply.left for reply in done.replies] == [(), ()]


def test_a_clear_that_leaves_more_than_can_be_told_changes_nothing(live_try: LiveTry) -> None:
    for first in range(0, 5_000, 1_000):
        keys = [f"k{number}" for number in range(first, first + 1_000)]
        made = [m.External(f"/{key:x<4000}", "mine.Files", key, TASK, 9) for key in keys]
        live_try.ask(m.Batch(tuple(m.Set(each.storage_key, b"", external=each) for each in made)))
    with pytest.raises(errors.ValueTooLargeError, match=r"5,000 objects .* in several requests"):
        live_try.ask(m.Clear())
    assert live_try.ask(m.Get("k4999")).external.reference.startswith("/k4999")
    some = m.Batch(tuple(m.Delete(f"k{number}") for number in range(1_000)))
    assert len(live_try.ask(some).replies[-1].left) == 1_000
    assert live_try.ask(m.Clear()).removed == 4_000


def test_what_another_request_of_the_same_group_lost_is_not_the_callers(
    client: Client, live_try: LiveTry
) -> None:
    live_try.ask(m.Set("k", b"", external=in_place()))
    live_try.finish()
    other = LiveTry(client, m.TaskAddress("flights", "2013", "other"))
    _, written = client.ask_together(
        (WORKER, m.Start(TASK, rerun=True, fresh=True)), (other.claims, m.Set("x", b"1"))
    )
    assert written.left == ()


def test_a_sum_over_an_expired_plain_value_leaves_it_to_nobody(
    client: Client, live_try: LiveTry, clock: MovedClock
) -> None:
    for request_ in (m.Increment("k", b"1"), m.Batch((m.SetMax("k", b"1"),))):
        live_try.ask(m.Set("k", b"", retention=1.0, external=in_place()))
        clock.advance(2)
        other = LiveTry(client, m.TaskAddress("flights", "2013", f"other-{type(request_).__name__}"))
        _, written = client.ask_together((live_try.claims, request_), (other.claims, m.Set("x", b"1")))
        assert written.left == ()
        assert live_try.ask(m.Get("k")).value == b"1"
        assert objects(client) == {"/files/k": 0}  # which a sweep tells of


def test_a_plain_object_is_never_staged(live_try: LiveTry) -> None:
    plain = m.Set("k", b"", live_try.outlet, external=in_place(m.AssetAddress("flights")))
    with pytest.raises(errors.UnsupportedError, match="overwrites in place"):
        live_try.ask(plain)
    live_try.ask(plain._replace(apply_now=True))
    assert live_try.ask(m.Get("k", live_try.outlet)).external == plain.external


def test_a_plain_backend_has_a_history_without_values_and_no_rewind(
    live_try: LiveTry, operator: Operator
) -> None:
    external_ = in_place(m.AssetAddress("flights"))
    live_try.ask(m.Set("k", b"", live_try.outlet, external=external_, apply_now=True))
    [change] = operator.ask(m.ListHistory(FLIGHTS, "k")).changes
    assert (change.change, change.value, change.external) == ("set", None, None)
    with pytest.raises(errors.UnsupportedError, match="keeps no earlier ones"):
        operator.ask(m.Rewind(FLIGHTS, "k", change.version))
    assert live_try.ask(m.Delete("k", live_try.outlet, apply_now=True)).left == (external_,)


# --- what is refused -------------------------------------------------------------------------------------

REFUSED: dict[str, m.External] = {
    "no reference": external(reference=""),
    "a long reference": external(reference="é" * 2_049),
    "no backend": external(backend_id=""),
    "a negative size": external(size_bytes=-1),
    "another key": external(key="other"),
    "no generation": external(storage_key="k"),
    "a short generation": external(storage_key="k~" + "a" * 25),
    "a dash in the generation": external(storage_key="k~" + "-" * 26),
    "a short digest": external(digest=b"d" * 31),
    "a plain object with a generation": external(digest=None),
    "another task's": external(origin=m.TaskAddress("flights", "2013", "other")),
    "an asset's": external(origin=m.AssetAddress("flights")),
}


@pytest.mark.parametrize("external_", REFUSED.values(), ids=REFUSED)
def test_a_reference_that_cannot_be_is_refused(
    client: Client, live_try: LiveTry, external_: m.External
) -> None:
    with pytest.raises(errors.InvalidRequestError):
        live_try.ask(m.Set("k", b"", external=external_))
    assert objects(client) == {}


def test_a_value_beside_its_reference_is_refused(live_try: LiveTry) -> None:
    with pytest.raises(errors.InvalidRequestError, match="send one of them"):
        live_try.ask(write()._replace(value=b"1"))


@pytest.mark.parametrize("origin", [TASK, m.AssetAddress("planes"), m.AssetAddress("flights", "s3://else")])
def test_an_object_made_for_another_scope_is_refused_for_an_asset(live_try: LiveTry, origin: Any) -> None:
    with pytest.raises(errors.InvalidRequestError, match="another scope"):
        live_try.ask(m.Set("k", b"", live_try.outlet, external=external(1, origin)))


def test_an_operator_finds_an_asset_by_either_name(client: Client, live_try: LiveTry) -> None:
    for address in (m.AssetAddress("flights"), m.AssetAddress(None, FLIGHTS.uri)):
        found = client.ask(OPERATOR, m.FindAsset(address))
        assert (found.asset_id, found.name, found.uri) == (live_try.outlet, FLIGHTS.name, FLIGHTS.uri)
    with pytest.raises(errors.NotFoundError):
        client.ask(OPERATOR, m.FindAsset(m.AssetAddress("nothing")))


def test_a_start_says_which_store_it_is(client: Client) -> None:
    started = client.ask(WORKER, m.Start(TASK))
    assert len(started.store_id) == 32
    again = client.ask(WORKER, m.Start(m.TaskAddress("flights", "2013", "other")))
    assert again.store_id == started.store_id
