"""What tasks send most costs one round trip, alone or together, and is answered as by the long way."""

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m
from statekeep_core.metastore.replies import load
from statekeep_core.metastore.staging import MAX_BYTES, MAX_OPERATIONS
from statekeep_core.policy import Policy
from statekeep_core.postgres import asset_statements, hot_statements
from statekeep_core.postgres import waves as waves_module
from statekeep_core.postgres.connection import BoundedConnection
from statekeep_core.postgres.store import PostgresStore, open_store

from core.tests.conftest import TASK, WORKER, Client, FreshStore, MovedClock
from core.tests.execution_api.conftest import FLIGHTS, OPERATOR, PLANES
from core.tests.postgres.conftest import Stage

HOT = [
    m.Get("k"),
    m.Get("absent"),
    m.Set("k", b"2"),
    m.Set("new", b"1", retention=60),
    m.Delete("k"),
    m.Delete("absent"),
    m.Set("k", b"2", if_version=1),
    m.Set("new", b"1", if_absent=True),
    m.Increment("k", b"2"),
    m.Increment("new", b"2"),
    m.Get("k", 1),
    m.Set("k", b"1", 1),
    m.Set("k", b"1", 1, retention="never"),
    m.SetMax("k", b"2"),
    m.SetMax("k", b"1"),
    m.SetMax("new", b'"2026-01-01"'),
    m.Set("new", b"1", 1, if_absent=True),
    m.Increment("n", b"1", 1),
    m.SetMax("n", b"9", 1),
    m.SetMax("n", b"1700000000000000000", 1),
    m.Delete("n", 1),
    m.Delete("absent", 1),
    m.Set("n", b"1", 1, apply_now=True),
    m.Set("new", b"1", 1, if_absent=True, apply_now=True),
    m.Increment("n", b"1", 1, apply_now=True),
    m.SetMax("n", b"9", 1, apply_now=True),
    m.SetMax("n", b"1", 1, apply_now=True),
    m.Delete("n", 1, apply_now=True),
]


def round_trips(client: Client) -> int:
    count: int = client.store.traffic().round_trips
    return count


STATEMENTS = [
    each
    for module in (hot_statements, asset_statements)
    for each in vars(module).values()
    if isinstance(each, hot_statements.HotStatement)
]


@pytest.mark.parametrize("asked", [*HOT, m.Heartbeat()], ids=repr)
def test_it_costs_one_round_trip(live: Client, asked: Any) -> None:
    claims = live.start(outlets=(FLIGHTS,))
    live.ask(claims, m.Set("k", b"1"))
    live.ask(OPERATOR, m.Set("n", b"5", FLIGHTS), "o")
    before = round_trips(live)
    live.ask(claims, asked, "r")
    assert round_trips(live) - before == 1


RECORDED = [
    m.Set("k", b"2", if_version=1),
    m.Set("new", b"1", if_absent=True),
    m.Increment("k", b"2"),
    m.Increment('n"\\\u2028\u00e9', b"2", retention=60),
]


@pytest.mark.parametrize("asked", RECORDED, ids=repr)
def test_what_is_repeated_is_answered_as_it_was_and_not_done_again(live: Client, asked: Any) -> None:
    claims = live.start()
    live.ask(claims, m.Set("k", b"1"))
    reply = live.ask(claims, asked, "r")
    stands = live.ask(claims, m.Get(asked.key))
    assert stands.version == reply.version
    assert not isinstance(reply, m.Entry) or stands == reply
    assert live.ask(claims, asked, "r") == reply
    assert live.ask(claims, m.Get(asked.key)) == stands
    with pytest.raises(errors.InvalidRequestError):
        live.ask(claims, asked._replace(retention=5), "r")


@pytest.mark.parametrize("asked", RECORDED, ids=repr)
def test_two_of_one_request_at_once_are_answered_alike(live: Client, stage: Stage, asked: Any) -> None:
    claims = live.start()
    live.ask(claims, m.Set("k", b"1"))
    with stage.holding("SELECT FROM tries FOR NO KEY UPDATE"):
        replies = [stage.begin(live.ask, claims, asked, "r") for _ in range(2)]
        stage.until_waiting(2)
    first, second = (reply.result() for reply in replies)
    assert first == second
    assert live.ask(claims, m.Get(asked.key)).version == first.version


