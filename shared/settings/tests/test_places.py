import pwd

import pytest
from statekeep_shared.settings import config_file, data_directory


def test_the_file_lies_in_the_users_configuration_directory() -> None:
    environ = {"HOME": "/home/ada"}
    assert config_file(environ, "linux") == "/home/ada/.config/statekeep/statekeep.toml"
    assert config_file(environ, "darwin") == "/home/ada/Library/Application Support/statekeep/statekeep.toml"


def test_the_data_lies_in_the_users_data_directory() -> None:
    environ = {"HOME": "/home/ada"}
    assert data_directory(environ, "linux") == "/home/ada/.local/share/statekeep"
    assert data_directory(environ, "darwin") == "/home/ada/Library/Application Support/statekeep"


def test_the_xdg_variables_move_them() -> None:
    environ = {"HOME": "/home/ada", "XDG_CONFIG_HOME": "/c/", "XDG_DATA_HOME": "/d"}
    assert config_file(environ, "linux") == "/c/statekeep/statekeep.toml"
    assert data_directory(environ, "linux") == "/d/statekeep"


def test_a_relative_xdg_directory_is_ignored() -> None:
    assert (
        data_directory({"HOME": "/home/ada", "XDG_DATA_HOME": "d"}, "linux")
        == "/home/ada/.local/share/statekeep"
    )


def test_a_variable_names_the_file_and_nothing_means_no_file() -> None:
    assert config_file({"HOME": "/home/ada", "STATEKEEP_CONFIG": "/etc/s.toml"}) == "/etc/s.toml"
    assert config_file({"HOME": "/home/ada", "STATEKEEP_CONFIG": ""}) is None


def test_without_home_the_password_database_knows_the_directory() -> None:
    import os

    home = pwd.getpwuid(os.getuid()).pw_dir
    assert data_directory({}, "linux") == f"{home}/.local/share/statekeep"


def test_without_any_home_there_is_no_file_and_no_data_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)  # a container's user that no database lists
    assert config_file({}, "linux") is None
    with pytest.raises(ValueError, match="set HOME"):
        data_directory({}, "linux")
