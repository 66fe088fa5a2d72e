"""Whether traces are wanted, and whether they can be had."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .._shared.state.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..tracing_options import Tracing

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def are_traces_wanted(options: Tracing, environ: Mapping[str, str]) -> bool:
    """Return whether spans are to be recorded. Imports nothing unless they might be.

    Raises :class:`UnsupportedError` when the settings want them and the extra is missing. The variables of
    OpenTelemetry alone, which are for others as well, want them only where it is installed.
    """
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    by_environment = environ.get("OTEL_TRACES_EXPORTER") != "none" and any(map(environ.get, _ENDPOINTS))
    if not options.endpoint and not by_environment:
        return False
    if _is_installed():
        return True
    if options.endpoint:
        raise UnsupportedError(
            what="[tracing] endpoint", problem="it is not installed; pip install 'statekeep[tracing]'"
        )
    return False


def _is_installed() -> bool:
    try:
        import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        import_module("opentelemetry.sdk.trace")
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("opentelemetry"):
            raise
        return False
    return True
