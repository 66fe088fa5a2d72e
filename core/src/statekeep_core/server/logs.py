"""The server's log: one line per event, as text or JSON, without anything that was stored.

What an exception says is left out of tracebacks: a driver's or a parser's words quote what they met.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from statekeep_core.server_options import Server

    Field = str | int | float | bool | None

TEXT = "text"

# What uvicorn says of itself at this level is said by us, with where and how.
_QUIET = ("uvicorn.error", "uvicorn.access")


def configure(options: Server, stream: TextIO) -> None:
    """Send the log of this process to a stream, in the form and from the level on that the options name."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextFormatter() if options.log_format == TEXT else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(options.log_level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))


def event(name: str, **fields: Field) -> dict[str, Any]:
    """Return the ``extra`` of a log call: what has happened, by a name that stays, and its figures."""
    return {"event": name, "fields": fields}


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
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["traceback"] = traceback_of(record.exc_info[1])
        return json.dumps(line, separators=(",", ":"), default=repr)


class TextFormatter(logging.Formatter):
    """One line per event, then its figures as ``name=value``; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={_shown(value)}" for name, value in getattr(record, "fields", {}).items())
        message = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        line = f"{_instant(record)} {record.levelname} {message}{fields} pid={record.process}"
        if record.exc_info and record.exc_info[1] is not None:
            line = f"{line}\n{traceback_of(record.exc_info[1])}"
        return line


def traceback_of(fault: BaseException) -> str:
    """Return where an exception came from: the frames and the types, and nothing that it says."""
    parts: list[str] = []
    seen: set[int] = set()
    at: BaseException | None = fault
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        frames = "".join(traceback.format_tb(at.__traceback__))
        parts.append(f"{frames}{type(at).__module__}.{type(at).__qualname__}")
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return "\ncaused by:\n".join(parts)


def _instant(record: logging.LogRecord) -> str:
    instant = datetime.fromtimestamp(record.created, UTC)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03}Z"


def _shown(value: Field) -> str:
    text = str(value)
    return text if text and text.isprintable() and not set(text) & {" ", '"', "="} else json.dumps(text)
