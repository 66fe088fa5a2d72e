"""What vendored code may import, and what may import it.

Inside a shared distribution: its own modules and its neighbours', always relatively, so that the words mean
the same in every copy. In shipped code: its own `_shared`, never another package's, never `statekeep_shared`.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from checking.imports import Import, imports_of
from checking.python_source import UnparsableSourceError, package_of, parse, python_files

from vendoring.faults import FaultKind, VendoringFault
from vendoring.workspace import NAMESPACE, Consumer, SharedDistribution, Workspace


def shared_import_faults(
    workspace: Workspace, shared: SharedDistribution, path: Path, tree: ast.Module
) -> Iterator[VendoringFault]:
    """The faults of the imports of one file of a shared distribution."""
    source_root = workspace.root / shared.folder / "src"
    place = path.relative_to(workspace.root).as_posix()
    published = _import_names(workspace)
    for found in imports_of(tree, package_of(path, source_root)):
        top = found.module.split(".")[0]
        if found.level and top != NAMESPACE:
            kind, wrong = (
                FaultKind.IMPORT_CLIMBS_OUT,
                "a relative import climbs out of the shared distributions",
            )
            yield _fault(kind, place, found, wrong, "move what it needs into shared/")
        elif found.level:
            yield from _neighbours(workspace, shared, place, found)
        elif top == NAMESPACE:
            wrong = f"imports {found.module}, which is not there where this file is vendored"
            yield _fault(FaultKind.SHARED_IMPORTED_ABSOLUTELY, place, found, wrong, "import it relatively")
        elif top in published:
            wrong = f"imports {found.module}: shared code knows nothing of who vendors it"
            remedy = "pass in what it needs, or move it into shared/"
            yield _fault(FaultKind.SHARED_IMPORTS_CONSUMER, place, found, wrong, remedy)


def _import_names(workspace: Workspace) -> set[str]:
    return {Path(consumer.into).parts[1] for consumer in workspace.consumers}


def _neighbours(
    workspace: Workspace, shared: SharedDistribution, place: str, found: Import
) -> Iterator[VendoringFault]:
    parts = found.module.split(".")
    for name in parts[1:2] or found.names:
        if name == shared.name:
            continue
        if name not in workspace.shared:
            wrong = f"imports {NAMESPACE}.{name}, and there is no shared/{name}"
            yield _fault(FaultKind.NEIGHBOUR_UNKNOWN, place, found, wrong, "correct the name")
        for consumer, item in workspace.vendored():
            if item is shared and name in workspace.shared and name not in consumer.shared:
                wrong = f"imports its neighbour {name!r}, which {consumer.folder} does not vendor"
                remedy = (
                    f"add {name!r} to [tool.statekeep.vendor] shared in {consumer.place}, then run with --fix"
                )
                yield _fault(FaultKind.NEIGHBOUR_NOT_VENDORED, place, found, wrong, remedy)


def shipped_import_faults(workspace: Workspace, consumer: Consumer) -> Iterator[VendoringFault]:
    """The faults of the imports of everything that a consumer ships of its own."""
    source_root = workspace.root / consumer.folder / "src"
    foreign = _import_names(workspace) - {Path(consumer.into).parts[1]}
    for path in python_files(source_root):
        place = path.relative_to(workspace.root).as_posix()
        try:
            tree = parse(path)
        except UnparsableSourceError as error:
            yield unparsable(place, error)
            continue
        for found in imports_of(tree, package_of(path, source_root)):
            yield from _shipped(place, found, foreign)


def _shipped(place: str, found: Import, foreign: set[str]) -> Iterator[VendoringFault]:
    parts = found.module.split(".")
    if parts[0] == NAMESPACE:
        wrong = f"imports {found.module}, which no wheel carries"
        yield _fault(
            FaultKind.SHIPPED_IMPORTS_SHARED, place, found, wrong, "import it from its own `_shared`"
        )
    elif parts[0] in foreign and ("_shared" in parts[1:2] or (len(parts) == 1 and "_shared" in found.names)):
        wrong = f"imports {parts[0]}._shared, a copy that is private to another distribution"
        yield _fault(FaultKind.FOREIGN_COPY_IMPORTED, place, found, wrong, "import it from its own `_shared`")


def unparsable(place: str, error: UnparsableSourceError) -> VendoringFault:
    """The fault of a file that Python could not read."""
    wrong = f"cannot be parsed: {error.reason}"
    remedy = "repair the file; its imports and its state were not checked"
    return VendoringFault(FaultKind.SOURCE_UNPARSABLE, f"{place}:{error.line}", wrong, remedy)


def _fault(kind: FaultKind, place: str, found: Import, wrong: str, remedy: str) -> VendoringFault:
    return VendoringFault(kind, f"{place}:{found.line}", wrong, remedy)
