"""`statekeep server credentials`, as it is typed."""

from pathlib import Path

import pytest
from statekeep.cli.main import run_command

USAGE = 64


@pytest.mark.parametrize(
    "command",
    [("credentials", "add"), ("credentials", "list"), ("credentials", "revoke"), ("keys", "rotate")],
)
def test_every_command_says_what_it_does_and_its_exit_statuses(
    command: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["server", *command, "--help"]) == 0
    text = capsys.readouterr().out
    assert not text.split("\n\n")[1].startswith(("options", "positional"))
    assert "  78   a setting is wrong" in text


@pytest.mark.parametrize("days", ["0", "-3", "nan", "inf", "1e9", "soon"])
def test_a_credential_that_would_be_good_for_no_time_is_refused_and_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], days: str
) -> None:
    monkeypatch.setenv("STATEKEEP_CONFIG", "")
    monkeypatch.setenv("STATEKEEP__DATABASE__URL", str(tmp_path / "state.db"))
    status = run_command(["server", "credentials", "add", "w", f"--days={days}"])
    said = capsys.readouterr()
    assert (status, said.out) == (USAGE, "")
    assert "is no number of days above 0" in said.err
    assert not (tmp_path / "state.db").exists()


def test_a_listing_says_what_has_expired_what_will_and_what_was_revoked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STATEKEEP_CONFIG", "")
    monkeypatch.setenv("STATEKEEP__DATABASE__URL", str(tmp_path / "state.db"))
    at_once = "--days=1e-12"
    for name, *days in [("kept",), ("over", at_once), ("short", "--days=3"), ("taken", at_once)]:
        assert run_command(["server", "credentials", "add", name, *days]) == 0
    assert run_command(["server", "credentials", "revoke", "taken"]) == 0
    capsys.readouterr()
    assert run_command(["server", "credentials", "list"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    states = {name: state.split(" 2")[0] for name, _, _, state in lines}
    assert states == {"kept": "never expires", "over": "expired", "short": "expires", "taken": "revoked"}
