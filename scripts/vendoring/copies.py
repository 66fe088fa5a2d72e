"""A committed copy against its source: the set of files, their content, their mode bits.

`--fix` copies from the source. It replaces or removes a file of the copy only when what it holds is known to
come from the source (see `Repository.edited_side`); an edit of the copy stays, and the fault says what to do.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from vendoring.faults import FaultKind, Mend, VendoringFault
from vendoring.file_set import PackageFile, files_of, is_ignored
from vendoring.repository import Edited, Repository
from vendoring.workspace import Workspace


def copy_faults(workspace: Workspace, repository: Repository) -> Iterator[VendoringFault]:
    """The faults of every copy that a consumer keeps as files."""
    for consumer, shared in workspace.vendored():
        if consumer.kept_as == "copy" and (workspace.root / shared.source).is_dir():
            yield from _faults_of(workspace.root, repository, shared.source, consumer.copy_of(shared.name))


def _faults_of(root: Path, repository: Repository, source: str, copy: str) -> Iterator[VendoringFault]:
    place = root / copy
    if place.is_dir() and not place.is_symlink():
        yield from _differences(root, repository, source, copy)
    elif place.is_symlink() or _is_stub(place):
        wrong = "a link, or the stub of one, where the committed copy belongs"
        remedy = f"replaced by the files of {source}"
        yield VendoringFault(
            FaultKind.COPY_NOT_A_FOLDER, copy, wrong, remedy, copies_tree(root, source, copy)
        )
    elif place.exists():
        wrong = "a file where the committed copy belongs, and nothing else holds its content"
        yield VendoringFault(FaultKind.COPY_NOT_A_FOLDER, copy, wrong, "move it away, then run with --fix")
    else:
        remedy = f"copied from {source}"
        yield VendoringFault(
            FaultKind.COPY_MISSING, copy, "is missing", remedy, copies_tree(root, source, copy)
        )


def _is_stub(place: Path) -> bool:
    """Whether a checkout without symlinks wrote a link's target here as text."""
    return place.is_file() and place.stat().st_size < 4096 and place.read_bytes().startswith(b"../")


def _differences(root: Path, repository: Repository, source: str, copy: str) -> Iterator[VendoringFault]:
    of_source, of_copy = files_of(root / source), files_of(root / copy)
    if of_source == of_copy and all(file.content is not None for file in of_source.values()):
        return
    for path in sorted(of_source.keys() | of_copy.keys()):
        source_file, copy_file = of_source.get(path), of_copy.get(path)
        pair = _Pair(root, repository, f"{source}/{path}", f"{copy}/{path}")
        yield from pair.faults(source_file, copy_file)


class _Pair:
    """One path on both sides."""

    def __init__(self, root: Path, repository: Repository, source: str, copy: str) -> None:
        self.root, self.repository, self.source, self.copy = root, repository, source, copy

    def faults(self, of_source: PackageFile | None, of_copy: PackageFile | None) -> Iterator[VendoringFault]:
        links = [(self.source, of_source), (self.copy, of_copy)]
        linked = [place for place, file in links if file is not None and file.content is None]
        for place in linked:
            wrong = "a link inside a vendored package; a wheel cannot carry it"
            yield VendoringFault(FaultKind.LINK_INSIDE, place, wrong, "put the file itself there")
        if linked or of_source == of_copy:
            return
        if of_copy is None:
            wrong, remedy = f"is missing; {self.source} has it", "copied from the source"
            yield VendoringFault(FaultKind.FILE_MISSING, self.copy, wrong, remedy, self._copies)
        elif of_source is None:
            yield self._without_source()
        elif of_source.content == of_copy.content:
            bit = "executable" if of_source.executable else "not executable"
            wrong = f"mode differs: {self.source} is {bit}"
            yield VendoringFault(
                FaultKind.MODE_DIFFERS, self.copy, wrong, "the source's mode is taken", self._copies
            )
        else:
            yield self._different()

    def _copies(self, _edits: object) -> None:
        (self.root / self.copy).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.root / self.source, self.root / self.copy)
        shutil.copymode(self.root / self.source, self.root / self.copy)

    def _removes(self, _edits: object) -> None:
        (self.root / self.copy).unlink()

    def _without_source(self) -> VendoringFault:
        if self.repository.edited_side(self.source, self.copy) is Edited.SOURCE:
            wrong = f"is stale: {self.source} was removed or renamed"
            return VendoringFault(FaultKind.FILE_STALE, self.copy, wrong, "removed", self._removes)
        wrong = f"is in the copy only, and git knows no {self.source} that held this"
        remedy = f"`mv {self.copy} {self.source}` to keep it, or remove it; --fix does not"
        return VendoringFault(FaultKind.FILE_ONLY_IN_COPY, self.copy, wrong, remedy)

    def _different(self) -> VendoringFault:
        side = self.repository.edited_side(self.source, self.copy)
        drop = f"`rm {self.copy}` and --fix to drop it; --fix alone does not overwrite it"
        if side is Edited.SOURCE:
            wrong = f"differs from {self.source}, which is the newer side"
            return VendoringFault(
                FaultKind.COPY_BEHIND, self.copy, wrong, "copied from the source", self._copies
            )
        if side is Edited.COPY:
            wrong = f"differs from {self.source}, and the copy is the newer side: only it was edited"
            remedy = f"`cp {self.copy} {self.source}` to keep the edit, or {drop}"
            return VendoringFault(FaultKind.COPY_EDITED, self.copy, wrong, remedy)
        if side is Edited.BOTH:
            wrong = f"differs from {self.source}, and both sides were edited"
            remedy = (
                f"carry the copy's edit over into the source (`diff {self.copy} {self.source}`), then {drop}"
            )
            return VendoringFault(FaultKind.BOTH_EDITED, self.copy, wrong, remedy)
        wrong = f"differs from {self.source}, and git, which never saw either, cannot tell the newer side"
        return VendoringFault(
            FaultKind.AGE_UNKNOWN, self.copy, wrong, f"`diff` them, edit the source, then {drop}"
        )


def copies_tree(root: Path, source: str, copy: str) -> Mend:
    """A mend that puts a fresh copy where nothing, a link or a stub is."""

    def mend(_edits: object) -> None:
        place = root / copy
        if place.is_symlink() or place.is_file():
            place.unlink()
        shutil.copytree(root / source, place, ignore=_ignored)

    return mend


def _ignored(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if is_ignored(name)}


def recordable(workspace: Workspace) -> Iterator[bytes]:
    """The contents that are equal in a copy and its source, to be remembered as coming from the source."""
    for consumer, shared in workspace.vendored():
        source, copy = workspace.root / shared.source, workspace.root / consumer.copy_of(shared.name)
        if consumer.kept_as == "copy" and source.is_dir() and copy.is_dir():
            of_source = files_of(source)
            for path, file in files_of(copy).items():
                if file.content is not None and of_source.get(path) == file:
                    yield file.content