def test_what_waited_goes_by_what_was_written_meanwhile(live: Client, stage: Stage) -> None:
    """Its statement began before, and may not go by what it saw then."""
    claims = live.start()
    version = live.ask(claims, m.Set("k", b"1")).version
    live.ask(claims, m.Set("n", b"0"))
    with stage.holding("SELECT FROM tries FOR NO KEY UPDATE"):
        adding = [stage.begin(live.ask, claims, m.Increment("n", b"1"), f"{number}") for number in range(6)]
        writes = [m.Set("k", b"2", if_version=version), m.Set("new", b"2", if_absent=True)]
        winning = [
            stage.begin(live.ask, claims, one, f"{one}{number}"[-60:]) for one in writes for number in "ab"
        ]
        stage.until_waiting(8)
    assert sorted(int(each.result().value) for each in adding) == [1, 2, 3, 4, 5, 6]
    refused = [isinstance(each.exception(), errors.ConflictError) for each in winning]
    assert sorted(refused[:2]) == sorted(refused[2:]) == [False, True]


def test_what_is_staged_at_once_is_all_there_and_counted(live: Client, stage: Stage) -> None:
    claims = live.start(outlets=(FLIGHTS,))
    live.ask(claims, m.Set("k", b"0", 1, if_absent=True), "first")
    with stage.holding("SELECT FROM tries FOR NO KEY UPDATE"):
        sets = [m.Set("k", b"1", 1), *[m.Set("other", b"1", 1)] * 4, m.Set("k", b"2", 1, if_absent=True)]
        staging = [stage.begin(live.ask, claims, one, f"id {n}") for n, one in enumerate(sets)]
        stage.until_waiting(len(sets))
    outcomes = [each.exception() for each in staging]
    assert [outcome is None for outcome in outcomes] == [True] * 5 + [False]
    [(operations, size_bytes)] = live.rows("SELECT staged_operations, staged_bytes FROM tries")
    assert (operations, size_bytes) == (6, 2 * 2 + 4 * 6)
    rows = live.rows("SELECT key, value, if_absent FROM staged_operations ORDER BY 1")
    assert [(key, bytes(value), absent) for key, value, absent in rows] == [
        ("k", b"1", 1),
        ("other", b"1", 0),
    ]


def test_past_a_trys_limit_nothing_more_is_staged(live: Client) -> None:
    claims = live.start(outlets=(FLIGHTS,))
    for column, limit in (("staged_operations", MAX_OPERATIONS), ("staged_bytes", MAX_BYTES - 2)):
        live.store.transact(lambda work, c=column, n=limit: work.tx.run(f"UPDATE tries SET {c} = {n - 1}"))
        live.ask(claims, m.Set("k", b"1", 1), f"{column} within")
        with pytest.raises(errors.ValueTooLargeError):
            live.ask(claims, m.Set("k", b"1", 1), f"{column} over")
        live.store.transact(lambda work, c=column: work.tx.run(f"UPDATE tries SET {c} = 0"))


def test_an_expired_entry_is_absent_for_what_is_added_and_what_wants_it_absent(
    make_client: Callable[..., Client], clock: MovedClock
) -> None:
    client = make_client()
    claims = client.start()
    for key in "nak":
        client.ask(claims, m.Set(key, b"5", retention=10))
    version = client.ask(claims, m.Get("k")).version
    clock.advance(10)
    assert client.ask(claims, m.Increment("n", b"1"), "n").value == b"1"
    client.ask(claims, m.Set("a", b"1", if_absent=True), "a")
    with pytest.raises(errors.ConflictError):
        client.ask(claims, m.Set("k", b"1", if_version=version), "k")
    assert client.ask(claims, m.Delete("k")) == m.Written(removed=0)


