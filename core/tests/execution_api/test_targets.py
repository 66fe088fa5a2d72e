"""Which task or asset a request is about, and whether its caller may."""

from typing import Any

import pytest
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m

from core.tests.conftest import TASK, Client
from core.tests.execution_api.conftest import FLIGHTS, OPERATOR, PLANES, LiveTry, Operator

READS: list[Any] = [m.Get("k"), m.ListEntries(), m.ListHistory(None)]
WRITES: list[Any] = [
    m.Set("k", b"1"),
    m.Delete("k"),
    m.Clear(),
    m.Increment("k", b"1"),
    m.SetMax("k", b"1"),
]


@pytest.fixture
def undeclared(client: Client) -> int:
    """The id of an asset that exists and that the try did not declare."""
    request = m.Start(TASK._replace(task_id="else"), outlets=(m.AssetAddress("secrets"),))
    asset_id: int = client.ask(m.WorkerClaims("there"), request).grants[0].asset_id
    return asset_id


@pytest.mark.parametrize("request_", [*READS, *WRITES], ids=lambda request: type(request).__name__)
def test_an_undeclared_asset_is_closed(live_try: LiveTry, undeclared: int, request_: Any) -> None:
    needed = "inlet" if request_ in READS else "outlet"
    for asset_id in (undeclared, 10_000, 0, -1):
        with pytest.raises(errors.AssetNotDeclaredError, match=needed):
            live_try.ask(request_._replace(target=asset_id))


@pytest.mark.parametrize("request_", WRITES, ids=lambda request: type(request).__name__)
@pytest.mark.parametrize("apply_now", [False, True])
def test_an_inlet_is_read_and_not_written(live_try: LiveTry, request_: Any, apply_now: bool) -> None:
    with pytest.raises(errors.AssetNotDeclaredError) as caught:
        live_try.ask(request_._replace(target=live_try.inlet, apply_now=apply_now))
    assert caught.value.facts == {"asset": "planes", "needed": "outlet"}
    for read in READS:
        live_try.ask(read._replace(target=live_try.inlet))


def test_a_grant_is_the_trys_own(client: Client, live_try: LiveTry) -> None:
    bare = client.start(TASK._replace(task_id="bare"))
    with pytest.raises(errors.AssetNotDeclaredError):
        client.ask(bare, m.Get("k", live_try.outlet))
    client.start(TASK, holds_lock=True)
    next_try = m.TryClaims(live_try.claims.instance_id, live_try.claims.try_number + 1)
    with pytest.raises(errors.AssetNotDeclaredError):
        client.ask(next_try, m.Get("k", live_try.outlet))


def test_a_try_reaches_no_other_tasks_state(client: Client, live_try: LiveTry) -> None:
    other = LiveTry(client, TASK._replace(run_id="2014"))
    other.ask(m.Set("k", b"1"))
    for request in (m.Get("k"), m.ListEntries(), *WRITES):
        with pytest.raises(errors.ForbiddenError, match="flights/2014/load"):
            live_try.ask(request._replace(target=TASK._replace(run_id="2014")))
    assert live_try.ask(m.Set("k", b"2", TASK)).version  # its own names are its own
    assert other.ask(m.Get("k")).value == b"1"


def test_a_try_names_assets_by_id_only(live_try: LiveTry) -> None:
    with pytest.raises(errors.InvalidRequestError, match="id"):
        live_try.ask(m.Get("k", FLIGHTS))


def test_an_inactive_asset_is_read_by_its_try_and_not_written(live_try: LiveTry, operator: Operator) -> None:
    live_try.ask(m.Set("k", b"1", live_try.outlet, apply_now=True))
    operator.ask(m.Deactivate(FLIGHTS))
    assert live_try.ask(m.Get("k", live_try.outlet)).value == b"1"
    for request in WRITES:
        with pytest.raises(errors.AssetInactiveError, match="flights"):
            live_try.ask(request._replace(target=live_try.outlet))


def test_a_superseded_try_is_told_so_whatever_it_asks(client: Client, live_try: LiveTry) -> None:
    live_try.ask(m.Set("k", b"1"))
    client.start(TASK, holds_lock=True)
    for request in (*READS, *WRITES, m.Batch(())):
        with pytest.raises(errors.SupersededError):
            live_try.ask(request)


# --- operators -------------------------------------------------------------------------------------------


def test_an_operator_reads_only_what_exists(operator: Operator) -> None:
    for request in (m.Get("k"), m.ListEntries(), m.Delete("k"), m.Clear()):
        with pytest.raises(errors.NotFoundError, match="flights/2013/load"):
            operator.ask(request._replace(target=TASK))
        with pytest.raises(errors.NotFoundError, match="asset flights"):
            operator.ask(request._replace(target=FLIGHTS))


def test_an_operators_write_makes_the_task_instance_and_never_an_asset(
    client: Client, operator: Operator
) -> None:
    for request in (m.Set("k", b"1"), m.Increment("n", b"1"), m.SetMax("w", b"1")):
        operator.ask(request._replace(target=TASK))
        with pytest.raises(errors.NotFoundError):
            operator.ask(request._replace(target=FLIGHTS))
    assert LiveTry(client).keys() == ["k", "n", "w"]


def test_an_operator_must_say_what_is_meant(operator: Operator) -> None:
    with pytest.raises(errors.InvalidRequestError, match="names no task"):
        operator.ask(m.Get("k"))
    with pytest.raises(errors.InvalidRequestError, match="map_index"):
        operator.ask(m.Set("k", b"1", TASK._replace(map_index=-2)))
    with pytest.raises(errors.InvalidRequestError, match="dag_id"):
        operator.ask(m.Set("k", b"1", TASK._replace(dag_id="")))
    with pytest.raises(errors.InvalidRequestError, match="asset"):
        operator.ask(m.Get("k", m.AssetAddress()))


def test_an_asset_is_one_by_name_by_uri_and_by_both(client: Client, live_try: LiveTry) -> None:
    live_try.ask(m.Set("k", b"1", live_try.outlet, apply_now=True))
    addresses = (FLIGHTS, m.AssetAddress(FLIGHTS.name), m.AssetAddress(None, FLIGHTS.uri), live_try.outlet)
    for address in addresses:
        assert client.ask(OPERATOR, m.Get("k", address)).value == b"1"


def test_a_deactivated_asset_is_told_from_one_that_never_was(live_try: LiveTry, operator: Operator) -> None:
    operator.ask(m.Deactivate(PLANES))
    with pytest.raises(errors.AssetInactiveError, match="planes"):
        operator.ask(m.Get("k", PLANES))
    assert operator.ask(m.Get("k", live_try.inlet)) == m.Absent("k")  # by id it can still be looked at
    with pytest.raises(errors.AssetInactiveError):
        operator.ask(m.Set("k", b"1", live_try.inlet))
