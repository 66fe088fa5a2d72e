"""The directory symlink that stands for a copy: there, relative, leading to the source, a link in git too."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vendoring.faults import FaultKind, Mend, VendoringFault
from vendoring.file_set import files_of
from vendoring.repository import LINK_MODE, Edited, Repository
from vendoring.workspace import Workspace


def link_faults(workspace: Workspace, repository: Repository) -> Iterator[VendoringFault]:
    """The faults of every link that a consumer keeps instead of a copy."""
    for consumer, shared in workspace.vendored():
        if consumer.kept_as == "link":
            link = _Link(workspace.root, repository, shared.source, consumer.copy_of(shared.name))
            yield from link.faults()


@dataclass
class _Link:
    root: Path
    repository: Repository
    source: str
    place: str

    @cached_property
    def path(self) -> Path:
        return self.root / self.place

    @cached_property
    def target(self) -> str:
        """What the link must say, to the letter."""
        return os.path.relpath(self.source, Path(self.place).parent)

    def faults(self) -> Iterator[VendoringFault]:
        if self.path.is_symlink():
            yield from self._wrong_target()
        elif self.path.is_dir():
            yield self._is_folder()
        elif self.path.is_file():
            yield self._is_file()
        else:
            yield self._fault(FaultKind.LINK_MISSING, "the link is missing", self._relink)
        staged = self.repository.index.get(self.place)
        inside = self.repository.has_staged_below(self.place)
        if inside or (staged is not None and staged.mode != LINK_MODE):
            wrong = "git's index holds files here where the link belongs"
            remedy = f"`git rm -r --cached {self.place}`, --fix, then `git add {self.place}`"
            yield VendoringFault(FaultKind.LINK_NOT_IN_INDEX, self.place, wrong, remedy)

    def _wrong_target(self) -> Iterator[VendoringFault]:
        found = str(self.path.readlink())
        if found == self.target:
            return  # a source that is missing is a fault of the shared distribution
        if Path(found).is_absolute():
            kind, wrong = FaultKind.LINK_ABSOLUTE, "is absolute, which holds on one machine only"
        elif not self.path.exists():
            kind, wrong = FaultKind.LINK_DANGLING, "leads nowhere"
        else:
            kind, wrong = FaultKind.LINK_ELSEWHERE, "leads elsewhere"
        yield self._fault(kind, f"the link to {found} {wrong}", self._relink)

    def _is_file(self) -> VendoringFault:
        staged = self.repository.index.get(self.place)
        content = self.path.read_bytes().strip()
        if content == self.target.encode() or (staged is not None and staged.mode == LINK_MODE):
            wrong = "a text stub, left by a checkout without symlinks (git config core.symlinks)"
            return self._fault(FaultKind.LINK_IS_STUB, wrong, self._relink)
        wrong = "a file where the link belongs, and nothing else holds its content"
        remedy = "move it away, then run with --fix"
        return VendoringFault(FaultKind.LINK_IS_FILE, self.place, wrong, remedy)

    def _is_folder(self) -> VendoringFault:
        edited = [path for path in self._own_files() if self._holds_an_edit(path)]
        if not edited:
            wrong = "a real folder where the link belongs; all that it holds came from the source"
            return self._fault(FaultKind.LINK_IS_FOLDER, wrong, self._relink)
        wrong = f"a real folder where the link belongs, with edits of its own: {', '.join(edited)}"
        remedy = f"carry them into {self.source} (`diff -r` the two), remove the folder, then run with --fix"
        return VendoringFault(FaultKind.LINK_IS_FOLDER, self.place, wrong, remedy)

    def _own_files(self) -> list[str]:
        source = self.root / self.source
        of_source = files_of(source) if source.is_dir() else {}
        return [path for path, file in files_of(self.path).items() if of_source.get(path) != file]

    def _holds_an_edit(self, path: str) -> bool:
        side = self.repository.edited_side(f"{self.source}/{path}", f"{self.place}/{path}")
        return side is not Edited.SOURCE

    def _fault(self, kind: FaultKind, wrong: str, mend: Mend) -> VendoringFault:
        return VendoringFault(kind, self.place, wrong, f"linked to {self.target}", mend)

    def _relink(self, _edits: object) -> None:
        if self.path.is_dir() and not self.path.is_symlink():
            shutil.rmtree(self.path)
        self.path.unlink(missing_ok=True)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.symlink_to(self.target, target_is_directory=True)