def test_an_assets_entry_is_read_as_its_reader_sees_it(live: Client) -> None:
    claims = live.start(outlets=(FLIGHTS,))
    live.ask(OPERATOR, m.Set("k", b"1", FLIGHTS), "o")
    entry = live.ask(claims, m.Get("k", 1))
    assert entry == live.ask(OPERATOR, m.Get("k", FLIGHTS))
    assert entry.writer == m.Writer("operator:ann")
    live.ask(claims, m.Set("k", b"2", 1), "s")
    assert (live.ask(claims, m.Get("k", 1)).value, live.ask(claims, m.Get("other", 1))) == (
        b"2",
        m.Absent("other"),
    )
    live.ask(claims, m.Clear(1), "c")
    assert live.ask(claims, m.Get("other", 1)) == live.ask(claims, m.Get("k", 1))._replace(key="other")
    stranger = live.start(TASK._replace(map_index=1), outlets=(PLANES,))
    for asked in (m.Get("k", 1), m.Set("k", b"1", 1)):
        with pytest.raises(errors.AssetNotDeclaredError):
            live.ask(stranger, asked, f"{asked.key} {type(asked)}")


@pytest.mark.parametrize(
    "asked",
    [each for each in HOT if getattr(each, "target", None) == 1 and not isinstance(each, m.Get)],
    ids=repr,
)
def test_only_an_active_outlet_can_be_written(live: Client, asked: Any) -> None:
    claims = live.start(inlets=(FLIGHTS,), outlets=(PLANES,))
    numbers = {grant.name: grant.asset_id for grant in live.ask(OPERATOR, m.ListAssets()).assets}
    with pytest.raises(errors.AssetNotDeclaredError):
        live.ask(claims, asked._replace(target=numbers["flights"]), "inlet")
    live.ask(claims, asked._replace(target=numbers["planes"]), "active")
    live.ask(OPERATOR, m.Deactivate(PLANES), "d")
    with pytest.raises(errors.AssetInactiveError):
        live.ask(claims, asked._replace(target=numbers["planes"]), "inactive")


def test_many_of_a_kind_cost_one_round_trip_together(live: Client) -> None:
    claims = [live.start(TASK._replace(map_index=index)) for index in range(20)]
    before = round_trips(live)
    replies = live.ask_together(*[(one, m.Set(f"{key}", b"1")) for one in claims for key in range(3)])
    assert round_trips(live) - before == 1
    assert len({reply.version for reply in replies}) == 60


def test_a_refused_neighbour_is_refused_alone(live: Client) -> None:
    old = live.start()
    current = live.start(holds_lock=True)
    replies = live.ask_together(
        (current, m.Set("a", b"1")),
        (old, m.Set("b", b"1")),
        (current, m.Set("c", b"NaN")),
        (current, m.Get("")),
        (m.TryClaims(99, 1), m.Get("a")),
        (old, m.Heartbeat()),
        (current, m.Set("d", b"1")),
    )
    codes = [getattr(reply, "code", None) for reply in replies]
    refused = ["superseded", "invalid_value", "invalid_key", "unauthenticated", "superseded"]
    assert codes == [None, *refused, None]
    assert [entry.key for entry in live.ask(current, m.ListEntries()).entries] == ["a", "d"]


def test_a_value_that_lies_elsewhere_is_let_go_of_the_long_way(live: Client) -> None:
    claims = live.start()
    external = m.External("b/k", "bucket", "k~" + "A" * 26, TASK, 10, b"d" * 32)
    for write in (m.Set("k", b"1"), m.Delete("k")):
        live.ask(claims, m.Set("k", b"", external=external), f"before {write!r}"[:64])
        assert live.ask(claims, m.Get("k")).external == external
        live.ask(claims, write)
        assert live.rows("SELECT records FROM external_objects") == [(0,)]
        live.store.transact(lambda work: work.tx.run("DELETE FROM external_objects"))


def test_an_object_that_an_asset_or_its_history_names_is_let_go_of_the_long_way(
    make_client: Callable[..., Client],
) -> None:
    client = make_client(asset_history_versions=2)
    claims = client.start(outlets=(FLIGHTS,))
    external = m.External("b/k", "bucket", "k~" + "A" * 26, FLIGHTS, 10, b"d" * 32)
    client.ask(claims, m.Set("k", b"", 1, external=external, apply_now=True), "elsewhere")
    for n, left in enumerate([(1, False), (0, True)]):
        client.ask(claims, m.Set("k", b"%d" % n, 1, apply_now=True), f"{n}")
        assert client.ask(claims, m.Get("k", 1)).value == b"%d" % n
        assert client.rows("SELECT records, coalesce(due_at, 0) > 0 FROM external_objects") == [left]


