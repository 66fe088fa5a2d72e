"""Random histories of all that names, drops, leases and deletes objects, against a model of what matters.

After every step each object's count is how many rows name it, and it is due if and only if that is none. No
object is ever deleted that a record names, and in the end, when nothing is left, neither is any object.
"""

from collections import Counter
from functools import partial
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from statekeep_core._shared.state import errors
from statekeep_core._shared.state import messages as m
from statekeep_core.policy import Policy

from core.tests.conftest import WORKER, Client, FreshStore, MovedClock
from core.tests.execution_api.conftest import FLIGHTS, OPERATOR

TASKS = [m.TaskAddress("d", "r", "t", index) for index in range(2)]
NAMING_TABLES = ("task_entries", "asset_entries", "asset_history", "staged_operations")
DAY_SECONDS = 86_400
FLIGHT_NAME = FLIGHTS._replace(uri=None)

keys = st.sampled_from(["a", "b"])
retentions = st.sampled_from([None, "never", 60, 3_600])
of_tries = st.integers(0, 1)
rarely = st.integers(0, 4).map(lambda number: number == 0)
contents = st.sampled_from(["inline", "new", "new", "in place"])
removals = st.sampled_from(["delete", "clear", "reckon"])
waits = st.sampled_from([0, 300, 600, 3_600, 40 * DAY_SECONDS])
narrowed = st.sampled_from([(), (), (FLIGHT_NAME,), (TASKS[0], FLIGHT_NAME)])


def external(storage_key: str, origin: Any) -> m.External:
    return m.External(f"b/{storage_key}", "bucket", storage_key, origin, 10, b"d" * 32)


