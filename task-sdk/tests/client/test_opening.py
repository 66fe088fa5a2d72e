"""The way to the store is the one that the settings name, or a refusal in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from statekeep import config
from statekeep.client.opening import lock_directory, open_client
from statekeep.errors import UnsupportedError


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("api.url", "https://state.example.org", r"unset \[api\] url"),
    ],
)
def test_what_this_release_cannot_do_is_said_and_not_ignored(
    tmp_path: Path, option: str, value: str, said: str
) -> None:
    environ = {"STATEKEEP_CONFIG": "", "STATEKEEP__DATABASE__URL": str(tmp_path / "state.db")}
    settings = config.load(environ, {option: value})
    for opened in (open_client, lock_directory):
        with pytest.raises(UnsupportedError, match=said):
            opened(settings, environ)
    assert list(tmp_path.iterdir()) == []


def test_each_store_has_its_locks_beside_it(tmp_path: Path) -> None:
    environ = {"STATEKEEP_CONFIG": "", "STATEKEEP__DATABASE__URL": str(tmp_path / "state.db")}
    assert lock_directory(config.load(environ), environ) == tmp_path / "state.db.locks"
