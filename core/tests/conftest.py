"""A real store, in a temporary file and on PostgreSQL, under a clock that the test moves."""

import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state import wire
from statekeep_core._shared.state.sendings import Sending
from statekeep_core.embedded import open_store
from statekeep_core.metastore.clock import Instant
from statekeep_core.policy import Policy
from statekeep_core.postgres.store import PostgresStore

from tests.postgresql.cluster import empty

FreshStore = Callable[[Policy, Any], Any]
TASK = m.TaskAddress("flights", "2013", "load")
WORKER = m.WorkerClaims("here")


@dataclass
class MovedClock:
    """Stands still until it is moved; the wall may jump without the boot clock, as on a machine."""

    wall_us: int = 1_700_000_000_000_000
    boot_us: int = 5_000_000
    boot_id: str = "first boot"

    def __call__(self) -> Instant:
        return Instant(self.wall_us, self.boot_us, self.boot_id)

    def advance(self, seconds: float) -> None:
        self.wall_us += int(seconds * 1_000_000)
        self.boot_us += int(seconds * 1_000_000)


class Client:
    """Asks a store in messages, and raises what it refuses."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def rows(self, sql: str) -> list[Any]:
        """Look at the tables behind the store's back."""
        found: list[Any] = self.store.transact(lambda work: work.tx.rows(sql))
        return found

    def ask(self, claims: m.Claims, request: Any, request_id: str = "") -> Any:
        [reply] = self.ask_together((claims, request, request_id))
        return wire.raise_if_refused(reply)

    def ask_together(self, *calls: Any) -> list[Any]:
        plain = [
            (wire.to_plain(who), "".join(request_id), wire.to_plain(asked))
            for who, asked, *request_id in calls
        ]
        return [wire.from_plain(reply) for reply in self.store.handle_group(plain)]

    def send(self, claims: m.TryClaims, request: Any, sending: Sending, request_id: str = "") -> Any:
        """Ask under the number of a sending, as a try does over HTTP."""
        call = (wire.to_plain(claims), request_id, wire.to_plain(request), sending)
        [reply] = self.store.handle_group([call])
        return wire.raise_if_refused(wire.from_plain(reply))

    def start(self, task: m.TaskAddress = TASK, **options: Any) -> m.TryClaims:
        started = self.ask(WORKER, m.Start(task, **options))
        return m.TryClaims(started.instance_id, started.try_number)


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


# For a test of a store that is about the file, or about SQLite. A module has its own fixture `engine`.
sqlite_only = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    """What the store runs on; each test that uses a store runs on either."""
    return str(request.param)


@pytest.fixture
def make_client(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path, clock: MovedClock
) -> Iterator[Callable[..., Client]]:
    """Makes clients of one store, each over connections of its own and with its own policy."""
    stores: list[Any] = []
    url = request.getfixturevalue("postgres_store_url") if engine == "postgresql" else None

    def make(**policy: Any) -> Client:
        if url is None:
            stores.append(open_store(tmp_path / "state.db", Policy(**policy), clock))
        else:
            stores.append(PostgresStore(url, Policy(**policy), clock, connections=4))
        return Client(stores[-1])

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def fresh_store(engine: str, request: pytest.FixtureRequest) -> FreshStore:
    """Opens empty stores one after the other, for examples of one property; each is closed by its user."""
    url = request.getfixturevalue("postgres_store_url") if engine == "postgresql" else None

    def fresh(policy: Policy, clock: MovedClock) -> Any:
        if url is not None:
            empty(url)
            return PostgresStore(url, policy, clock, connections=1)
        folder = tempfile.TemporaryDirectory()
        store = open_store(Path(folder.name) / "state.db", policy, clock)
        weakref.finalize(store, folder.cleanup)
        return store

    return fresh


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client()
