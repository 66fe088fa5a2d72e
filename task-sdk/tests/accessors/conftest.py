"""A running try, and the two ways to call an accessor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from embedded_try import EmbeddedStore, EmbeddedTry, Store, StoreBehindServer
from served_store import ServedStore
from statekeep._shared.state.message import Message
from statekeep.accessors.text_values import encoded
from worker_backends import DRIVES, Drive

Call = Callable[..., Any]

# Those that any run asks a server, too; `--over-http` asks it all of them.
_SERVED_MODULES = ("test_task_state", "test_asset_state", "test_batch")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on the stores that there are."""
    if "store" in metafunc.fixturenames:
        is_all_served = metafunc.config.getoption("over_http", default=False)
        stores: list[Any] = [] if is_all_served else ["embedded"]
        if is_all_served or metafunc.module.__name__.endswith(_SERVED_MODULES):
            stores.append(pytest.param("served", marks=pytest.mark.slow))  # it starts a process
        metafunc.parametrize("store", stores, indirect=True)


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store: embedded, or behind a server."""
    store: Store
    if request.param == "served":
        served: ServedStore = request.getfixturevalue("served_store")
        store = StoreBehindServer(served.server)
    else:
        store = EmbeddedStore(tmp_path / "store.db")
    yield store
    store.close()


@pytest.fixture
def start_try(store: Store, tmp_path: Path) -> Iterator[Callable[[], EmbeddedTry]]:
    started: list[EmbeddedTry] = []

    def start() -> EmbeddedTry:
        started.append(EmbeddedTry(store, tmp_path / f"{len(started)}.sock"))
        return started[-1]

    yield start
    for a_try in started:
        a_try.peer.join()


@pytest.fixture
def running(start_try: Callable[[], EmbeddedTry]) -> EmbeddedTry:
    return start_try()


@pytest.fixture(params=["blocking", "async"])
def call(request: pytest.FixtureRequest) -> Iterator[Call]:
    """Call a method of an accessor by its blocking name, as the blocking method or as its twin."""
    if request.param == "blocking":
        yield lambda accessor, name, *given, **named: getattr(accessor, name)(*given, **named)
    else:
        with asyncio.Runner() as runner:
            yield lambda accessor, name, *given, **named: runner.run(
                getattr(accessor, "a" + name)(*given, **named)
            )


@pytest.fixture(params=DRIVES)
def drive(request: pytest.FixtureRequest) -> Drive:
    """Drive a flow to its end over a transport, in this thread or in an event loop; values come in bytes."""
    return lambda flow, transport: _in_bytes(DRIVES[request.param](flow, transport))


def _in_bytes(reply: Any) -> Any:
    """A reply as it would go on the wire: a value that was fetched is held as text until then."""
    if isinstance(reply, Message):
        made = type(reply)(*map(_in_bytes, reply))
        return encoded(made) if hasattr(reply, "value") else made
    return tuple(map(_in_bytes, reply)) if isinstance(reply, tuple) else reply
