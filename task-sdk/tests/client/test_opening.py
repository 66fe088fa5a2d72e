"""The way to the store is the one that the settings name."""

from __future__ import annotations

from pathlib import Path

from statekeep import config
from statekeep.client.embedded import EmbeddedClient
from statekeep.client.http import HttpClient
from statekeep.client.opening import lock_directory, open_client, open_client_apart

SERVER = {"api.url": "https://a.example.org, https://b.example.org/state/", "api.credential": "secret"}


def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "STATEKEEP_CONFIG": "",
        "STATEKEEP__DATABASE__URL": str(tmp_path / "state.db"),
        "XDG_DATA_HOME": str(tmp_path),
        "HOME": str(tmp_path),
    }


def test_a_server_is_asked_when_there_is_one_and_nothing_is_made_here(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    for opened in (open_client, open_client_apart):
        client = opened(config.load(environ, SERVER), environ)
        assert isinstance(client, HttpClient)
        client.close()
    assert list(tmp_path.iterdir()) == []


def test_without_a_server_the_store_is_embedded(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    client = open_client(config.load(environ), environ)
    assert isinstance(client, EmbeddedClient)
    client.close()


def test_each_store_has_its_locks_beside_it(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    assert lock_directory(config.load(environ), environ) == tmp_path / "state.db.locks"


def test_the_locks_of_a_served_store_are_among_the_users_data_whatever_the_order_of_its_servers(
    tmp_path: Path,
) -> None:
    environ = environment(tmp_path)
    turned = {"api.url": "https://b.example.org/state,https://a.example.org"}
    places = {lock_directory(config.load(environ, given), environ) for given in (SERVER, turned)}
    assert len(places) == 1
    assert places.pop().is_relative_to(tmp_path)