def test_what_somebody_holds_delays_no_answer_for_ever_and_no_neighbour_is_refused(
    live: Client, stage: Stage
) -> None:
    held, free = live.start(), live.start(TASK._replace(task_id="free"))
    with stage.holding(f"SELECT FROM tries WHERE instance_id = {held.instance_id} FOR UPDATE"):
        sets = [m.Set(f"{number}", b"1") for number in range(20)]
        *refused, written = live.ask_together(*[(held, one) for one in sets], (free, m.Set("k", b"1")))
    assert {reply.code for reply in refused} == {"unavailable"}
    assert written.version is not None
    assert live.ask(held, m.Get("k")) == m.Absent("k")


def test_two_groups_over_the_same_tries_in_any_order_do_not_wait_for_each_other(
    live: Client, stage: Stage, store: PostgresStore
) -> None:
    claims = [live.start(TASK._replace(map_index=index)) for index in range(12)]

    def ask(order: list[m.TryClaims]) -> list[Any]:
        sets = [(one, m.Set(f"{key}", b"1")) for key in "ab" for one in order]
        return live.ask_together(*sets, *[(one, m.Heartbeat()) for one in order])

    groups = [stage.begin(ask, claims[::-1] if number % 2 else claims) for number in range(24)]
    kinds = {type(reply) for group in groups for reply in group.result()}
    assert kinds == {m.Written, m.LeaseRenewed}
    assert store.repeated == 0


STAGED = (
    "instance_id, try_number, position, asset_id, key, operation, value, retention, if_version, if_absent"
)
# In its place comes the version that was seen last.
SEEN = -1
# Over two keys of two tries and an asset, so that hot and other calls meet in every order.
keys = st.sampled_from(["a", "b"])
retentions = st.sampled_from([None, None, None, 60, "never"])
operands = st.sampled_from([b"1", b"-7", b"0", b"1.5", b"9" * 18, b"9" * 19, b"-0.0"])
ORDERED = [b"1", b"-3", b"1.5", b"1e+16", b"9" * 17, b"9" * 19, b"0.1", b"1e-05", b"-0.0", b"0"]
ORDERED += [
    b'"2026-01-01"',
    b'"2026-02-01"',
    b'"2026-01-01T00:00:00.000000Z"',
    b'"2027-01-01T00:00:00.000000Z"',
]
ORDERED += [b'"2026-06-01T00:00:00+02:00"', '"\u00e9"'.encode(), b'"a"', b'"a!"', b'""', b'"\\""']
ORDERED += [b'"longer than a date"', b'"x' + b"x" * 400 + b'"']
ordered = st.sampled_from(ORDERED)
values = st.sampled_from([b'"text"', b"5", b"9" * 18, b"9" * 30, b"true", *ORDERED])
conditions = st.sampled_from([{}, {}, {}, {"if_absent": True}, {"if_version": SEEN}])
# Of the try's own state, staged for an asset, or at once; the second asset is nobody's.
places = st.sampled_from([{}, {"target": 1}, {"target": 1}, {"target": 1, "apply_now": True}, {"target": 2}])


@st.composite
def writes(draw: Any) -> Any:
    place, key = draw(places), draw(keys)
    kind = draw(st.sampled_from(["set", "set", "delete", "increment", "set_max", "set_max"]))
    if kind == "delete":
        return m.Delete(key, **place, if_version=draw(st.sampled_from([None, None, SEEN])))
    kept = {"retention": draw(retentions)}
    if kind == "increment":
        return m.Increment(key, draw(operands), **place, **kept)
    if kind == "set_max":
        return m.SetMax(key, draw(ordered), **place, **kept)
    return m.Set(key, draw(values), **place, **kept, **draw(conditions))


