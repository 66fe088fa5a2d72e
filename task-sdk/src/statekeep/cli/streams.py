"""The command's standard streams: whatever they are, closed ones and those of few characters included."""

from __future__ import annotations

import json
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


class OutputError(Exception):
    """Standard output did not take what was printed."""


def any_is_closed() -> bool:
    """Tell whether one of the three was closed when the process started."""
    return None in (sys.stdin, sys.stdout, sys.stderr)


def print_json_text(text: str) -> None:
    """Print JSON; where the stream lacks a character, escaped as JSON has it."""
    try:
        _write(text)
    except UnicodeEncodeError:
        _write("".join(part if part.isascii() else json.dumps(part)[1:-1] for part in text))


def print_for_people(text: str) -> None:
    """Print a text; what the stream lacks, as an escape."""
    try:
        _write(text)
    except UnicodeEncodeError:
        _write(text.encode("ascii", "backslashreplace").decode())


def print_exactly(text: str) -> None:
    """Print a text in UTF-8, whatever the stream's encoding; undecodable bytes of arguments stay."""
    stream = _output()
    try:
        stream.buffer.write(text.encode("utf-8", "surrogateescape"))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _lost(error) from None


def read_input() -> bytes:
    """Return all of standard input; nothing when it is closed."""
    return b"" if sys.stdin is None else sys.stdin.buffer.read()


def flush_output() -> None:
    """Hand on what was printed. Raises ``OutputError`` when that fails, ``BrokenPipeError`` for no reader."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _lost(error) from None


def _write(text: str) -> None:
    try:
        _output().write(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _lost(error) from None


def _output() -> TextIO:
    if sys.stdout is None:
        raise OutputError("standard output is closed; nothing was printed")
    return sys.stdout


def _lost(error: OSError) -> OutputError:
    return OutputError(f"standard output took not all that was printed ({error.strerror})")
