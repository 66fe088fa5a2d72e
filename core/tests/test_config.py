import sys
from pathlib import Path
from typing import Any

import pytest
from statekeep import config as sdk_config
from statekeep.config import SettingsError
from statekeep_core import config

NO_FILE = {"STATEKEEP_CONFIG": "", "HOME": "/home/ada"}
URL = "STATEKEEP__DATABASE__URL"
EVERY_SECTION: tuple[Any, ...] = (*sdk_config.SECTIONS, *config.SECTIONS)  # of two vendored copies


def test_without_any_source_the_design_holds() -> None:
    kept = config.load(NO_FILE).state_store
    assert kept.default_retention_days == 30
    assert kept.abandoned_days == 365
    assert kept.asset_history_versions == 20
    assert kept.max_value_bytes == 65_536
    assert kept.clear_on_success is False
    assert kept.orphan_grace_days == 30


def test_the_store_lies_in_the_users_data_directory() -> None:
    place = ".local/share" if sys.platform == "linux" else "Library/Application Support"
    url = config.load(NO_FILE).database.url
    assert url == f"sqlite:////home/ada/{place}/statekeep/state.db"
    assert config.sqlite_path(url) == f"/home/ada/{place}/statekeep/state.db"


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("sqlite:////srv/state.db", "/srv/state.db"),
        ("/srv/state.db", "/srv/state.db"),
        ("~/state.db", "/home/ada/state.db"),
        ("sqlite:///~/state.db", "/home/ada/state.db"),
    ],
)
def test_the_store_may_be_a_url_or_a_path(given: str, path: str) -> None:
    assert config.load(NO_FILE | {URL: given}).database.url == f"sqlite:///{path}"


@pytest.mark.parametrize(
    "given", ["", "state.db", "./state.db", "sqlite:///state.db", ":memory:", "/srv/", "mysql://h/d"]
)
def test_a_store_that_would_change_with_the_directory_is_refused(given: str) -> None:
    with pytest.raises(SettingsError, match=r"\[database\] url .*expected an absolute path"):
        config.load(NO_FILE | {URL: given})


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (
            "postgresql://keeper:p%40ss@db.internal:5432/state",
            "postgresql://keeper:p%40ss@db.internal:5432/state",
        ),
        ("postgres://a,b/state?sslmode=verify-full", "postgresql://a,b/state?sslmode=verify-full"),
        ("postgresql:///state?host=/run/postgresql", "postgresql:///state?host=/run/postgresql"),
    ],
)
def test_the_store_may_be_a_database_of_postgresql(given: str, url: str) -> None:
    loaded = config.load(NO_FILE | {URL: given}).database.url
    assert loaded == url
    assert config.is_postgresql(loaded)


@pytest.mark.parametrize(
    "given", ["postgresql://h", "postgresql://h/", "postgresql://u:50%@h/d", "postgresql:d"]
)
def test_a_url_that_names_no_database_is_refused_without_being_shown(given: str) -> None:
    with pytest.raises(SettingsError, match="postgresql://user@host/database") as refused:
        config.load(NO_FILE | {URL: given})
    assert "50%" not in str(refused.value)


def test_the_password_of_a_database_may_come_from_a_file_and_is_never_listed(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://keeper:hunter2@db/state?password=hunter3\n")
    environ = NO_FILE | {f"{URL}_FILE": str(secret)}
    assert "hunter2" in config.load(environ).database.url
    [shown] = [row[1] for row in config.rows(environ, {}) if row[0] == "[database] url"]
    assert shown == "postgresql://keeper:***@db/state?***"


def test_a_section_that_neither_distribution_has_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "statekeep.toml"
    file.write_text("[workers]\nlease_seconds = 5\n\n[state_stor]\nmax_value_bytes = 1\n")
    with pytest.raises(SettingsError) as refused:
        config.load({"STATEKEEP_CONFIG": str(file), "HOME": "/home/ada"})
    (fault,) = refused.value.faults
    assert fault.problem == "there is no such section; did you mean [state_store]?"


def test_the_sdk_reports_the_stores_faults_together_with_its_own() -> None:
    environ = NO_FILE | {
        "STATEKEEP__WORKERS__LEASE_SECONDS": "0",
        "STATEKEEP__STATE_STORE__MAX_VALUE_BYTES": "0",
    }
    with pytest.raises(SettingsError, match="2 settings are wrong"):
        sdk_config.load(environ)


def test_the_sdk_lists_the_stores_options_after_its_own_with_a_password_masked() -> None:
    listed = sdk_config.settings_rows(NO_FILE | {"STATEKEEP__STATE_STORE__CLEAR_ON_SUCCESS": "yes"})
    names = [row.option for row in listed]
    assert names == [o.label for s in EVERY_SECTION for o in s.options]
    row = next(row for row in listed if row.option == "[state_store] clear_on_success")
    assert (row.value, row.source) == (
        "true",
        "environment variable STATEKEEP__STATE_STORE__CLEAR_ON_SUCCESS",
    )


def test_no_section_of_the_store_is_taken_for_a_misspelling_by_the_sdk_alone() -> None:
    given = {f"STATEKEEP__{section.section}__X".upper(): "1" for section in config.SECTIONS}
    assert sdk_config.load(NO_FILE | given).workers.state_backend == ""


def test_every_example_is_a_value_that_its_option_takes() -> None:
    for section in config.SECTIONS:
        for option in section.options:
            assert option.kind.check(option.example, NO_FILE) == option.example
