"""The build hook of each consumer: a real file, equal everywhere."""

from collections.abc import Iterator
from pathlib import Path

from vendoring.faults import FaultKind, VendoringFault
from vendoring.repository import Edited, Repository
from vendoring.workspace import Workspace

HOOK = "hatch_build.py"


def build_hook_faults(workspace: Workspace, repository: Repository) -> Iterator[VendoringFault]:
    """A hook that is missing, is a link, or differs from another consumer's."""
    files: list[str] = []
    for consumer in workspace.consumers:
        place = f"{consumer.folder}/{HOOK}"
        path = workspace.root / place
        if path.is_symlink():
            wrong, remedy = (
                "is a link, which an sdist would carry as one that leads nowhere",
                "put the file there",
            )
            yield VendoringFault(FaultKind.HOOK_IS_LINK, place, wrong, remedy)
        elif path.is_file():
            files.append(place)
        else:
            wrong, remedy = "is missing; nothing would be vendored into a wheel", "copy another consumer's"
            yield VendoringFault(FaultKind.HOOK_MISSING, place, wrong, remedy)
    for place in files[1:]:
        if (workspace.root / place).read_bytes() != (workspace.root / files[0]).read_bytes():
            yield _difference(workspace.root, repository, files[0], place)


def _difference(root: Path, repository: Repository, first: str, second: str) -> VendoringFault:
    for newer, older in ((first, second), (second, first)):
        if repository.edited_side(newer, older) is Edited.SOURCE:

            def mend(_edits: object, newer: str = newer, older: str = older) -> None:
                (root / older).write_bytes((root / newer).read_bytes())

            wrong = f"differs from {newer}, which is the newer"
            return VendoringFault(FaultKind.HOOK_DIFFERS, older, wrong, "copied from the newer", mend)
    wrong = f"differs from {first}, and each holds what the other never had"
    remedy = f"make them equal by hand (`diff {first} {second}`)"
    return VendoringFault(FaultKind.HOOK_DIFFERS, second, wrong, remedy)
