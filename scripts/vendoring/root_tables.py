"""What the root's pyproject declares: members, sources, dev group; complete, with nothing stale."""

from collections.abc import Iterator, Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from vendoring.faults import FaultKind, Mend, VendoringFault
from vendoring.mends import appends, drops, puts, takes_out
from vendoring.workspace import DISTRIBUTION_PREFIX, Workspace, at, strings_at

ROOT = "pyproject.toml"
MEMBERS = ("tool", "uv", "workspace", "members")
SOURCES = ("tool", "uv", "sources")
DEV_GROUP = ("dependency-groups", "dev")


def root_faults(workspace: Workspace) -> Iterator[VendoringFault]:
    """The faults of the three tables that make a shared distribution part of the workspace."""
    yield from _members(workspace)
    yield from _sources(workspace)
    yield from _dev_group(workspace)


def _fault(kind: FaultKind, wrong: str, remedy: str, mend: Mend | None) -> VendoringFault:
    return VendoringFault(kind, ROOT, wrong, remedy, mend)


def _members(workspace: Workspace) -> Iterator[VendoringFault]:
    members = strings_at(workspace.project, *MEMBERS)
    for member in members:
        mend = takes_out(ROOT, MEMBERS, member)
        if any(sign in member for sign in "*?["):
            wrong = f"workspace member {member!r} is a pattern; a left-over folder would stop uv"
            yield _fault(FaultKind.MEMBER_PATTERN, wrong, "replaced by names", mend)
        elif not (workspace.root / member / ROOT).is_file():
            wrong = f"workspace member {member!r} has no pyproject.toml"
            yield _fault(FaultKind.MEMBER_STALE, wrong, "removed", mend)
    folders = [consumer.folder for consumer in workspace.consumers]
    folders += [shared.folder for shared in workspace.shared.values()]
    for folder in folders:
        if folder not in members:
            wrong = f"workspace members lack {folder!r}"
            mend = appends(ROOT, MEMBERS, folder)
            yield _fault(FaultKind.MEMBER_MISSING, wrong, "appended", mend)


def _sources(workspace: Workspace) -> Iterator[VendoringFault]:
    found = at(workspace.project, *SOURCES)
    written = {str(canonicalize_name(name)): name for name in found or ()}
    expected = _distributions(workspace)
    for normal, name in expected.items():
        key = written.get(normal, name)
        if at(found, key, "workspace") is not True:
            wrong = f"[tool.uv.sources] does not take {name} from the workspace"
            mend = puts(ROOT, (*SOURCES, key), {"workspace": True})
            yield _fault(FaultKind.SOURCE_MISSING, wrong, "added", mend)
    known = {str(canonicalize_name(name)) for name in workspace.distributions}
    for normal, name in written.items():
        if normal not in expected.keys() | known and at(found, name, "workspace") is True:
            wrong = f"[tool.uv.sources] takes {name} from the workspace, which has no such distribution"
            yield _fault(FaultKind.SOURCE_STALE, wrong, "removed", drops(ROOT, (*SOURCES, name)))


def _distributions(workspace: Workspace) -> dict[str, str]:
    """Every distribution that vendors or is vendored, by its normal name."""
    names = [at(consumer.project, "project", "name") for consumer in workspace.consumers]
    names += [shared.distribution for shared in workspace.shared.values()]
    return {canonicalize_name(name): name for name in names if isinstance(name, str)}


def _dev_group(workspace: Workspace) -> Iterator[VendoringFault]:
    group = at(workspace.project, *DEV_GROUP)
    listed: dict[str, str] = {}
    for item in group if isinstance(group, list) else ():
        if isinstance(item, Mapping):
            continue  # { include-group = … }
        try:
            listed[canonicalize_name(Requirement(item).name)] = item
        except (InvalidRequirement, TypeError) as error:
            wrong = f"the dev group holds {item!r}, which is no requirement: {error}"
            yield _fault(FaultKind.REQUIREMENT_UNREADABLE, wrong, "correct the line", None)
    expected: set[str] = {canonicalize_name(shared.distribution) for shared in workspace.shared.values()}
    for name in sorted(expected - listed.keys()):
        wrong = f"the dev group lacks {name}, so its own tests could not import it"
        yield _fault(FaultKind.DEV_GROUP_MISSING, wrong, "appended", appends(ROOT, DEV_GROUP, name))
    for name in sorted(listed.keys() - expected):
        if name.startswith(DISTRIBUTION_PREFIX):
            wrong = f"the dev group names {name}, which the workspace does not have"
            mend = takes_out(ROOT, DEV_GROUP, listed[name])
            yield _fault(FaultKind.DEV_GROUP_STALE, wrong, "removed", mend)