requests = st.one_of(
    writes(),
    writes(),
    writes(),
    keys.map(m.Get),
    keys.map(lambda key: m.Get(key, 1)),
    keys.map(lambda key: m.Get(key, 2)),
    st.just(m.Heartbeat()),
    keys.map(lambda key: m.Set(key, b"1", if_absent=True, if_version=1)),
    st.just(m.Clear()),
    st.just(m.Clear(1)),
    st.just(m.ListEntries(with_values=True)),
    st.just(m.ListEntries(1)),
    st.just(m.Finish(succeeded=False)),
    st.just(m.Finish(succeeded=True)),
)
groups_of_calls = st.lists(st.tuples(st.integers(0, 2), requests), max_size=20)

WRITTEN = "key, value, updated_at, expires_at, writer_try_number, writer_principal"
NOTED = "key, value, changed_at, writer_instance_id, writer_try_number, writer_principal"
LEFT = [
    f"instance_id, keeps_default, {WRITTEN} FROM task_entries ORDER BY instance_id, key",
    f"asset_id, writer_instance_id, {WRITTEN} FROM asset_entries ORDER BY asset_id, key",
    f"asset_id, change, {NOTED} FROM asset_history ORDER BY asset_id, key, version",
    f"{STAGED} FROM staged_operations ORDER BY instance_id, position",
    "staged_operations, staged_bytes, status FROM tries ORDER BY instance_id",
]


class Twin:
    """A store of its own on which two tries and an operator ask, and what they leave there."""

    def __init__(self, fresh_store: FreshStore, outlets: tuple[m.AssetAddress, m.AssetAddress]) -> None:
        self.client = Client(fresh_store(Policy(asset_history_versions=2), MovedClock()))
        self._claims = [
            self.client.start(TASK._replace(map_index=index), outlets=(outlet,))
            for index, outlet in enumerate(outlets)
        ]
        self._seen: dict[Any, int] = {}

    def call(self, number: int, who: int, asked: Any) -> tuple[Any, Any, str]:
        if who == 2:
            return OPERATOR, by_name(asked), f"id {number}"
        return self._claims[who], self._under_its_version(who, asked), f"id {number}"

    def learn(self, who: int, asked: Any, reply: Any) -> None:
        version = getattr(reply, "version", None)
        if version is not None:
            self._seen[self._place(who, asked)] = version

    def left(self) -> list[Any]:
        rows = [row for table in LEFT for row in self.client.rows(f"SELECT {table}")]
        recorded = self.client.rows("SELECT request_id, digest, reply FROM request_log ORDER BY 1")
        self.client.store.close()
        # Under which version was asked is in the digest.
        return [*rows, *((request_id, without_version(load(reply))) for request_id, _, reply in recorded)]

    def _under_its_version(self, who: int, asked: Any) -> Any:
        if getattr(asked, "if_version", None) != SEEN:
            return asked
        return asked._replace(if_version=self._seen.get(self._place(who, asked), SEEN))

    def _place(self, who: int, asked: Any) -> Any:
        return (asked.target or f"of {who}", asked.key)


@contextmanager
def the_long_way(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(waves_module, "is_hot", lambda *_: False)
        yield


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=groups_of_calls)
def test_a_group_is_answered_as_its_calls_would_be_one_by_one(
    fresh_store: FreshStore, monkeypatch: pytest.MonkeyPatch, calls: list[tuple[int, Any]]
) -> None:
    """Each try with an asset of its own: what one does is not in order with what another does."""

    def answers(*, together: bool) -> list[Any]:
        twin = Twin(fresh_store, (FLIGHTS, PLANES))
        asked = [twin.call(number, who, of_its_own(who, one)) for number, (who, one) in enumerate(calls)]
        ask = twin.client.ask_together
        replies = ask(*asked) if together else [ask(one)[0] for one in asked]
        return [*map(without_version, replies), *twin.left()]

    with the_long_way(monkeypatch):
        one_by_one = answers(together=False)
    assert answers(together=True) == one_by_one


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=groups_of_calls)
def test_a_lone_call_is_answered_as_by_the_long_way(
    fresh_store: FreshStore, monkeypatch: pytest.MonkeyPatch, calls: list[tuple[int, Any]]
) -> None:
    """Of two tries that share an asset, under the versions that they saw."""

    def answers() -> list[Any]:
        twin, replies = Twin(fresh_store, (FLIGHTS, FLIGHTS)), []
        for number, (who, one) in enumerate(calls):
            [reply] = twin.client.ask_together(twin.call(number, who, one))
            twin.learn(who, one, reply)
            replies.append(without_version(reply))
        return [*replies, *twin.left()]

    with the_long_way(monkeypatch):
        the_long_ways = answers()
    assert answers() == the_long_ways


