"""Planted faults of the symlink that stands for a copy."""

import shutil
import subprocess
from pathlib import Path

from vendoring.faults import FaultKind

from tests.vendoring.planted import COPY, LINK, SOURCE, Plant, Planted, adds, in_turn, removes

TARGET = f"../../../../{SOURCE}"


def _leads_to(target: str) -> Plant:
    return in_turn(removes(LINK), lambda tree: (tree / LINK).symlink_to(target))


def _leads_to_absolute(tree: Path) -> None:
    (tree / LINK).unlink()
    (tree / LINK).symlink_to(tree / SOURCE)


def _is_a_folder(tree: Path) -> None:
    (tree / LINK).unlink()
    shutil.copytree(tree / SOURCE, tree / LINK)


def _stages(tree: Path) -> None:
    subprocess.run(["git", "add", "-A", LINK], cwd=tree, check=True)


def _links_again(tree: Path) -> None:
    if (tree / LINK).is_dir():
        shutil.rmtree(tree / LINK)
    (tree / LINK).unlink(missing_ok=True)
    (tree / LINK).symlink_to(TARGET)


CASES = {
    "a link that is not there": Planted(FaultKind.LINK_MISSING, LINK, removes(LINK), mended=True),
    "a link that leads nowhere": Planted(FaultKind.LINK_DANGLING, LINK, _leads_to("../nothing"), mended=True),
    "a link that is absolute": Planted(FaultKind.LINK_ABSOLUTE, LINK, _leads_to_absolute, mended=True),
    "a link to another distribution": Planted(
        FaultKind.LINK_ELSEWHERE, LINK, _leads_to(TARGET.replace("alpha", "beta")), mended=True
    ),
    "a link to the right place by another way": Planted(
        FaultKind.LINK_ELSEWHERE, LINK, _leads_to(TARGET + "/../alpha"), mended=True
    ),
    "the text stub of a link": Planted(
        FaultKind.LINK_IS_STUB, LINK, in_turn(removes(LINK), adds(LINK, TARGET)), mended=True
    ),
    "a file where git has staged a link": Planted(
        FaultKind.LINK_IS_STUB,
        LINK,
        in_turn(removes(LINK), adds(LINK, "../some/other/target\n")),
        mended=True,
    ),
    "a file that nobody knows where the link belongs": Planted(
        FaultKind.LINK_IS_FILE,
        LINK,
        in_turn(removes(LINK), adds(LINK, "notes"), _stages),
        mended=False,
        beside=(FaultKind.LINK_NOT_IN_INDEX,),
    ),
    "a real folder, equal to the source, where the link belongs": Planted(
        FaultKind.LINK_IS_FOLDER, LINK, _is_a_folder, mended=True
    ),
    "a real folder, equal to a source that git has not seen, where the link belongs": Planted(
        FaultKind.LINK_IS_FOLDER,
        LINK,
        in_turn(adds(f"{SOURCE}/new.py", "x = 1\n"), adds(f"{COPY}/new.py", "x = 1\n"), _is_a_folder),
        mended=True,
    ),
    "a real folder that is behind the source": Planted(
        FaultKind.LINK_IS_FOLDER,
        LINK,
        in_turn(_is_a_folder, adds(f"{SOURCE}/module_0.py", "# an edit\n")),
        mended=True,
        beside=(FaultKind.COPY_BEHIND,),
    ),
    "a real folder with an edit of its own": Planted(
        FaultKind.LINK_IS_FOLDER,
        LINK,
        in_turn(_is_a_folder, adds(f"{LINK}/module_0.py", "# an edit\n")),
        mended=False,
    ),
    "a link on disk, and a folder in git": Planted(
        FaultKind.LINK_NOT_IN_INDEX, LINK, in_turn(_is_a_folder, _stages, _links_again), mended=False
    ),
    "a link on disk, and its text stub in git": Planted(
        FaultKind.LINK_NOT_IN_INDEX,
        LINK,
        in_turn(removes(LINK), adds(LINK, TARGET), _stages, _links_again),
        mended=False,
    ),
}
