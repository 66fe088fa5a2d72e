"""Dependencies of shared distributions, repeated in every consumer; compared by meaning, never by text.

A consumer may ask for more than the shared distribution, never for less. `--fix` appends the shared
distribution's own line, so that pip intersects the two; a line that stands is never changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from vendoring.faults import FaultKind, VendoringFault
from vendoring.mends import appends, takes_out
from vendoring.specifiers import admits_all_of, are_compatible
from vendoring.workspace import DISTRIBUTION_PREFIX, Consumer, SharedDistribution, Workspace, at

MAIN = ("project", "dependencies")
EXTRAS = ("project", "optional-dependencies")
Keys = tuple[str, ...]


@dataclass(frozen=True)
class _Line:
    """A requirement and the list that it stands in."""

    keys: Keys
    text: str
    requirement: Requirement

    @property
    def name(self) -> str:
        return canonicalize_name(self.requirement.name)


def requirement_faults(workspace: Workspace) -> Iterator[VendoringFault]:
    """Every requirement that a consumer lacks, weakens, contradicts or leaks, and every unreadable line."""
    of_shared: dict[str, list[_Line]] = {}
    for shared in workspace.shared.values():
        of_shared[shared.name], faults = _read(f"{shared.folder}/pyproject.toml", shared.project)
        yield from faults
    for consumer in workspace.consumers:
        lines, faults = _read(consumer.place, consumer.project)
        yield from faults
        yield from _leaks(consumer, lines)
        for name in dict.fromkeys(consumer.shared):
            if name in workspace.shared:
                yield from _repeated(consumer, lines, workspace.shared[name], of_shared[name])


def _read(place: str, project: Mapping[str, Any]) -> tuple[list[_Line], list[VendoringFault]]:
    lines, faults = [], []
    if {"dependencies", "optional-dependencies"}.intersection(at(project, "project", "dynamic") or ()):
        faults.append(_unreadable(place, "the dependencies are dynamic, which only a build could resolve"))
    extras = at(project, *EXTRAS)
    lists = {MAIN: at(project, *MAIN)} | {(*EXTRAS, extra): extras[extra] for extra in extras or ()}
    for keys, texts in lists.items():
        for text in texts or ():
            try:
                lines.append(_Line(keys, text, Requirement(text)))
            except (InvalidRequirement, TypeError) as error:
                faults.append(_unreadable(place, f"{text!r} is no requirement: {error}"))
    return lines, faults


def _unreadable(place: str, wrong: str) -> VendoringFault:
    remedy = "write the requirements out, as PEP 508 has them"
    return VendoringFault(FaultKind.REQUIREMENT_UNREADABLE, place, wrong, remedy)


def _leaks(consumer: Consumer, lines: list[_Line]) -> Iterator[VendoringFault]:
    for line in lines:
        if line.name.startswith(DISTRIBUTION_PREFIX):
            wrong = f"{'.'.join(line.keys)} requires {line.name}, which is vendored and never published"
            mend = takes_out(consumer.place, line.keys, line.text)
            yield VendoringFault(FaultKind.SHARED_REQUIRED, consumer.place, wrong, "removed", mend)


def _repeated(
    consumer: Consumer, lines: list[_Line], shared: SharedDistribution, wanted: list[_Line]
) -> Iterator[VendoringFault]:
    for line in wanted:
        if line.name.startswith(DISTRIBUTION_PREFIX):
            yield from _neighbour(consumer, shared, line.name)
            continue
        reachable = [mine for mine in lines if mine.name == line.name and mine.keys in (MAIN, line.keys)]
        applying = [mine.requirement for mine in reachable if _applies(mine.requirement, line.requirement)]
        fault = _compared(applying, line.requirement)
        if fault is not None:
            kind, wrong = fault
            yield _lacking(kind, consumer, shared, line, wrong)


def _lacking(
    kind: FaultKind, consumer: Consumer, shared: SharedDistribution, line: _Line, wrong: str
) -> VendoringFault:
    wrong = f"{wrong} {line.text!r}, which {shared.folder} needs"
    if kind is FaultKind.REQUIREMENT_CONFLICT:
        return VendoringFault(kind, consumer.place, wrong, "agree on one range by hand; no version fits both")
    mend = appends(consumer.place, line.keys, line.text)
    return VendoringFault(kind, consumer.place, wrong, f"appended to {'.'.join(line.keys)}", mend)


def _neighbour(consumer: Consumer, shared: SharedDistribution, name: str) -> Iterator[VendoringFault]:
    module = name.removeprefix(DISTRIBUTION_PREFIX).replace("-", "_")
    if module not in consumer.shared:
        wrong = f"vendors {shared.name!r}, which requires {name}, and not {module!r}"
        remedy = f"add {module!r} to [tool.statekeep.vendor] shared, then run with --fix"
        yield VendoringFault(FaultKind.NEIGHBOUR_NOT_VENDORED, consumer.place, wrong, remedy)


def _applies(mine: Requirement, wanted: Requirement) -> bool:
    """Whether `mine` holds wherever `wanted` does: always, or under the same marker."""
    return mine.marker is None or mine.marker == wanted.marker


def _compared(mine: list[Requirement], wanted: Requirement) -> tuple[FaultKind, str] | None:
    if not mine:
        return FaultKind.REQUIREMENT_MISSING, "lacks"
    together = SpecifierSet(
        ",".join(str(requirement.specifier) for requirement in mine if requirement.specifier)
    )
    if not are_compatible(together, wanted.specifier):
        return FaultKind.REQUIREMENT_CONFLICT, f"asks for {str(together)!r} and cannot meet"
    extras = set().union(*(requirement.extras for requirement in mine))
    same_url = wanted.url is None or wanted.url in {requirement.url for requirement in mine}
    if wanted.extras <= extras and same_url and admits_all_of(wanted.specifier, together):
        return None
    return FaultKind.REQUIREMENT_WEAKER, f"asks for {'; '.join(map(str, mine))!r}, which is weaker than"
