"""All checks, in the order in which their faults are read, and the mending of what can be mended."""

from collections.abc import Iterator
from pathlib import Path

from checking.python_source import UnparsableSourceError, parse, python_files

from vendoring.build_hooks import build_hook_faults
from vendoring.code_imports import shared_import_faults, shipped_import_faults, unparsable
from vendoring.consumer_tables import consumer_faults
from vendoring.copies import copy_faults, recordable
from vendoring.faults import VendoringFault
from vendoring.identity import identity_faults
from vendoring.links import link_faults
from vendoring.process_state import process_state_faults
from vendoring.repository import Repository
from vendoring.requirements import requirement_faults
from vendoring.root_tables import root_faults
from vendoring.tool_paths import tool_path_faults
from vendoring.workspace import Workspace, read_workspace

MOST_ROUNDS = 5  # a mend can uncover a fault: a new member needs a source, a new copy a line of coverage


def find_faults(root: Path) -> list[VendoringFault]:
    """Everything that is wrong in the tree at `root`; reads, and changes nothing."""
    workspace, faults = read_workspace(root)
    if workspace is None:
        return faults
    repository = Repository(root)
    on_disk = [*copy_faults(workspace, repository), *link_faults(workspace, repository)]
    return [
        *faults,
        *_of_index_only(workspace, repository, on_disk),
        *on_disk,
        *consumer_faults(workspace),
        *root_faults(workspace),
        *tool_path_faults(workspace),
        *requirement_faults(workspace),
        *build_hook_faults(workspace, repository),
        *_code_faults(workspace),
    ]


def _of_index_only(
    workspace: Workspace, repository: Repository, on_disk: list[VendoringFault]
) -> Iterator[VendoringFault]:
    """The identity pass, less what the tree on disk says more exactly; an unpacked archive has no index."""
    if not repository.is_readable and not (workspace.root / ".git").exists():
        return
    for fault in identity_faults(repository, _places(workspace)):
        if not any(f"{other.place}/".startswith(f"{fault.place}/") for other in on_disk):
            yield fault


def _places(workspace: Workspace) -> list[str]:
    return [consumer.copy_of(shared.name) for consumer, shared in workspace.vendored()]


def _code_faults(workspace: Workspace) -> Iterator[VendoringFault]:
    for shared in workspace.shared.values():
        for path in python_files(workspace.root / shared.folder / "src", ignored=frozenset({"__pycache__"})):
            place = path.relative_to(workspace.root).as_posix()
            try:
                tree = parse(path)
            except UnparsableSourceError as error:
                yield unparsable(place, error)
                continue
            yield from shared_import_faults(workspace, shared, path, tree)
            yield from process_state_faults(place, tree, path.read_text(encoding="utf-8"))
    for consumer in workspace.consumers:
        yield from shipped_import_faults(workspace, consumer)


def mend_faults(root: Path) -> tuple[list[VendoringFault], list[VendoringFault]]:
    """Mend what can be mended; returns what was mended and what is left."""
    from vendoring.toml_edits import TomlEdits  # here, because a check without --fix has no use for tomlkit

    mended: list[VendoringFault] = []
    faults = find_faults(root)
    for _round in range(MOST_ROUNDS):
        edits = TomlEdits(root)
        mendable = [fault for fault in faults if fault.mend is not None]
        if not mendable:
            break
        for fault in mendable:
            if fault.mend is not None:
                fault.mend(edits)
        edits.save()
        mended += mendable
        faults = find_faults(root)
    workspace, _ = read_workspace(root)
    if workspace is not None:
        Repository(root).record(recordable(workspace))
    return mended, faults
