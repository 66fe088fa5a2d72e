"""The server's log: one line per event, as text or JSON, without anything that was stored.

What an exception says is left out of tracebacks: a driver's or a parser's words quote what they met.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

from statekeep_core.faults import traceback_of

from .bounded import Bounded
from .log_lines import Drain, LineHandler

if TYPE_CHECKING:
    from statekeep_core.server_options import Server

    Field = str | int | float | bool | None

TEXT = "text"

# What uvicorn says of itself at this level is said by us, with where and how.
_QUIET = ("uvicorn.error", "uvicorn.access")


def configure(options: Server, stream: TextIO | None) -> None:
    """Send the log of this process to a stream, in the form and from the level on that the options name.

    What has a descriptor is written to there, without ever waiting for a reader.
    """
    handler = _handler_of(stream)
    handler.setFormatter(TextFormatter() if options.log_format == TEXT else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(options.log_level.upper())
    for name in _QUIET:
        logger = logging.getLogger(name)
        logger.setLevel(max(root.level, logging.WARNING))
        logger.filters[:] = [_BoundedWarnings()]


def finish() -> None:
    """Write what waits for a reader, and wait a second for one; for the end of a process."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def _handler_of(stream: TextIO | None) -> logging.Handler:
    if stream is None:  # as `sys.stderr` is in a process that was started without one
        return logging.NullHandler()
    try:
        return LineHandler(Drain(stream.fileno()))
    except OSError:  # held in memory
        return logging.StreamHandler(stream)


def event(name: str, **fields: Field) -> dict[str, Any]:
    """Return the ``extra`` of a log call: what has happened, by a name that stays, and its figures."""
    return {"event": name, "fields": fields}


class _BoundedWarnings(logging.Filter):
    """Holds back what anybody who sends no HTTP can have said, without end."""

    def __init__(self) -> None:
        super().__init__()
        self._bounded = Bounded()

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.WARNING or self._bounded.unsaid() is not None


class JsonFormatter(logging.Formatter):
    """One JSON object per line, in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _instant(record),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", "log"),
            "message": record.getMessage(),
            "logger": record.name,
            "pid": record.process,
            **_fields_of(record),
        }
        return json.dumps(line, separators=(",", ":"), default=repr)


class TextFormatter(logging.Formatter):
    """One line per event, then its figures as ``name=value``; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields_of(record)
        traceback = fields.pop("traceback", None)
        figures = "".join(f" {name}={_shown(value)}" for name, value in fields.items())
        message = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        line = f"{_instant(record)} {record.levelname} {message}{figures} pid={record.process}"
        return line if traceback is None else f"{line}\n{traceback}"


def _fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the figures of a line, and where the exception that it is about came from."""
    fields = dict(getattr(record, "fields", {}))
    if record.exc_info and record.exc_info[1] is not None:
        fields["traceback"] = traceback_of(record.exc_info[1])
    return fields


def _instant(record: logging.LogRecord) -> str:
    instant = datetime.fromtimestamp(record.created, UTC)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03}Z"


def _shown(value: Field) -> str:
    text = str(value)
    return text if text and text.isprintable() and not set(text) & {" ", '"', "="} else json.dumps(text)
