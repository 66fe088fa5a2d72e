"""Who watches a server, as the settings have it, and what that loads."""

from __future__ import annotations

import subprocess
import sys

import pytest
from statekeep_core import config
from statekeep_core._shared.state.errors import UnsupportedError
from statekeep_core.server.telemetry.observation import observation_of


def observe(**options: str) -> None:
    environ = {"STATEKEEP_CONFIG": "", **{f"STATEKEEP__SERVER__{n.upper()}": v for n, v in options.items()}}
    observation_of(config.load(environ).server, environ)


def test_a_server_that_nobody_watches_loads_nothing_of_what_would() -> None:
    script = (
        "import sys, statekeep_core.server.serving as _\n"
        "from statekeep_core import config\n"
        "from statekeep_core.server.telemetry.observation import observation_of\n"
        "environ = {'STATEKEEP_CONFIG': ''}\n"
        "observation_of(config.load(environ).server, environ)\n"
        "print(*sorted(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in ran.stdout.split()}
    assert "uvicorn" in loaded
    assert loaded & {"prometheus_client", "opentelemetry"} == set()


@pytest.mark.parametrize("options", [{"metrics": "true"}, {"metrics_address": "127.0.0.1:0"}])
def test_metrics_that_are_not_installed_are_refused_with_the_name_of_what_is_missing(
    options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("prometheus_client")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "statekeep_core.server.telemetry.metrics", raising=False)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(UnsupportedError, match=r"statekeep-core\[metrics\]"):
        observe(**options)
