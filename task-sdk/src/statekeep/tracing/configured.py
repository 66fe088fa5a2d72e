"""Tracing as the settings have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import config
from ..tracing_options import Tracing as Options
from .following import NO_TRACING, Tracing
from .wanting import are_traces_wanted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .in_process import InProcessTracing
    from .task import Channel, TracedChannel


def tracing_of(options: Options, environ: Mapping[str, str]) -> Tracing:
    """Return what traces a supervisor; nothing, unless traces are wanted.

    Raises ``UnsupportedError`` when they are, and the extra is missing.
    """
    if not are_traces_wanted(options, environ):
        return NO_TRACING
    from .recording import RecordingTracing

    return RecordingTracing(options, environ)


def in_process_tracing_of(options: Options, environ: Mapping[str, str]) -> InProcessTracing | None:
    """As :func:`tracing_of`, for a task that runs in this process; None, unless traces are wanted."""
    if not are_traces_wanted(options, environ):
        return None
    from .in_process import InProcessTracing

    return InProcessTracing(options, environ)


def traced_channel(channel: Channel, traceparent: str) -> Channel | TracedChannel:
    """Return a transport that traces a task whose supervisor does; the channel itself where nothing can."""
    environ = config.process_environment()
    options = config.load_section(Options, environ)
    try:
        from .task import traced
    except ModuleNotFoundError as error:  # the task has another environment than its supervisor
        if error.name is None or not error.name.startswith("opentelemetry"):
            raise
        return channel
    return traced(channel, traceparent, options, environ)
