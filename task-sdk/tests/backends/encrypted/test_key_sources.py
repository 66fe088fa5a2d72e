"""Key files that others can read are refused; commands and variables say what is wrong, and nothing else."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from backends.master_keys import written
from statekeep.backends.encrypted.key_sources import (
    command_text,
    file_text,
    permission_refusal,
    variable_text,
)
from statekeep.errors import StoreUnusableError

ME, ROOT, SOMEBODY = 1000, 0, 1001
ENVIRON = {"PATH": "/usr/bin:/bin"}


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "keys"
    file.write_text(written("k1"))
    file.chmod(0o600)
    return file


@pytest.mark.parametrize(
    ("mode", "owner", "user"),
    [(0o600, ME, ME), (0o400, ME, ME), (0o400, ROOT, ROOT), (0o440, ROOT, ME), (0o640, ROOT, ME)],
)
def test_a_file_that_only_its_reader_can_read_is_accepted(mode: int, owner: int, user: int) -> None:
    assert permission_refusal(0o100000 | mode, owner, user) is None


@pytest.mark.parametrize(
    ("mode", "owner", "user"),
    [
        (0o640, ME, ME),
        (0o604, ME, ME),
        (0o620, ME, ME),
        (0o601, ME, ME),
        (0o440, ROOT, ROOT),
        (0o444, ROOT, ME),
        (0o660, ROOT, ME),
        (0o641, ROOT, ME),
        (0o600, SOMEBODY, ME),
        (0o600, SOMEBODY, ROOT),
    ],
)
def test_a_file_that_others_can_read_or_replace_is_refused(mode: int, owner: int, user: int) -> None:
    assert permission_refusal(0o100000 | mode, owner, user) is not None


def test_the_mode_of_the_real_file_counts_and_is_told_with_the_remedy(key_file: Path) -> None:
    assert file_text(str(key_file)) == written("k1")
    key_file.chmod(0o644)
    with pytest.raises(StoreUnusableError, match=r"its mode is 0644, .* chmod it to 0600"):
        file_text(str(key_file))


def test_a_link_counts_as_what_it_leads_to(key_file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(key_file)
    assert file_text(str(link)) == written("k1")
    key_file.chmod(0o640)
    with pytest.raises(StoreUnusableError, match="0640"):
        file_text(str(link))


def test_what_is_no_file_of_keys_is_refused_at_once(key_file: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)  # opening it for reading would wait for ever
    key_file.with_name("long").write_bytes(b"#" * 65_537)
    key_file.with_name("binary").write_bytes(b"\xff\xfe")
    for name in ("long", "binary"):
        key_file.with_name(name).chmod(0o600)
    for name, problem in {
        "absent": "No such file",
        "": "no regular file",
        "fifo": "no regular file",
        "long": "longer than 65,536 bytes",
        "binary": "not UTF-8",
    }.items():
        with pytest.raises(StoreUnusableError, match=problem):
            file_text(str(tmp_path / name))


def test_a_command_says_how_it_failed_and_neither_itself_nor_its_output_is_shown(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    commands = {
        "sh -c 'echo hunter2; echo hunter2 >&2; exit 3'": "status 3",
        "/no/such/hunter2": "cannot be run",
        "sh -c 'hunter2": "cannot be run",
        "": "cannot be run",
    }
    for command, problem in commands.items():
        with pytest.raises(StoreUnusableError, match=problem) as caught:
            command_text(command, ENVIRON)
        said = [f"{caught.value} {caught.value.facts}", *capfd.readouterr(), caplog.text]
        assert "hunter2" not in "".join(said)


def test_what_a_command_prints_is_given_and_logged_nowhere(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    assert command_text("echo k1:hunter2", ENVIRON) == "k1:hunter2"
    assert "hunter2" not in "".join([*capfd.readouterr(), caplog.text])


def test_a_command_sees_the_environment_that_is_given_and_no_shell() -> None:
    assert command_text("sh -c 'echo $KEYS'", {**ENVIRON, "KEYS": "k1:x"}) == "k1:x"
    assert command_text("echo $KEYS; true", {**ENVIRON, "KEYS": "k1:x"}) == "$KEYS; true"


def test_a_variable_that_is_not_set_or_empty_is_named() -> None:
    for environ in ({}, {"KEYS": ""}):
        with pytest.raises(StoreUnusableError, match=r"environment variable KEYS .* it is not set"):
            variable_text("KEYS", environ)
