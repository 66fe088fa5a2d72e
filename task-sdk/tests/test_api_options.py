"""The options of the way to a server."""

from __future__ import annotations

import pytest
from statekeep import config
from statekeep.api_options import ServerUrls

NO_FILE = {"STATEKEEP_CONFIG": "", "HOME": "/nowhere"}


@pytest.mark.parametrize(
    ("given", "urls"),
    [
        ("", ()),
        ("https://a.example.org/", ("https://a.example.org",)),
        ("http://a:1, https://b/state", ("http://a:1", "https://b/state")),
        (["http://a:1", "http://b"], ("http://a:1", "http://b")),
    ],
)
def test_one_server_or_several_of_one_store(given: object, urls: tuple[str, ...]) -> None:
    assert ServerUrls().check(given, {}) == urls


@pytest.mark.parametrize(
    "given", ["ftp://a", "http://a,,http://b", "http://a,", 7, [7], ["http://a b"], "http://me:secret@a"]
)
def test_what_is_no_server_is_refused(given: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- a kind's refusal has no words of its own
        ServerUrls().check(given, {})


def test_no_listing_shows_the_credential() -> None:
    environ = NO_FILE | {"STATEKEEP__API__CREDENTIAL": "hunter2"}
    rows = "".join(f"{row.option} {row.value}\n" for row in config.settings_rows(environ))
    assert "hunter2" not in rows
    assert "hunter2" not in repr(config.load(environ).api)


def test_a_task_gets_neither_the_credential_nor_where_it_is_found() -> None:
    worker = NO_FILE | {
        "STATEKEEP__API__URL": "https://a.example.org",
        "STATEKEEP__API__CREDENTIAL": "statekeep_secret",
        "STATEKEEP__API__CREDENTIAL_FILE": "/run/secrets/credential",
        "STATEKEEP__API__CREDENTIAL_CMD": "vault read credential",
    }
    assert config.task_environment(worker) == NO_FILE | {"STATEKEEP__API__URL": "https://a.example.org"}
