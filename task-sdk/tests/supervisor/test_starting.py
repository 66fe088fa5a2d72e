"""What a start tells a store that sees no locks, and what it leaves in the lock's file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from statekeep._shared.state import messages as m
from statekeep._shared.state import wire
from statekeep._shared.state.errors import (
    AlreadySucceededError,
    ForbiddenError,
    InvalidRequestError,
    StatekeepError,
    TryRunningError,
    UnavailableError,
)
from statekeep.supervisor.job import Job
from statekeep.supervisor.leftovers import Trace, decoded
from statekeep.supervisor.starting import Starter, lock_path

TASK = m.TaskAddress("etl", "2026-01-01", "load")
STARTED = m.Started(7, "ti", 2, 60.0)

Server = Callable[[wire.Plain], m.Started]


class Client:
    """A store client whose server is a function of the plain request, as it goes out over HTTP."""

    def __init__(self, server: Server) -> None:
        self.asked: list[wire.Plain] = []
        self._server = server

    def ask(self, _claims: wire.Plain, request: wire.Plain, _request_id: str) -> wire.Plain:
        request = wire.without_defaults(request)
        self.asked.append(request)
        try:
            return wire.to_plain(self._server(request))
        except StatekeepError as error:
            return wire.to_plain(wire.refusal_of(error))

    def submit(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass


def refusing(error: StatekeepError) -> Server:
    def refuse(_: wire.Plain) -> m.Started:
        raise error

    return refuse


def starts(_: wire.Plain) -> m.Started:
    return STARTED


def of_an_earlier_release(request: wire.Plain) -> m.Started:
    for name in ("holder", "holds_lock_of"):
        if name in request:
            raise InvalidRequestError(what="Start", problem=f"has a field {name!r}", remedy="leave it out")
    return STARTED


class Place:
    """One machine's lock, and the clients of the starts that took it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = lock_path(folder, TASK)

    def start(self, server: Server, **options: Any) -> tuple[Starter, Client]:
        """Start a try; whatever comes of it, the starter is open yet."""
        client = Client(server)
        starter = Starter(
            Job(TASK, ("true",)), self.path, lambda: client, lease_seconds=60, sees_locks=False, **options
        )
        with contextlib.suppress(StatekeepError):
            starter.start(pause=lambda _: None, is_stopped=lambda: True)
        return starter, client

    def secrets(self) -> tuple[str, ...]:
        trace = decoded(self.path.read_bytes())
        assert trace is not None
        return trace.secrets

    def left_by_the_dead(self) -> str:
        """Leave the file as a killed supervisor does, whose try runs; return its secret."""
        starter, client = self.start(starts)
        starter.release_lock()  # as the guardian's end does, without the knowledge of the try's
        return str(client.asked[0]["holder"])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_start_sends_the_secret_that_stands_in_the_file_already(place: Place) -> None:
    def look(request: wire.Plain) -> m.Started:
        assert place.secrets() == (request["holder"],)
        return STARTED

    starter, client = place.start(look)
    assert len(client.asked[0]["holder"]) == 32
    assert "holds_lock_of" not in client.asked[0]
    assert place.secrets() == (client.asked[0]["holder"],)
    starter.settle()
    starter.close()
    assert list(place.folder.iterdir()) == []


def test_two_supervisors_have_two_secrets(tmp_path: Path) -> None:
    drawn = [Place(tmp_path / name).left_by_the_dead() for name in "ab"]
    assert len(set(drawn)) == 2


def test_what_a_dead_supervisor_left_is_sent_and_forgotten_once_a_try_has_begun(place: Place) -> None:
    secret = place.left_by_the_dead()
    starter, client = place.start(starts)
    assert client.asked[0]["holds_lock_of"] == [secret]
    assert starter.lock is not None
    starter.lock.note(1, "/tmp/x")
    assert place.secrets() == (client.asked[0]["holder"],)
    starter.settle()
    starter.close()
    assert not place.path.exists()


def test_a_start_that_is_refused_leaves_what_it_found(place: Place) -> None:
    secret = place.left_by_the_dead()
    starter, _ = place.start(refusing(ForbiddenError(what="Start", problem="the credential is revoked")))
    starter.close()
    assert secret in place.secrets()


@pytest.mark.parametrize(
    "refusal",
    [
        TryRunningError(task="t", try_number=1, lease_seconds=60.0, holder="elsewhere:1"),
        AlreadySucceededError(task="t", try_number=2, finished_at=""),
    ],
)
def test_what_the_server_knows_to_be_no_running_trys_is_forgotten(
    place: Place, refusal: StatekeepError
) -> None:
    place.left_by_the_dead()
    starter, _ = place.start(refusing(refusal))
    starter.close()
    assert not place.path.exists()


def test_a_start_whose_outcome_is_unknown_leaves_its_own_secret_beside(place: Place) -> None:
    first = place.left_by_the_dead()
    error = UnavailableError(what="the server", problem="no answer")
    error.is_first_answer = False
    starter, client = place.start(refusing(error))
    starter.close()
    assert place.secrets() == (client.asked[0]["holder"], first)
    starter, client = place.start(refusing(UnavailableError(what="the server", problem="refused")))
    assert len(client.asked[0]["holds_lock_of"]) == 2
    starter.close()


def test_however_many_die_the_oldest_secret_stays_and_the_list_is_short(place: Place) -> None:
    oldest = place.left_by_the_dead()
    error = UnavailableError(what="the server", problem="no answer")
    error.is_first_answer = False
    for _ in range(20):
        starter, client = place.start(refusing(error))
        starter.close()
    sent = client.asked[0]["holds_lock_of"]
    assert (len(sent), sent[-1]) == (16, oldest)


def test_a_server_of_an_earlier_release_is_asked_without_the_new_fields(place: Place) -> None:
    starter, client = place.start(of_an_earlier_release)
    assert [sorted({"holder", "holds_lock_of"} & set(request)) for request in client.asked] == [
        ["holder"],
        [],
    ]
    starter.start_again()
    assert "holder" not in client.asked[-1]
    starter.close()
    assert not place.path.exists(), "it would prove nothing there"


def test_a_request_that_is_wrong_in_itself_is_refused_as_before(place: Place) -> None:
    wrong = InvalidRequestError(what="lease", problem="is too long", remedy="ask for less")
    starter, client = place.start(refusing(wrong))
    assert len(client.asked) == 2
    starter.close()
    assert not place.path.exists()


def test_a_store_that_sees_locks_is_told_no_secret(place: Place) -> None:
    client = Client(starts)
    starter = Starter(Job(TASK, ("true",)), place.path, lambda: client, lease_seconds=60)
    starter.start(pause=lambda _: None, is_stopped=lambda: True)
    assert {"holder", "holds_lock_of"} & set(client.asked[0]) == set()
    assert place.secrets() == ()
    starter.close()
    assert not place.path.exists()


def test_what_was_copied_from_another_file_is_not_believed(place: Place) -> None:
    place.left_by_the_dead()
    place.path.with_suffix(".copy").write_bytes(place.path.read_bytes())
    place.path.with_suffix(".copy").replace(place.path)
    starter, client = place.start(starts)
    assert "holds_lock_of" not in client.asked[0]
    starter.close()


def test_a_trace_is_read_as_it_was_written() -> None:
    for trace in (Trace(7), Trace(7, 8, "/tmp/a b"), Trace(7, 8, "/t", "boot 5", ("0" * 32, "f" * 32))):
        assert decoded(trace.encoded()) == trace
    assert decoded(b"7 8 /t\nboot 5 short\n") is None
