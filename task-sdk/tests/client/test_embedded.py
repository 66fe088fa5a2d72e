"""The client of an embedded store: order, grouping, errors of the other copy."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from statekeep._shared.state import messages as m
from statekeep._shared.state.errors import InternalFaultError, StoreUnusableError, TryRunningError
from statekeep._shared.state.wire import Plain, to_plain
from statekeep.client.embedded import EmbeddedClient, open_embedded, store_path
from statekeep.client.store_client import call

TASK = m.TaskAddress("etl", "2026-01-01", "load")
WORKER = m.WorkerClaims("tests")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"STATEKEEP_CONFIG": "", "STATEKEEP__DATABASE__URL": str(tmp_path / "store" / "state.db")}


@pytest.fixture
def client(environ: dict[str, str]) -> Iterator[EmbeddedClient]:
    client = open_embedded(environ)
    yield client
    client.close()


def test_the_path_is_known_before_the_store_is_made(environ: dict[str, str], tmp_path: Path) -> None:
    assert store_path(environ) == tmp_path / "store" / "state.db"
    assert not (tmp_path / "store").exists()


def test_asking_starts_no_thread_as_long_as_nothing_was_submitted(client: EmbeddedClient) -> None:
    before = threading.active_count()
    assert call(client, WORKER, m.Start(TASK)).try_number == 1
    assert threading.active_count() == before


def test_what_was_submitted_takes_effect_in_order(client: EmbeddedClient) -> None:
    started = call(client, WORKER, m.Start(TASK))
    claims = m.TryClaims(started.instance_id, started.try_number)
    for number in range(100):
        client.submit(
            to_plain(claims), to_plain(m.Set("k", b"%d" % number)), "", on_reply=lambda _reply: None
        )
    assert call(client, claims, m.Get("k")).value == b"99"


def test_what_was_submitted_is_answered_before_the_client_is_closed(environ: dict[str, str]) -> None:
    client = open_embedded(environ)
    started = call(client, WORKER, m.Start(TASK))
    claims = to_plain(m.TryClaims(started.instance_id, started.try_number))
    replies: list[Plain] = []
    for _ in range(300):
        client.submit(claims, to_plain(m.Increment("n", b"1")), "", on_reply=replies.append)
    client.close()
    assert [reply["kind"] for reply in replies] == ["Entry"] * 300


def test_a_refusal_is_raised_as_this_copys_own_class(client: EmbeddedClient) -> None:
    call(client, WORKER, m.Start(TASK))
    with pytest.raises(TryRunningError) as refused:
        call(client, WORKER, m.Start(TASK))
    assert refused.value.facts["try_number"] == 1


def test_a_store_that_cannot_be_opened_is_this_copys_own_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnusableError):
        open_embedded({"STATEKEEP_CONFIG": "", "STATEKEEP__DATABASE__URL": str(tmp_path / "file" / "s.db")})


class BrokenStore:
    """A store with a fault of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def handle_group(self, calls: Sequence[tuple[Plain, str, Plain]]) -> list[Plain]:
        raise ZeroDivisionError

    def close(self) -> None:
        pass


def test_a_fault_in_the_store_is_an_answer_and_leaves_nobody_waiting(tmp_path: Path) -> None:
    client = EmbeddedClient(BrokenStore(tmp_path))
    client.submit({}, {}, "", on_reply=lambda _reply: None)
    with pytest.raises(InternalFaultError, match="ZeroDivisionError"):
        call(client, WORKER, m.Start(TASK))
    client.close()
