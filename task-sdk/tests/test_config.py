import subprocess
import sys
from pathlib import Path

import pytest
from statekeep import config

NO_FILE = {"STATEKEEP_CONFIG": ""}


def test_without_any_source_the_embedded_store_is_used() -> None:
    settings = config.load(NO_FILE)
    assert settings.api.url == ""
    assert settings.workers.state_backend == ""
    assert settings.workers.read_backends == ()
    assert settings.workers.on_lease_lost == "stop"
    assert settings.workers.lease_seconds == 60.0
    assert settings.workers.stop_grace_seconds == 10.0


def test_one_variable_moves_a_worker_to_a_server() -> None:
    settings = config.load(NO_FILE | {"STATEKEEP__API__URL": "https://state.example.org"})
    assert settings.api.url == "https://state.example.org"


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
    assert tuple(type(section) for section in settings) == config.SECTIONS


LATE_IMPORTS = ("tomllib", "subprocess", "shlex", "difflib", "importlib.metadata", "urllib.parse", "pathlib")


def test_loading_the_defaults_imports_no_reader_of_files_and_no_runner_of_commands() -> None:
    code = (
        "import sys; before = set(sys.modules); "
        "from statekeep import config; config.load({'HOME': '/nonexistent'}); "
        f"print(sorted(set({LATE_IMPORTS!r}) & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