# What may be staged for one key, one after the other; those of one kind make one row, which is applied later.
FOLDED = [
    m.Set("k", b"7", 1),
    m.Set("k", b"7", 1, retention=60),
    m.Set("k", b"7", 1, if_absent=True),
    m.Delete("k", 1),
    m.Increment("k", b"2", 1),
    m.Increment("k", b"2", 1, retention=60),
    m.Increment("k", b"0.5", 1),
    m.SetMax("k", b"3", 1),
    m.SetMax("k", b"9", 1),
    m.SetMax("k", b"3", 1, retention=60),
    m.SetMax("k", b"1700000000000000000", 1),
    m.SetMax("k", b"1700000000000000001", 1),
    m.SetMax("k", b'"2026-01-01"', 1),
]


def test_two_that_are_staged_for_one_key_fold_as_by_the_long_way(
    fresh_store: FreshStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers() -> list[Any]:
        twin, replies = Twin(fresh_store, (FLIGHTS, PLANES)), []
        pairs = [*itertools.product([b"5", None], FOLDED, FOLDED)]
        asked = [m.Set(f"k{n}", base, FLIGHTS) for n, (base, _, _) in enumerate(pairs) if base]
        twin.client.ask_together(*[(OPERATOR, one, one.key) for one in asked])
        claims, *_ = twin.call(0, 0, m.Heartbeat())
        for n, (_, *both) in enumerate(pairs):
            for one in both:
                [reply] = twin.client.ask_together((claims, one._replace(key=f"k{n}"), f"{n} {one!r}"[:64]))
                replies.append(without_version(reply))
        staged = twin.client.rows(f"SELECT {STAGED} FROM staged_operations ORDER BY position")
        twin.client.ask(claims, m.Finish(succeeded=True))
        return [*replies, *staged, *twin.left()]

    with the_long_way(monkeypatch):
        the_long_ways = answers()
    assert answers() == the_long_ways


def test_no_more_of_an_entrys_history_is_kept_than_the_policy_has(make_client: Callable[..., Client]) -> None:
    client = make_client(asset_history_versions=2)
    claims = client.start(outlets=(FLIGHTS,))
    for n, asked in enumerate([m.Set("k", b"1", 1), m.Increment("k", b"1", 1), m.Delete("k", 1)] * 2):
        client.ask(claims, asked._replace(apply_now=True), f"{n}")
        kept = client.rows("SELECT change FROM asset_history ORDER BY version")
        assert len(kept) == min(n + 1, 2)
    assert kept == [("set",), ("delete",)]


def of_its_own(who: int, asked: Any) -> Any:
    """Return the request for the asset that is the second try's, where it was for the first's."""
    target = getattr(asked, "target", None)
    return asked._replace(target=3 - target) if who == 1 and isinstance(target, int) else asked


def by_name(asked: Any) -> Any:
    """What an operator asks instead: a write of the asset, or a look at a task."""
    if getattr(asked, "target", None) == 1:
        return asked._replace(target=FLIGHTS)
    return m.Get("a", TASK._replace(map_index=0))


def without_version(reply: Any) -> Any:
    if isinstance(reply, m.Entries):
        return tuple(entry._replace(version=0) for entry in reply.entries)
    if isinstance(reply, m.Entry | m.Written) and reply.version is not None:
        return reply._replace(version=0)
    if isinstance(reply, m.Refusal):
        return reply.code
    return reply


def test_versions_grow_with_every_write_of_a_key_deletes_included(live: Client, stage: Stage) -> None:
    claims = live.start()

    def write(number: int) -> Any:
        return live.ask(claims, m.Delete("k") if number % 5 == 4 else m.Set("k", f"{number}".encode()))

    with psycopg.connect(live.store._pool._url, autocommit=True) as connection:
        # Where the database itself sees the order: each commit's row, by a trigger.
        connection.execute("CREATE TABLE seen (n bigserial, version bigint)")
        connection.execute(
            "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO seen (version) VALUES (NEW.version); RETURN NULL; END $$"
        )
        connection.execute(
            "CREATE TRIGGER see AFTER INSERT OR UPDATE ON task_entries FOR EACH ROW EXECUTE FUNCTION see()"
        )
        try:
            for each in [stage.begin(write, number) for number in range(100)]:
                each.result()
            versions = [row[0] for row in connection.execute("SELECT version FROM seen ORDER BY n")]
        finally:
            connection.execute("DROP TRIGGER see ON task_entries; DROP FUNCTION see; DROP TABLE seen")
    assert len(versions) == 80
    assert versions == sorted(set(versions))


def test_nobody_but_a_try_takes_this_path(live: Client) -> None:
    live.ask(WORKER, m.Start(TASK, outlets=(FLIGHTS,)))
    live.ask(OPERATOR, m.Set("k", b"1", TASK))
    assert live.ask(OPERATOR, m.Get("k", TASK)).writer.principal == "operator:ann"


def test_no_statement_reads_a_whole_table(live: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """On tables of a few rows without statistics, where the planner would choose to."""
    claims = live.start(outlets=(FLIGHTS,))
    plans: dict[str, str] = {}
    execute = BoundedConnection.execute

    def explained(self: BoundedConnection, query: Any, parameters: Any = (), **options: Any) -> Any:
        if options.get("prepare"):
            plan = execute(self, "EXPLAIN " + query, parameters).fetchall()
            plans[query] = "\n".join(row[0] for row in plan)
        return execute(self, query, parameters, **options)

    monkeypatch.setattr(BoundedConnection, "execute", explained)
    other = live.start(TASK._replace(map_index=1), outlets=(FLIGHTS,))
    for number, one in enumerate([*HOT, m.Heartbeat()]):
        # A row that all see is written once in a statement, so of two together each has its own.
        another = one._replace(key="another") if getattr(one, "apply_now", False) else one
        live.ask_together((claims, one, f"alone {number}"))
        live.ask_together((claims, one, f"together {number}"), (other, another, f"together {number}"))
    assert plans.keys() == {form for statement in STATEMENTS for form in statement}
    for plan in plans.values():
        assert not re.search("Seq Scan|Hash Join|Merge", plan)


FAILING_DELETES = """
CREATE TABLE writes (version bigint);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN INSERT INTO writes VALUES (NEW.version); RETURN NULL; END$$;
CREATE TRIGGER noted AFTER INSERT OR UPDATE ON task_entries FOR EACH ROW EXECUTE FUNCTION note();
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {how}; RETURN OLD; END$$;
CREATE TRIGGER failing BEFORE DELETE ON task_entries FOR EACH ROW EXECUTE FUNCTION fail();
"""
HOW = {
    "internal_fault": "RAISE EXCEPTION 'the statement fails'",
    "unavailable": "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(60)",
}


@pytest.mark.parametrize("code", HOW)
def test_what_a_statement_has_committed_is_answered_so_and_once_when_the_next_one_fails(
    new_database: str, code: str
) -> None:
    store = open_store(new_database, connections=1)
    client = Client(store)
    one, other = (client.start(TASK._replace(map_index=index)) for index in range(2))
    client.ask(other, m.Set("k", b"1"))
    with psycopg.connect(new_database) as connection:
        connection.execute(FAILING_DELETES.format(how=HOW[code]).encode())
    written, refused, read = client.ask_together(
        (one, m.Set("a", b"1")), (other, m.Delete("k")), (one, m.Get("b"))
    )
    assert refused.code == code
    assert client.rows("SELECT version FROM writes") == [(written.version,)]
    assert client.ask(one, m.Get("a")).version == written.version
    assert read == m.Absent("b") or read.code == "unavailable"
    store.close()
