"""What is deployed fits the server: systemd takes the unit, and the image asks where the server answers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from server_process import ServerProcess, server_process
from statekeep.supervisor import exit_status
from statekeep_core import config

from tests.server.test_tls import make_certificate

FOLDER = Path(__file__).parent.parent / "deploy"
UNIT = (FOLDER / "statekeep-server.service").read_text("utf-8")
CONTAINER = (FOLDER / "Containerfile").read_text("utf-8")


def of_unit(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here to ask")
def test_systemd_has_nothing_to_say_against_the_unit(tmp_path: Path) -> None:
    # It looks whether the program is there.
    unit = tmp_path / "statekeep-server.service"
    unit.write_text(UNIT.replace("/opt/statekeep/bin/statekeep", shutil.which("true") or ""))
    asked = subprocess.run(["systemd-analyze", "verify", unit], check=False, capture_output=True, text=True)
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, "", "")


def test_the_unit_gives_the_store_by_a_file_and_is_not_restarted_for_what_no_start_mends() -> None:
    assert of_unit("Environment") == ["STATEKEEP__DATABASE__URL_FILE=/etc/statekeep/database-url"]
    assert of_unit("ExecStart") == ["/opt/statekeep/bin/statekeep server"]
    assert of_unit("RestartPreventExitStatus") == [f"{exit_status.USAGE} {exit_status.CONFIGURATION}"]


def test_systemd_waits_for_longer_than_the_server_takes_to_stop() -> None:
    [seconds] = of_unit("TimeoutStopSec")
    assert int(seconds) > config.load({}).server.stop_grace_seconds


def is_healthy(server: ServerProcess) -> bool:
    """Run what the image's health check runs, with what the server was started with."""
    [command] = re.findall(r"^HEALTHCHECK .*? CMD (\[.*?\])$", CONTAINER, re.MULTILINE)
    python, script = json.loads(command)
    assert python == "python"
    assert f"COPY deploy/{Path(script).name} {Path(script).parent}/\n" in CONTAINER
    asking = [sys.executable, str(FOLDER / Path(script).name)]
    asked = subprocess.run(asking, check=False, stderr=subprocess.DEVNULL, env=server.environ)
    return asked.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_image_is_healthy_while_its_server_answers(tmp_path: Path, scheme: str) -> None:
    certificate, key = map(str, make_certificate(tmp_path)) if scheme == "https" else ("", "")
    with server_process(tmp_path, tls_certificate=certificate, tls_key=key) as server:
        assert is_healthy(server)
        server.kill()
        assert not is_healthy(server)


def test_the_image_serves_a_store_in_its_volume(tmp_path: Path) -> None:
    variables = dict(re.findall(r"\b((?:STATEKEEP__|XDG_)\w+)=(\S+)", CONTAINER))
    assert variables.pop("STATEKEEP__SERVER__HOST") == "0.0.0.0"
    [volume] = re.findall(r"^VOLUME (\S+)$", CONTAINER, re.MULTILINE)
    found = config.load(variables)
    assert config.sqlite_path(found.database.url) == f"{volume}/state.db"
    assert f"EXPOSE {found.server.port}\n" in CONTAINER
