"""Names that no option has: misspelt ones are faults, another distribution's are not.

One file and one environment serve several distributions, which are upgraded apart. A distribution judges
its own sections strictly. Of other sections it judges only what it can know: `others` lists the sections of
the distributions that it depends on; None says that there may be more than can be listed, and then only a
name that is nearly one of its own is a fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .errors import Fault
from .option import INDIRECT_SUFFIXES, PREFIX
from .sources import file_source, variable_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .option import Section

NEARNESS = 0.7  # of difflib: `worker` is near `workers`, `app` is not near `api`
LOOSE_PREFIX = "STATEKEEP_"


class Known(NamedTuple):
    """What a distribution knows: its sections, and the names of the others' (None: not all can be known)."""

    sections: tuple[type[Section], ...]
    others: tuple[str, ...] | None


def unknown_in_file(path: str, tables: Mapping[str, Mapping[str, object]], known: Known) -> Iterator[Fault]:
    """Faults for sections and options in the file that nothing has."""
    for section, table in tables.items():
        yield from unknown_names(section, table, file_source(path), known)


def unknown_in_overrides(overrides: Mapping[str, str], source: str, known: Known) -> Iterator[Fault]:
    """Faults for names on the command line that no option has."""
    for dotted in overrides:
        section, _, name = dotted.partition(".")
        yield from unknown_names(section, [name], source, known)


def unknown_in_environment(environ: Mapping[str, str], known: Known) -> Iterator[Fault]:
    """Faults for variables that look like options and are none."""
    mine = {
        name: option.label
        for section in known.sections
        for option in section.options
        for name in option.variables
    }
    for variable in environ:
        if not variable.startswith(LOOSE_PREFIX) or variable in mine:
            continue
        source = variable_source(variable)
        section, separator, name = variable.removeprefix(PREFIX).lower().partition("__")
        meant = misjoined(variable, mine)
        if meant:
            yield Fault(mine[meant], source, f"is not read; did you mean {meant}?")
        elif variable.startswith(PREFIX) and separator:
            yield from unknown_names(section, [name], source, known)
        elif variable.startswith(PREFIX) and known.others is not None:
            yield Fault(variable, source, f"is not read; options are {PREFIX}SECTION__NAME")


def misjoined(variable: str, mine: Iterable[str]) -> str | None:
    """The variable that differs from this one only in its underscores, if there is one."""
    squeezed = variable.replace("_", "")
    return next((name for name in mine if name.replace("_", "") == squeezed), None)


def unknown_names(section: str, names: Iterable[str], source: str, known: Known) -> Iterator[Fault]:
    """Faults for one section and the names given in it."""
    mine = next((candidate for candidate in known.sections if candidate.section == section), None)
    if mine is not None:
        options = [option.name for option in mine.options]
        for name in names:
            if name not in options:
                problem = "there is no such option" + (_indirect(name, mine) or did_you_mean(name, options))
                yield Fault(f"[{section}] {name}", source, problem)
        return
    sections = [candidate.section for candidate in known.sections]
    if known.others is None:
        hint = did_you_mean(section, sections, "[{}]")
        if hint:
            yield Fault(f"[{section}]", source, "there is no such section" + hint)
    elif section not in known.others:
        hint = did_you_mean(section, [*sections, *known.others], "[{}]")
        yield Fault(f"[{section}]", source, "there is no such section" + hint)


def _indirect(name: str, section: type[Section]) -> str:
    """`; OPTION can be read ...` for a name that only a variable can have, or nothing."""
    for option in section.options:
        if option.sensitive and name in (option.name + suffix for suffix in INDIRECT_SUFFIXES):
            variable = f"{option.variable}{name.removeprefix(option.name).upper()}"
            return f"; only the environment names a file or a command for {option.name}: set {variable}"
    return ""


def did_you_mean(name: str, candidates: list[str], shape: str = "{}") -> str:
    """`; did you mean X?` for the nearest candidate, or nothing."""
    import difflib  # 3 ms, and only where something is wrong

    nearest = difflib.get_close_matches(name, candidates, n=1, cutoff=NEARNESS)
    return f"; did you mean {shape.format(nearest[0])}?" if nearest else ""
