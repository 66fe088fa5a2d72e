"""Where values come from: the file, the environment, a command or a file that a variable names."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .errors import Fault
from .places import FILE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .option import Option

    Tables = dict[str, dict[str, object]]

COMMAND_LIMIT_SECONDS = 60


class Given(NamedTuple):
    """A value as it was given: text, or what the file held."""

    value: object
    is_text: bool
    source: str


class UnreadableError(Exception):
    """A source could not be read. Becomes a `Fault` with the option's name."""


def read_file(path: str | None, environ: Mapping[str, str]) -> tuple[Tables, list[Fault]]:
    """The file's sections, and its faults. A missing file is empty, unless it was asked for by name."""
    if path is None:
        return {}, []
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs 5 ms of a start-up
            content = file.read()
    except FileNotFoundError:
        if FILE_VARIABLE not in environ:
            return {}, []
        return {}, [Fault(path, f"named by {FILE_VARIABLE}", "there is no such file")]
    except OSError as error:
        return {}, [Fault(path, "file", f"cannot be read: {error.strerror}")]
    return parse_file(path, content)


def parse_file(path: str, content: bytes) -> tuple[Tables, list[Fault]]:
    """The sections in a file's content; what is no table is a fault."""
    import tomllib  # 5 ms, and only where there is a file

    try:
        document = tomllib.loads(content.decode())
    except ValueError as error:  # not UTF-8, or not TOML; both say where
        return {}, [Fault(path, "file", f"is not TOML: {error}")]
    tables = {name: table for name, table in document.items() if isinstance(table, dict)}
    stray = [name for name in document if name not in tables]
    return tables, [Fault(name, file_source(path), "stands outside any [section]") for name in stray]


def file_source(path: str) -> str:
    """How a message names the file."""
    return f"file {path}"


def variable_source(variable: str) -> str:
    """How a message names an environment variable."""
    return f"environment variable {variable}"


def from_environment(option: Option[object], environ: Mapping[str, str]) -> Given | None:
    """The option's value in the environment, direct or indirect. Raises `UnreadableError`."""
    present = [name for name in option.variables if name in environ]
    if not present:
        return None
    if len(present) > 1:
        raise UnreadableError(f"is set more than once, by {' and '.join(present)}; keep one")
    name = present[0]
    if name == option.variable:
        text = environ[name]
    elif name.endswith("_CMD"):
        text = command_output(environ[name], environ)
    else:
        text = file_content(environ[name])
    return Given(text, True, variable_source(name))


def file_content(path: str) -> str:
    """What the file holds, without the newline at its end."""
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs 5 ms of a start-up
            return file.read().removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableError(f"the file that it names cannot be read ({type(error).__name__})") from None


def command_output(command: str, environ: Mapping[str, str]) -> str:
    """What the command prints, without the newline at its end. It is run without a shell.

    Neither the command nor what it printed appears in a message: both may hold the secret.
    """
    import shlex  # these two only where a command is used
    import subprocess

    try:
        done = subprocess.run(
            shlex.split(command),
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_LIMIT_SECONDS,
            check=True,
            encoding="utf-8",
        )
    except subprocess.CalledProcessError as error:
        raise UnreadableError(f"the command that it holds ended with status {error.returncode}") from None
    except subprocess.TimeoutExpired:
        raise UnreadableError(
            f"the command that it holds took longer than {COMMAND_LIMIT_SECONDS} s"
        ) from None
    except (OSError, ValueError, IndexError) as error:
        raise UnreadableError(f"the command that it holds cannot be run ({type(error).__name__})") from None
    return done.stdout.removesuffix("\n")
