"""A real store in a temporary file, under a clock that the test moves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state import wire
from statekeep_core.embedded import EmbeddedStore, open_store
from statekeep_core.metastore.clock import Instant
from statekeep_core.policy import Policy

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

    def __init__(self, store: EmbeddedStore) -> None:
        self.store = store

    def ask(self, claims: m.Claims, request: Any, request_id: str = "") -> Any:
        [reply] = self.ask_together((claims, request, request_id))
        return wire.raise_if_refused(reply)

    def ask_together(self, *calls: Any) -> list[Any]:
        plain = [
            (wire.to_plain(who), "".join(request_id), wire.to_plain(asked))
            for who, asked, *request_id in calls
        ]
        return [wire.from_plain(reply) for reply in self.store.handle_group(plain)]

    def start(self, task: m.TaskAddress = TASK, **options: Any) -> m.TryClaims:
        started = self.ask(WORKER, m.Start(task, **options))
        return m.TryClaims(started.instance_id, started.try_number)


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def make_client(tmp_path: Path, clock: MovedClock) -> Iterator[Callable[..., Client]]:
    """Makes clients of one store file, each over a connection of its own and with its own policy."""
    stores: list[EmbeddedStore] = []

    def make(**policy: Any) -> Client:
        stores.append(open_store(tmp_path / "state.db", Policy(**policy), clock))
        return Client(stores[-1])

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client()
