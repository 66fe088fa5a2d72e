"""Planted faults of a committed copy: its files, their content, their modes, what git has staged of it."""

import shutil
import subprocess
from pathlib import Path

from vendoring.faults import FaultKind
from vendoring.generated_workspace import commit_all

from tests.vendoring.planted import COPY, LINK, SOURCE, Plant, Planted, adds, in_turn, removes

IN_SOURCE, IN_COPY = f"{SOURCE}/module_0.py", f"{COPY}/module_0.py"
EDIT, OTHER_EDIT = "# an edit\n", "# another edit\n"


def _commits(tree: Path) -> None:
    commit_all(tree, "an edit")


def _git(*arguments: str) -> Plant:
    def plant(tree: Path) -> None:
        subprocess.run(["git", *arguments], cwd=tree, check=True)

    return plant


def _without_git(tree: Path) -> None:
    shutil.rmtree(tree / ".git")


def _removes_copy(tree: Path) -> None:
    shutil.rmtree(tree / COPY)


def _links_copy(tree: Path) -> None:
    _removes_copy(tree)
    (tree / COPY).symlink_to("../../../../" + SOURCE, target_is_directory=True)


def _breaks_index(tree: Path) -> None:
    (tree / ".git/index").write_bytes(b"garbage")


CASES = {
    "a copy that is not there": Planted(FaultKind.COPY_MISSING, COPY, _removes_copy, mended=True),
    "a link where the copy belongs": Planted(FaultKind.COPY_NOT_A_FOLDER, COPY, _links_copy, mended=True),
    "the text stub of a link where the copy belongs": Planted(
        FaultKind.COPY_NOT_A_FOLDER,
        COPY,
        in_turn(_removes_copy, adds(COPY, f"../../../../{SOURCE}")),
        mended=True,
    ),
    "a file that nobody knows where the copy belongs": Planted(
        FaultKind.COPY_NOT_A_FOLDER, COPY, in_turn(_removes_copy, adds(COPY, "notes")), mended=False
    ),
    "an edit of the source that has not reached the copy": Planted(
        FaultKind.COPY_BEHIND, IN_COPY, adds(IN_SOURCE, EDIT), mended=True
    ),
    "an edit of the source that was committed alone": Planted(
        FaultKind.COPY_BEHIND, IN_COPY, in_turn(adds(IN_SOURCE, EDIT), _commits), mended=True
    ),
    "an edit of the copy": Planted(FaultKind.COPY_EDITED, IN_COPY, adds(IN_COPY, EDIT), mended=False),
    "an edit of the copy that was committed": Planted(
        FaultKind.COPY_EDITED, IN_COPY, in_turn(adds(IN_COPY, EDIT), _commits), mended=False
    ),
    "different edits of the source and the copy": Planted(
        FaultKind.BOTH_EDITED,
        IN_COPY,
        in_turn(adds(IN_SOURCE, EDIT), adds(IN_COPY, OTHER_EDIT)),
        mended=False,
    ),
    "a difference in a tree without git": Planted(
        FaultKind.AGE_UNKNOWN, IN_COPY, in_turn(_without_git, adds(IN_SOURCE, EDIT)), mended=False
    ),
    "a file that the source has gained": Planted(
        FaultKind.FILE_MISSING, f"{COPY}/deep/new.py", adds(f"{SOURCE}/deep/new.py", ""), mended=True
    ),
    "a file that the copy has lost": Planted(FaultKind.FILE_MISSING, IN_COPY, removes(IN_COPY), mended=True),
    "a file that the source has lost": Planted(
        FaultKind.FILE_STALE, IN_COPY, removes(IN_SOURCE), mended=True
    ),
    "a file that was written in the copy": Planted(
        FaultKind.FILE_ONLY_IN_COPY, f"{COPY}/new.py", adds(f"{COPY}/new.py", ""), mended=False
    ),
    "a source that became executable": Planted(
        FaultKind.MODE_DIFFERS, IN_COPY, lambda tree: (tree / IN_SOURCE).chmod(0o755), mended=True
    ),
    "a copy that became executable": Planted(
        FaultKind.MODE_DIFFERS, IN_COPY, lambda tree: (tree / IN_COPY).chmod(0o755), mended=True
    ),
    "a link inside the copy": Planted(
        FaultKind.LINK_INSIDE,
        IN_COPY,
        in_turn(removes(IN_COPY), lambda tree: (tree / IN_COPY).symlink_to("module_1.py")),
        mended=False,
    ),
    "links inside the source and the copy alike": Planted(
        FaultKind.LINK_INSIDE,
        f"{SOURCE}/again.py",
        in_turn(
            lambda tree: (tree / SOURCE / "again.py").symlink_to("module_1.py"),
            lambda tree: (tree / COPY / "again.py").symlink_to("module_1.py"),
        ),
        mended=False,
    ),
    "both sides edited alike, and only the source staged": Planted(
        FaultKind.INDEX_DRIFT,
        COPY,
        in_turn(adds(IN_SOURCE, EDIT), adds(IN_COPY, EDIT), _git("add", SOURCE)),
        mended=False,
    ),
    "both sides edited alike, and only the copy staged": Planted(
        FaultKind.INDEX_DRIFT,
        COPY,
        in_turn(adds(IN_SOURCE, EDIT), adds(IN_COPY, EDIT), _git("add", COPY)),
        mended=False,
    ),
    "an index that git cannot read": Planted(
        FaultKind.INDEX_UNREADABLE,
        ".git",
        _breaks_index,
        mended=False,
    ),
    "a copy that is not staged at all": Planted(
        FaultKind.INDEX_DRIFT,
        COPY,
        _git("rm", "-rq", "--cached", COPY),
        mended=False,
    ),
    "a link that is not staged at all": Planted(
        FaultKind.INDEX_DRIFT,
        LINK,
        _git("rm", "-q", "--cached", LINK),
        mended=False,
    ),
}
