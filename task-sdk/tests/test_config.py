import subprocess
import sys
from pathlib import Path

import pytest
from statekeep import config
from statekeep.backend_options import Encryption

NO_FILE = {"STATEKEEP_CONFIG": ""}


def test_without_any_source_the_embedded_store_is_used() -> None:
    settings = config.load(NO_FILE)
    assert settings.api.url == ()
    assert settings.workers.state_backend == ""
    assert settings.workers.read_backends == ()
    assert settings.workers.on_lease_lost == "stop"
    assert settings.workers.lease_seconds == 60.0
    assert settings.workers.stop_grace_seconds == 10.0


def test_one_variable_moves_a_worker_to_a_server() -> None:
    settings = config.load(NO_FILE | {"STATEKEEP__API__URL": "https://state.example.org"})
    assert settings.api.url == ("https://state.example.org",)


def test_the_file_is_the_one_that_the_environment_leads_to(tmp_path: Path) -> None:
    file = tmp_path / "statekeep" / "statekeep.toml"
    file.parent.mkdir()
    file.write_text("[workers]\nlease_seconds = 5\n")
    assert config.load({"STATEKEEP_CONFIG": str(file)}).workers.lease_seconds == 5.0
    if sys.platform == "linux":
        assert config.load({"XDG_CONFIG_HOME": str(tmp_path)}).workers.lease_seconds == 5.0


def test_a_file_in_the_current_directory_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "statekeep.toml").write_text("[workers]\nlease_seconds = 5\n")
    monkeypatch.chdir(tmp_path)
    assert config.load({"HOME": "/nonexistent"}).workers.lease_seconds == 60.0


def test_the_stores_options_in_the_same_file_are_not_the_sdks_affair(tmp_path: Path) -> None:
    file = tmp_path / "statekeep.toml"
    file.write_text("[state_store]\nno_such_option = 1\n\n[of_a_later_version]\nx = 1\n")
    assert config.load({"STATEKEEP_CONFIG": str(file)}).workers.lease_seconds == 60.0


def test_a_lease_of_nothing_is_refused() -> None:
    with pytest.raises(config.SettingsError, match="from 1 to 86,400, got '0'"):
        config.load(NO_FILE, {"workers.lease_seconds": "0"})


def test_every_section_has_a_place_in_the_settings() -> None:
    settings = config.load(NO_FILE)
    assert tuple(type(section) for section in settings) == config.ALWAYS_LOADED


def test_a_misspelt_option_of_a_backend_is_a_fault_where_no_backend_is_made() -> None:
    given = {"STATEKEEP__OBJECT_STORE__URLL": "s3://b", "STATEKEEP_ENCRYPTION_KEYS": "k1:..."}
    with pytest.raises(config.SettingsError) as refused:
        config.load(NO_FILE | given)
    assert [fault.problem for fault in refused.value.faults] == [
        "there is no such option; did you mean url?",
        "is not read; did you mean STATEKEEP__ENCRYPTION__KEYS?",
    ]


def test_no_command_for_a_secret_of_a_backend_is_run_until_the_backend_is_made(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    given = NO_FILE | {"STATEKEEP__ENCRYPTION__KEYS_CMD": f"touch {ran}", "PATH": "/usr/bin:/bin"}
    config.load(given)
    assert not ran.exists()
    with pytest.raises(config.SettingsError, match="a secret that is not empty"):
        config.load_section(Encryption, given)
    assert ran.exists()


def test_the_list_shows_the_options_of_the_backends_and_no_secret() -> None:
    given = {
        "STATEKEEP__OBJECT_STORE__SECRET_ACCESS_KEY": "hush",
        "STATEKEEP__OBJECT_STORE__CLIENT_OPTIONS": "a=hush",
    }
    listed = {row.option: row.value for row in config.settings_rows(NO_FILE | given)}
    assert listed["[object_store] secret_access_key"] == listed["[object_store] client_options"] == "***"
    assert listed["[object_store] threshold_bytes"] == "16384"
    assert listed["[encryption] wrapped"] == "statekeep.backends.ObjectStoreBackend"
    assert "hush" not in str(listed)


LATE_IMPORTS = ("tomllib", "subprocess", "shlex", "difflib", "importlib.metadata", "urllib.parse", "pathlib")


def test_loading_the_defaults_imports_no_reader_of_files_and_no_runner_of_commands() -> None:
    code = (
        "import sys; before = set(sys.modules); "
        "from statekeep import config; config.load({'HOME': '/nonexistent'}); "
        f"print(sorted(set({LATE_IMPORTS!r}) & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_place_of_objects_that_is_refused_for_its_password_is_not_listed_with_it() -> None:
    refused = "s3://me:s3cret@bucket/p?sig=s3cret"
    names = ("URL", "READ_URLS", "ENDPOINT")
    environ = {"STATEKEEP_CONFIG": ""} | {
        f"STATEKEEP__OBJECT_STORE__{name}": refused.replace("s3:", "https:") for name in names
    }
    listed = [row.value for row in config.settings_rows(environ, {}) if "[object_store]" in row.option]
    assert listed.count("https://me:***@bucket/p?***") == len(names)
