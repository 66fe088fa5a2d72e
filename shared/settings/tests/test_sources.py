import sys
from pathlib import Path

import pytest
from statekeep_shared.settings import Option, Secret, Section, String, examine
from statekeep_shared.settings.examining import Examined


class Door(Section, section="door"):
    """A door."""

    key = Option(Secret(), default="", example="k", description="Its key.", added="0.1.0", sensitive=True)
    sign = Option(String(), default="", example="s", description="What stands on it.", added="0.1.0")


KEY = "STATEKEEP__DOOR__KEY"


def examined(environ: dict[str, str], path: str | None = None) -> Examined:
    return examine((Door,), environ=environ, overrides={}, path=path, others=None)


def problem(environ: dict[str, str], path: str | None = None) -> str:
    (fault,) = examined(environ, path).faults
    return str(fault)


def test_a_file_that_was_not_asked_for_may_be_missing(tmp_path: Path) -> None:
    assert examined({}, str(tmp_path / "absent.toml")).faults == ()


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.toml")
    assert "there is no such file" in problem({"STATEKEEP_CONFIG": absent}, absent)


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    assert "cannot be read: Is a directory" in problem({}, str(tmp_path))


@pytest.mark.parametrize("content", [b"[door\n", b"\xff"])
def test_a_file_that_is_not_toml_is_a_fault(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "statekeep.toml"
    file.write_bytes(content)
    assert "is not TOML" in problem({}, str(file))


def test_an_option_outside_any_section_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "statekeep.toml"
    file.write_text('sign = "open"\n')
    assert "sign" in problem({}, str(file))
    assert "stands outside any [section]" in problem({}, str(file))


def test_a_secret_may_lie_in_a_file_that_a_variable_names(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("s3cret\n")
    door = examined({f"{KEY}_FILE": str(secret)}).section(Door)
    assert door.key == "s3cret"
    assert door.sources["key"] == f"environment variable {KEY}_FILE"


def test_a_secret_may_be_what_a_command_prints() -> None:
    command = f"{sys.executable} -c \"print('two words')\""
    assert examined({f"{KEY}_CMD": command}).section(Door).key == "two words"


def test_the_command_runs_in_the_given_environment_without_a_shell() -> None:
    command = f"{sys.executable} -c \"import os; print(os.environ['GIVEN'] + '; $HOME')\""
    assert examined({f"{KEY}_CMD": command, "GIVEN": "yes"}).section(Door).key == "yes; $HOME"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (f"{sys.executable} -c \"import sys; print('s3cret'); sys.exit('s3cret')\"", "ended with status 1"),
        ("/nonexistent/s3cret", "cannot be run (FileNotFoundError)"),
        ('unbalanced "s3cret', "cannot be run (ValueError)"),
        ("", "cannot be run (IndexError)"),
    ],
)
def test_a_command_that_fails_is_a_fault_that_tells_no_secret(command: str, said: str) -> None:
    text = problem({f"{KEY}_CMD": command})
    assert said in text
    assert "s3cret" not in text


def test_a_secret_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    assert "cannot be read (FileNotFoundError)" in problem({f"{KEY}_FILE": str(tmp_path / "absent")})


def test_a_secret_given_in_two_ways_is_a_fault() -> None:
    text = problem({KEY: "a", f"{KEY}_FILE": "/b"})
    assert f"is set more than once, by {KEY} and {KEY}_FILE; keep one" in text


def test_an_option_that_is_not_sensitive_has_no_command() -> None:
    assert "there is no such option" in problem({"STATEKEEP__DOOR__SIGN_CMD": "date"})
