"""What each consumer's pyproject declares: the vendor table, the force-include mapping, the exclusion."""

import posixpath
from collections.abc import Iterator, Mapping

from vendoring.faults import FaultKind, VendoringFault
from vendoring.file_set import is_ignored
from vendoring.mends import appends, drops, keeps_first, puts, takes_out
from vendoring.workspace import Consumer, Workspace, at, strings_at

SDIST = ("tool", "hatch", "build", "targets", "sdist", "force-include")
ELSEWHERE = (
    ("tool", "hatch", "build", "force-include"),
    ("tool", "hatch", "build", "targets", "wheel", "force-include"),
)
EXCLUDE = ("tool", "hatch", "build", "exclude")
VENDOR_SHARED = ("tool", "statekeep", "vendor", "shared")


def consumer_faults(workspace: Workspace) -> Iterator[VendoringFault]:
    """The faults of every consumer's tables."""
    for consumer in workspace.consumers:
        yield from _vendor_table(workspace, consumer)
        yield from _places(workspace, consumer)
        yield from _force_include(workspace, consumer)
        yield from _misplaced(consumer)
        yield from _exclusion(consumer)


def _vendor_table(workspace: Workspace, consumer: Consumer) -> Iterator[VendoringFault]:
    place = consumer.place
    for name in dict.fromkeys(consumer.shared):
        if name not in workspace.shared:
            wrong = f"vendors {name!r}, and there is no shared/{name}"
            remedy = f"taken out of [tool.statekeep.vendor]; `scripts/new_shared.py {name}` would make it"
            mend = takes_out(place, VENDOR_SHARED, name)
            yield VendoringFault(FaultKind.VENDOR_UNKNOWN, place, wrong, remedy, mend)
        elif consumer.shared.count(name) > 1:
            wrong = f"[tool.statekeep.vendor] names {name!r} {consumer.shared.count(name)} times"
            mend = keeps_first(place, VENDOR_SHARED)
            yield VendoringFault(FaultKind.VENDOR_TWICE, place, wrong, "the first is kept", mend)


def _places(workspace: Workspace, consumer: Consumer) -> Iterator[VendoringFault]:
    into = workspace.root / consumer.folder / consumer.into
    if not (into / "__init__.py").is_file():
        wrong = "has no __init__.py, so no vendored package can be imported"
        remedy = "restore the file; a docstring is all that it holds"
        yield VendoringFault(FaultKind.PLACE_MISSING, f"{consumer.folder}/{consumer.into}", wrong, remedy)
    for path in sorted(into.iterdir()) if into.is_dir() else ():
        if path.name in ("__init__.py", *consumer.shared) or is_ignored(path.name):
            continue
        if (
            path.is_symlink()
            or not path.is_dir()
            or not all(is_ignored(file.name) for file in path.iterdir())
        ):
            wrong = "stands among the vendored packages, and [tool.statekeep.vendor] does not list it"
            remedy = f"add {path.name!r} to `shared` in {consumer.place}, or remove it"
            yield VendoringFault(FaultKind.VENDOR_UNLISTED, consumer.copy_of(path.name), wrong, remedy)


def _expected_mapping(workspace: Workspace, consumer: Consumer) -> dict[str, str]:
    sources = {name: workspace.shared[name].source for name in consumer.shared if name in workspace.shared}
    return {
        posixpath.relpath(source, consumer.folder): f"{consumer.into}/{name}"
        for name, source in sources.items()
    }


def _force_include(workspace: Workspace, consumer: Consumer) -> Iterator[VendoringFault]:
    found = at(consumer.project, *SDIST)
    mapping = found if isinstance(found, Mapping) else {}
    expected = _expected_mapping(workspace, consumer)
    for source, target in expected.items():
        mend = puts(consumer.place, (*SDIST, source), target)
        if source not in mapping:
            kind, wrong = FaultKind.FORCE_INCLUDE_MISSING, f"sdist force-include does not map {source}"
            yield VendoringFault(kind, consumer.place, wrong, f"mapped to {target}", mend)
        elif mapping[source] != target:
            kind = FaultKind.FORCE_INCLUDE_TARGET
            wrong = f"sdist force-include maps {source} to {mapping[source]!r}"
            yield VendoringFault(kind, consumer.place, wrong, f"mapped to {target}", mend)
    for source, target in mapping.items():
        if source not in expected and _is_vendored(consumer, source, target):
            wrong = f"sdist force-include maps {source}, which is not vendored here"
            mend = drops(consumer.place, (*SDIST, source))
            yield VendoringFault(
                FaultKind.FORCE_INCLUDE_STALE, consumer.place, wrong, "the line is removed", mend
            )


def _misplaced(consumer: Consumer) -> Iterator[VendoringFault]:
    for keys in ELSEWHERE:
        found = at(consumer.project, *keys)
        for source, target in found.items() if isinstance(found, Mapping) else ():
            if _is_vendored(consumer, source, target):
                wrong = f"[{'.'.join(keys)}] maps {source}; a wheel built from the sdist would fail on it"
                mend = drops(consumer.place, (*keys, source))
                yield VendoringFault(
                    FaultKind.FORCE_INCLUDE_MISPLACED, consumer.place, wrong, "the line is removed", mend
                )


def _is_vendored(consumer: Consumer, source: str, target: object) -> bool:
    """Whether a mapping is the check's business: from shared/, or into the place of the copies."""
    return "shared/" in source or (isinstance(target, str) and target.startswith(f"{consumer.into}/"))


def _exclusion(consumer: Consumer) -> Iterator[VendoringFault]:
    found = strings_at(consumer.project, *EXCLUDE)
    for pattern in (f"/{consumer.into}/*", f"!/{consumer.into}/__init__.py"):
        if pattern not in found:
            wrong = f"[tool.hatch.build] exclude lacks {pattern!r}, so what the tree holds there could ship"
            mend = appends(consumer.place, EXCLUDE, pattern)
            yield VendoringFault(FaultKind.EXCLUDE_MISSING, consumer.place, wrong, "appended", mend)
