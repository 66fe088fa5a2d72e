"""The root's settings that name a path per shared distribution: mypy, pytest and coverage.

What they leave out is not checked, not tested or counted twice, and nothing else would say so. A setting that
the root does not have is not asked for.
"""

from collections.abc import Iterator, Mapping

from vendoring.faults import FaultKind, Mend, VendoringFault
from vendoring.mends import appends, drops, puts, takes_out
from vendoring.root_tables import ROOT
from vendoring.workspace import SharedDistribution, Workspace, at, strings_at

MYPY = ("tool", "mypy", "mypy_path")
PYTEST = ("tool", "pytest", "ini_options", "testpaths")
COVERAGE = ("tool", "coverage", "paths")
CONFIG_FOLDER = "$MYPY_CONFIG_FILE_DIR/"


def tool_path_faults(workspace: Workspace) -> Iterator[VendoringFault]:
    """The faults of the tools' paths."""
    mypy = {f"{CONFIG_FOLDER}{shared.folder}/src" for shared in workspace.shared.values()}
    yield from _list_faults(workspace, MYPY, mypy, f"{CONFIG_FOLDER}shared/")
    tests = {
        f"{shared.folder}/tests"
        for shared in workspace.shared.values()
        if (workspace.root / shared.folder / "tests").is_dir()
    }
    yield from _list_faults(workspace, PYTEST, tests, "shared/")
    if at(workspace.project, *COVERAGE) is not None:
        yield from _coverage(workspace)


def _list_faults(
    workspace: Workspace, keys: tuple[str, ...], expected: set[str], prefix: str
) -> Iterator[VendoringFault]:
    if at(workspace.project, *keys) is None:
        return
    found = strings_at(workspace.project, *keys)
    setting = ".".join(keys)
    for path in sorted(expected.difference(found)):
        yield _missing(f"{setting} lacks {path!r}", appends(ROOT, keys, path))
    for path in found:
        named = path.removeprefix(prefix).split("/")[0]
        if path.startswith(prefix) and named not in workspace.shared:
            yield _stale(f"{setting} names {path!r}, which is gone", takes_out(ROOT, keys, path))


def _coverage(workspace: Workspace) -> Iterator[VendoringFault]:
    found: Mapping[str, list[str]] = at(workspace.project, *COVERAGE)
    for shared in workspace.shared.values():
        paths = [shared.source, *_copies(workspace, shared)]
        if sorted(strings_at(found, shared.name)) != sorted(paths):
            wrong = f"tool.coverage.paths.{shared.name} does not name the source and every copy of it"
            yield _missing(wrong, puts(ROOT, (*COVERAGE, shared.name), paths))
    for name, paths in found.items():
        of_shared = isinstance(paths, list) and any(str(path).startswith("shared/") for path in paths)
        if of_shared and name not in workspace.shared:
            wrong = f"tool.coverage.paths.{name} is of a shared distribution that is gone"
            yield _stale(wrong, drops(ROOT, (*COVERAGE, name)))


def _copies(workspace: Workspace, shared: SharedDistribution) -> list[str]:
    return [consumer.copy_of(shared.name) for consumer, item in workspace.vendored() if item is shared]


def _missing(wrong: str, mend: Mend) -> VendoringFault:
    return VendoringFault(FaultKind.TOOL_PATH_MISSING, ROOT, wrong, "added", mend)


def _stale(wrong: str, mend: Mend) -> VendoringFault:
    return VendoringFault(FaultKind.TOOL_PATH_STALE, ROOT, wrong, "removed", mend)
