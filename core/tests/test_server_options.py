"""The options of the server that have rules of their own."""

from __future__ import annotations

import pytest
from statekeep_core import config


@pytest.mark.parametrize("given", ["", "127.0.0.1:9411", "[::1]:0", "metrics.example.org:65535"])
def test_an_address_is_a_host_and_a_port_or_nothing(given: str) -> None:
    environ = {"STATEKEEP_CONFIG": "", "STATEKEEP__SERVER__METRICS_ADDRESS": given}
    assert config.load(environ).server.metrics_address == given


@pytest.mark.parametrize(
    "given", ["9411", ":9411", "h:", "h:65536", "h:1/metrics", "u@h:1", "::1:80", "h h:1"]
)
def test_what_is_no_address_is_refused(given: str) -> None:
    environ = {"STATEKEEP_CONFIG": "", "STATEKEEP__SERVER__METRICS_ADDRESS": given}
    with pytest.raises(config.SettingsError, match="a host and a port"):
        config.load(environ)
