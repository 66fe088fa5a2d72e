"""The whole examination: every option's value from its strongest source, and every fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from .errors import Fault, SettingsError
from .option import Computed
from .sources import Given, UnreadableError, file_source, from_environment, read_file
from .strangers import Known, unknown_in_environment, unknown_in_file, unknown_in_overrides

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .option import Option, Section

S = TypeVar("S", bound="Section")

COMMAND_LINE = "command line"
DEFAULT = "default"


class Examined:
    """What was found: the sections, and every fault. Sections may be taken only when there is none."""

    def __init__(self, loaded: Mapping[type[Section], Section], faults: tuple[Fault, ...]) -> None:
        self.loaded = loaded
        self.faults = faults

    def section(self, wanted: type[S]) -> S:
        """The section's values. `SettingsError`, with all the faults, when there are any."""
        if self.faults:
            raise SettingsError(self.faults)
        found: S = self.loaded[wanted]  # type: ignore[assignment]  # each class is stored with its own instance
        return found


def examine(
    sections: tuple[type[Section], ...],
    *,
    environ: Mapping[str, str],
    overrides: Mapping[str, str],
    path: str | None,
    others: tuple[str, ...] | None,
    unread: tuple[type[Section], ...] = (),
) -> Examined:
    """Find the value of every option of the sections, and everything that is wrong, without raising.

    `overrides` are texts by `section.name`, from the command line. `path` is the file, if any. `others` are
    the sections that other distributions own, None when they cannot all be known. `unread` are further
    sections of one's own, in which only the names are judged: no value is looked at, and no command run.
    """
    known = Known((*sections, *unread), others)
    tables, faults = read_file(path, environ)
    faults += unknown_in_file(path or "", tables, known)
    faults += unknown_in_environment(environ, known)
    faults += unknown_in_overrides(overrides, COMMAND_LINE, known)
    loaded: dict[type[Section], Section] = {}
    for section in sections:
        values: dict[str, object] = {}
        sources: dict[str, str] = {}
        for option in section.options:
            found = strongest(option, environ, overrides, tables, path or "")
            if isinstance(found, Fault):
                faults.append(found)
            else:
                values[option.name], sources[option.name] = found
        loaded[section] = section(values, sources)
    return Examined(loaded, tuple(faults))


def strongest(
    option: Option[object],
    environ: Mapping[str, str],
    overrides: Mapping[str, str],
    tables: Mapping[str, Mapping[str, object]],
    path: str,
) -> tuple[object, str] | Fault:
    """The option's value with its source: command line, environment, file, default, the first that has it."""
    given: Given | None
    if option.dotted in overrides:
        given = Given(overrides[option.dotted], True, COMMAND_LINE)
    else:
        try:
            given = from_environment(option, environ)
        except UnreadableError as problem:
            return Fault(option.label, "environment", str(problem))
    table = tables.get(option.section, {})
    if given is None and option.name in table:
        given = Given(table[option.name], False, file_source(path))
    return default(option, environ) if given is None else checked(option, given, environ)


def default(option: Option[object], environ: Mapping[str, str]) -> tuple[object, str] | Fault:
    """The option's default, computed where it depends on the machine."""
    if not isinstance(option.default, Computed):
        return option.default, DEFAULT
    try:
        return option.default.compute(environ), DEFAULT
    except ValueError as error:
        return Fault(option.label, DEFAULT, f"cannot be found: {error}; or set {option.variable}")


def checked(option: Option[object], given: Given, environ: Mapping[str, str]) -> tuple[object, str] | Fault:
    """The value in its final form, or the fault with what was expected. A sensitive one is not repeated."""
    kind = option.kind
    try:
        value = kind.read(given.value) if given.is_text and isinstance(given.value, str) else given.value
        return kind.check(value, environ), given.source
    except ValueError:
        got = "" if option.sensitive else f", got {given.value!r}"
        return Fault(option.label, given.source, f"expected {kind.expected}{got}")
