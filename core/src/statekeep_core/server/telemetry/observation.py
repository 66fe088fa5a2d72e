"""Who watches a server, as its settings have it: the log, the metrics, the traces."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from statekeep.config import load_section
from statekeep.tracing.wanting import are_traces_wanted
from statekeep.tracing_options import Tracing as TracingOptions

from statekeep_core._shared.state.errors import UnsupportedError

from .access_log import AccessLog
from .logs import event
from .metrics_files import VARIABLE, folder_of_workers, set_aside
from .observing import NOBODY, Observer, Observers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from statekeep_core.server_options import Server

    from .metrics import Metrics

_log = logging.getLogger(__name__)


class Observation(NamedTuple):
    """The observers of one process, and what it counts, if it counts."""

    observers: Observers = NOBODY
    metrics: Metrics | None = None

    def close(self) -> None:
        """Hand over what was not handed over yet."""
        self.observers.close()


def observation_of(options: Server, environ: Mapping[str, str]) -> Observation:
    """Return who watches, by the settings and the process's environment. Called once, where it serves.

    Raises :class:`UnsupportedError` for what is asked for and not installed.
    """
    metrics = _metrics(environ) if options.metrics or options.metrics_address else None
    # A trace comes first: its id is for the log's line, and its span holds what the others take.
    watching: list[Observer] = [*_tracing(environ), AccessLog(every=options.access_log)]
    if metrics is not None:
        watching.append(metrics)
    return Observation(Observers(watching), metrics)


def _tracing(environ: Mapping[str, str]) -> list[Observer]:
    options = load_section(TracingOptions, environ)
    if not are_traces_wanted(options, environ):
        return []
    from .tracing import Tracing

    return [Tracing(options, environ)]


def _metrics(environ: Mapping[str, str]) -> Metrics:
    folder, place = folder_of_workers(environ), 0
    try:
        if folder:
            place = set_aside(Path(folder))
    except OSError as error:
        _log.warning(
            "this worker counts for itself alone: %s: %s",
            folder,
            error.strerror,
            extra=event("metrics_apart"),
        )
        folder = ""
        if isinstance(environ, MutableMapping):
            environ.pop(VARIABLE, None)
    try:
        from .metrics import Metrics
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("prometheus_client"):
            raise
        raise UnsupportedError(
            what="[server] metrics", problem="it is not installed; pip install 'statekeep-core[metrics]'"
        ) from None
    return Metrics(folder, place)
