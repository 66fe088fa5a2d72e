"""An address is had before it is listened on, by one server; its workers share it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

import pytest
from statekeep_core import config
from statekeep_core._shared.state.errors import StoreUnusableError
from statekeep_core.server import listening
from statekeep_core.server_options import Server


def options(**given: str) -> Server:
    """Return the settings of a server at any port that is free."""
    given = {"host": "127.0.0.1", "port": "0"} | given
    environ = {f"STATEKEEP__SERVER__{name.upper()}": text for name, text in given.items()}
    return config.load({"STATEKEEP_CONFIG": "", **environ}).server


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def test_nobody_is_kept_waiting_at_an_address_that_is_only_had() -> None:
    with listening.bound(options()) as listener:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(listener.getsockname())
        listener.listen()
        socket.create_connection(listener.getsockname()).close()


@pytest.mark.parametrize("had", [listening.bound, listening.reserved])
def test_an_address_has_one_server(
    had: Callable[[Server], socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "_LEAVING_SECONDS", 0.0)
    with had(options()) as listener:
        listener.listen()
        taken = options(port=str(port_of(listener)))
        for another in (listening.bound, listening.reserved):
            with pytest.raises(StoreUnusableError, match=f"127.0.0.1:{taken.port} cannot be used"):
                another(taken)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the second one is not even reserved")
@pytest.mark.parametrize("had", [listening.bound, listening.reserved])
def test_an_address_has_one_server_also_while_nobody_listens_there_yet(
    had: Callable[[Server], socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "_LEAVING_SECONDS", 0.0)
    with had(options()) as first, listening.mark_of(options(), first):
        taken = options(port=str(port_of(first)))
        for another in (listening.bound, listening.reserved):
            with (
                another(taken) as second,
                pytest.raises(StoreUnusableError, match=f"127.0.0.1:{taken.port} cannot be used"),
            ):
                listening.mark_of(taken, second)
    with had(taken) as next_one:
        listening.mark_of(taken, next_one).close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the second one is not even bound")
def test_who_has_waited_for_an_address_does_not_get_it_when_the_other_listens_by_then() -> None:
    with listening.bound(options()) as first:
        taken = options(port=str(port_of(first)))
        with listening.bound(taken) as second:
            first.listen()
            with pytest.raises(StoreUnusableError, match=f"127.0.0.1:{taken.port} cannot be used"):
                listening.mark_of(taken, second)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the workers have one socket")
def test_workers_have_sockets_of_their_own_at_one_address_and_one_that_is_closed_takes_nobody_along() -> None:
    with listening.reserved(options()) as address:
        workers = [listening.of_worker(options(), address) for _ in range(2)]
        assert {port_of(worker) for worker in workers} == {port_of(address)}
        for worker in workers:
            worker.listen()
        workers[0].close()
        workers[1].settimeout(60)
        for _ in range(20):
            with socket.create_connection(address.getsockname()):
                workers[1].accept()[0].close()
        workers[1].close()


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://127.0.0.1:"),
        ({"tls_certificate": "/etc/server.pem"}, "https://127.0.0.1:"),
        ({"host": "::1"}, "http://[::1]:"),
    ],
)
def test_a_url_is_one_that_a_client_can_use(given: dict[str, str], url: str) -> None:
    try:
        listener = listening.bound(options(**given))
    except StoreUnusableError:
        if "host" not in given:
            raise
        pytest.skip("this machine has no IPv6")
    with listener:
        assert listening.url_of(options(**given), listener) == f"{url}{port_of(listener)}"
