"""The identity pass: git's index alone decides, and no file of the tree is read."""

import shutil
import subprocess
from pathlib import Path

from vendoring.identity import identity_faults
from vendoring.repository import Repository

from tests.vendoring.planted import COPY, LINK, SOURCE, adds


def _places(tree: Path) -> list[str]:
    return [fault.place for fault in identity_faults(Repository(tree))]


def _git(tree: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=tree, check=True)


def test_a_clean_index_passes_with_no_file_left_on_disk(tree: Path) -> None:
    for folder in ("shared", "core", "task-sdk"):
        shutil.rmtree(tree / folder)
    assert _places(tree) == []


def test_a_folder_outside_git_does_not_pass_for_a_clean_index(tmp_path: Path) -> None:
    assert _places(tmp_path) == [".git"]


def test_an_unstaged_edit_is_not_its_business(tree: Path) -> None:
    adds(f"{SOURCE}/module_0.py", "# an edit\n")(tree)
    assert _places(tree) == []


def test_a_staged_edit_of_one_side_is_named(tree: Path) -> None:
    adds(f"{SOURCE}/module_0.py", "# an edit\n")(tree)
    _git(tree, "add", SOURCE)
    assert _places(tree) == [COPY]


def test_a_staged_mode_of_one_side_is_named(tree: Path) -> None:
    _git(tree, "update-index", "--chmod=+x", f"{COPY}/module_0.py")
    assert _places(tree) == [COPY]


def test_a_staged_copy_of_what_has_no_source_is_named(tree: Path) -> None:
    _git(tree, "rm", "-rq", "--cached", SOURCE)
    assert _places(tree) == [COPY]


def test_a_staged_link_to_another_place_is_named(tree: Path) -> None:
    (tree / LINK).unlink()
    (tree / LINK).symlink_to("../elsewhere")
    _git(tree, "add", LINK)
    assert _places(tree) == [LINK]


def test_a_staged_text_stub_of_a_link_is_named(tree: Path) -> None:
    target = str((tree / LINK).readlink())
    (tree / LINK).unlink()
    (tree / LINK).write_text(target)
    _git(tree, "add", LINK)
    assert _places(tree) == [LINK]