class Histories(RuleBasedStateMachine):
    """Two task instances, one asset that both write, a worker that disposes, and the bucket."""

    def __init__(self, fresh_store: FreshStore) -> None:
        super().__init__()
        self.clock = MovedClock()
        policy = Policy(asset_history_versions=3, clear_on_success=True)
        self.client = Client(fresh_store(policy, self.clock))
        self.claims: dict[int, m.TryClaims] = {}
        self.asset_id = 0
        self.asked = 0
        self.uploaded: list[m.External] = []
        # Storage keys: of what is there, of what a worker was told to delete, of what it has said it did,
        # and of what an orphan sweep deleted.
        self.bucket: set[str] = set()
        self.leased: dict[str, int] = {}
        self.acknowledged: set[str] = set()
        self.condemned: set[str] = set()
        self.versions: list[tuple[str, int]] = []

    @initialize()
    def begin(self) -> None:
        for number in range(2):
            self._start(number)

    def teardown(self) -> None:
        try:
            self._end()
        finally:
            self.client.store.close()

    # --- what tries do -----------------------------------------------------------------------------------

    def _start(self, number: int, **options: Any) -> None:
        request = m.Start(TASKS[number], outlets=(FLIGHTS,), rerun=True, holds_lock=True, **options)
        started = self.client.ask(WORKER, request)
        self.claims[number] = m.TryClaims(started.instance_id, started.try_number)
        self.asset_id = started.grants[0].asset_id

    def _ask(self, number: int, request: Any) -> Any:
        """Ask as a try, sometimes again as after a lost reply; None is for what is refused."""
        self.asked += 1
        claims, request_id = self.claims[number], f"{self.asked}"
        try:
            reply = self.client.ask(claims, request, request_id)
        except (errors.ConflictError, errors.InvalidRequestError, errors.UnsupportedError):
            return None
        except errors.CondemnedError:
            external = request.external
            assert external.storage_key in self.condemned.union(self.leased)
            return None
        is_recorded = isinstance(request, m.Finish) or getattr(request, "external", None) is not None
        if is_recorded and self.asked % 3 == 0:
            assert self.client.ask(claims, request, request_id) == reply
        return reply

    @rule(number=of_tries, key=keys, content=contents, retention=retentions, if_absent=rarely)
    def write_task_state(self, number: int, key: str, content: str, retention: Any, if_absent: bool) -> None:
        request = m.Set(key, b"", None, retention, None, if_absent)
        self._write(number, request, TASKS[number], content)

    @rule(number=of_tries, key=keys, content=contents, retention=retentions, apply_now=st.booleans())
    def write_asset_state(self, number: int, key: str, content: str, retention: Any, apply_now: bool) -> None:
        is_now = apply_now or content == "in place"
        request = m.Set(key, b"", self.asset_id, retention, apply_now=is_now)
        written = self._write(number, request, FLIGHT_NAME, content)
        if written is not None and written.version is not None:
            self.versions.append((key, written.version))

    def _write(self, number: int, request: m.Set, origin: Any, content: str) -> m.Written | None:
        if content == "inline":
            request = request._replace(value=b"1")
        elif content == "in place":
            place = m.External(f"{origin}/{request.key}", "plain", request.key, origin, 10)
            request = request._replace(external=place)
        else:
            request = request._replace(external=self._uploaded(request.key, origin))
        written: m.Written | None = self._ask(number, request)
        return written

    def _uploaded(self, key: str, origin: Any) -> m.External:
        made = external(f"{key}~{len(self.uploaded):026}", origin)
        self.uploaded.append(made)
        self.bucket.add(made.storage_key)
        return made

    @rule(key=keys, origin=st.sampled_from([*TASKS, FLIGHT_NAME]))
    def upload_and_be_killed(self, key: str, origin: Any) -> None:
        self._uploaded(key, origin)

    @rule(number=of_tries, back=st.integers(1, 8), apply_now=st.booleans())
    def write_late(self, number: int, back: int, apply_now: bool) -> None:
        """Name an object that was uploaded before, whatever has become of it."""
        if len(self.uploaded) < back:
            return
        late = self.uploaded[-back]
        # After that only a retry names it, whose id the store remembers.
        if late.storage_key in self.acknowledged:
            return
        target = self.asset_id if late.origin == FLIGHT_NAME else None
        request = m.Set(late.storage_key[0], b"", target, None, None, False, apply_now, late)
        if self._ask(number, request) is not None:
            assert late.storage_key not in self.condemned.union(self.leased)

    @rule(number=of_tries, key=keys, is_asset=st.booleans(), apply_now=st.booleans(), how=removals)
    def remove(self, number: int, key: str, is_asset: bool, apply_now: bool, how: str) -> None:
        target = self.asset_id if is_asset else None
        match how:
            case "delete":
                self._ask(number, m.Delete(key, target, apply_now=apply_now))
            case "clear":
                self._ask(number, m.Clear(target, apply_now=apply_now))
            case "reckon":
                self._ask(number, m.Increment(key, b"1", target))

    @rule(number=of_tries, how=st.sampled_from(["succeed", "fail", "supersede", "fresh"]))
    def try_again(self, number: int, how: str) -> None:
        if how in ("succeed", "fail"):
            self._ask(number, m.Finish(how == "succeed"))
        self._start(number, fresh=how == "fresh")

    @rule(back=st.integers(1, 6))
    def rewind(self, back: int) -> None:
        if len(self.versions) < back:
            return
        key, version = self.versions[-back]
        try:
            written = self.client.ask(OPERATOR, m.Rewind(FLIGHTS, key, version))
        except (errors.NotFoundError, errors.InvalidRequestError, errors.UnsupportedError):
            return
        self.versions.append((key, written.version))

    # --- what time and workers do ------------------------------------------------------------------------

    @rule(seconds=waits)
    def sweep(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.client.ask(WORKER, m.SweepStep())

    @rule(seconds=waits, limit=st.integers(1, 3), origins=narrowed, is_killed=st.booleans())
    def dispose(self, seconds: int, limit: int, origins: Any, is_killed: bool) -> None:
        """Delete what is due and acknowledge it, unless killed before that."""
        self.clock.advance(seconds)
        fetched = self.client.ask(WORKER, m.FetchDisposals(("bucket", "plain"), origins, limit))
        for disposal in fetched.disposals:
            assert not origins or disposal.external.origin in origins
            assert disposal.external.digest is not None
            self.leased[disposal.external.storage_key] = disposal.object_id
            self.bucket.discard(disposal.external.storage_key)
        if not is_killed:
            self.client.ask(WORKER, m.AcknowledgeDisposals((*self.leased.values(), *range(5))))
            self.acknowledged.update(self.leased)

    @rule()
    def sweep_orphans(self) -> None:
        listed = tuple(sorted(self.bucket))
        orphans = self.client.ask(WORKER, m.Condemn(listed)).storage_keys
        self.condemned.update(orphans)
        self.bucket.difference_update(orphans)

    # --- what holds after every step ---------------------------------------------------------------------

    @invariant()
    def counts_are_exact(self) -> None:
        named: Counter[int] = Counter()
        for table in NAMING_TABLES:
            rows = self._rows(f"SELECT object_id FROM {table} WHERE object_id IS NOT NULL")
            named.update(object_id for (object_id,) in rows)
        known = self._rows("SELECT object_id, records, due_at, leased_until FROM external_objects")
        for object_id, records, due_at, leased_until in known:
            assert records == named.pop(object_id, 0)
            assert (due_at is not None) == (records == 0)
            assert due_at != 0
            assert leased_until is None or records == 0
        assert not named

    @invariant()
    def what_is_named_is_there(self) -> None:
        for table in NAMING_TABLES:
            rows = self._rows(
                f"SELECT e.storage_key FROM {table} JOIN external_objects e USING (object_id)"
                " WHERE e.digest IS NOT NULL"
            )
            assert {storage_key for (storage_key,) in rows} <= self.bucket

    def _rows(self, sql: str) -> list[Any]:
        return self.client.rows(sql)

    def _end(self) -> None:
        """Let everything end, and find that nothing is left behind."""
        for number in range(2):
            self._ask(number, m.Clear())
            self._ask(number, m.Finish(False))
        self.client.ask(OPERATOR, m.Deactivate(FLIGHTS))
        for _ in range(2):
            self.sweep(400 * DAY_SECONDS)
        self.dispose(0, 1_000, (), is_killed=False)
        self.sweep_orphans()
        assert self._rows("SELECT 1 FROM external_objects WHERE digest IS NOT NULL") == []
        assert self.bucket == set()


def test_nothing_named_is_deleted_and_nothing_else_is_left(engine: str, fresh_store: FreshStore) -> None:
    # The model looks at every table after every step, which a server answers more slowly than a library.
    examples = 60 if engine == "sqlite" else 20
    asked = settings(max_examples=examples, stateful_step_count=40, deadline=None)
    machine: Any = partial(Histories, fresh_store)  # typed as a class, and called
    run_state_machine_as_test(machine, settings=asked)
