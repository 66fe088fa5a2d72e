"""When traces are wanted."""

from __future__ import annotations

import sys

import pytest
from statekeep import config
from statekeep.errors import UnsupportedError
from statekeep.tracing.wanting import are_traces_wanted

ENDPOINT = {"STATEKEEP__TRACING__ENDPOINT": "http://c:4318"}
OTEL = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}


def is_wanted(environ: dict[str, str]) -> bool:
    given = {"STATEKEEP_CONFIG": "", **environ}
    return are_traces_wanted(config.load(given).tracing, given)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        (ENDPOINT, True),
        (OTEL, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        (OTEL | {"OTEL_TRACES_EXPORTER": "none"}, False),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_settings_or_opentelemetrys_variables_want_them(environ: dict[str, str], expected: bool) -> None:
    assert is_wanted(environ) is expected


def test_without_the_extra_the_settings_are_refused_and_the_variables_are_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    assert is_wanted(OTEL) is False
    with pytest.raises(UnsupportedError, match=r"statekeep\[tracing\]"):
        is_wanted(ENDPOINT)
