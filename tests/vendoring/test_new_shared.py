"""A new shared distribution is wired in completely, or refused with nothing changed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from vendoring.check import find_faults, mend_faults
from vendoring.generated_workspace import commit_all
from vendoring.scaffold import ScaffoldError, add_shared

from tests.vendoring.planted import COPY, adds

pytestmark = pytest.mark.slow  # starts the commands, or clones the repository

COMMAND = Path(__file__).parents[2] / "scripts" / "new_shared.py"
BOTH = ["task-sdk", "core"]


def _status(tree: Path) -> list[str]:
    command = ["git", "status", "--porcelain", "--untracked-files=all"]
    done = subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True)
    return sorted(line[3:] for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    "into", [[], ["core"], ["task-sdk"], BOTH], ids=["nobody", "core", "task-sdk", "both"]
)
def test_the_check_passes_right_after(tree: Path, into: list[str]) -> None:
    add_shared(tree, "gamma", "What gamma holds.", into)
    assert find_faults(tree) == []


def test_git_status_shows_the_new_files_and_the_three_projects_and_nothing_else(tree: Path) -> None:
    add_shared(tree, "gamma", "What gamma holds.", BOTH)
    assert _status(tree) == sorted(
        [
            "core/pyproject.toml",
            "core/src/statekeep_core/_shared/gamma",
            "pyproject.toml",
            "shared/gamma/pyproject.toml",
            "shared/gamma/src/statekeep_shared/gamma/__init__.py",
            "shared/gamma/src/statekeep_shared/gamma/py.typed",
            "shared/gamma/tests/test_package.py",
            "task-sdk/pyproject.toml",
            "task-sdk/src/statekeep/_shared/gamma/__init__.py",
            "task-sdk/src/statekeep/_shared/gamma/py.typed",
        ]
    )


def test_its_first_test_passes(tree: Path) -> None:
    add_shared(tree, "gamma_two", 'What "gamma" holds, in C:\\.', BOTH)
    source = tree / "shared/gamma_two/src"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "shared/gamma_two/tests"],
        cwd=tree,
        env={"PYTHONPATH": str(source), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Gamma", "cannot be a module"),
        ("gamma-two", "cannot be a module"),
        ("_gamma", "cannot be a module"),
        ("gamma__two", "cannot be a module"),
        ("2gamma", "cannot be a module"),
        ("class", "cannot be a module"),
        ("../gamma", "cannot be a module"),
        ("", "cannot be a module"),
        ("g" * 41, "over the limit of 40"),
        ("alpha", "shared/alpha exists"),
    ],
)
def test_a_name_is_refused_with_its_reason_and_nothing_changes(tree: Path, name: str, reason: str) -> None:
    with pytest.raises(ScaffoldError, match=reason):
        add_shared(tree, name, "", BOTH)
    assert _status(tree) == []


def test_a_consumer_that_is_none_is_refused_and_the_others_are_named(tree: Path) -> None:
    with pytest.raises(ScaffoldError, match="the consumers are: core, task-sdk"):
        add_shared(tree, "gamma", "", ["tasks"])
    assert _status(tree) == []


def test_a_tree_with_a_fault_is_refused_before_anything_is_written(tree: Path) -> None:
    adds(f"{COPY}/module_0.py", "# an edit\n")(tree)
    with pytest.raises(ScaffoldError, match="1 faults already"):
        add_shared(tree, "gamma", "", BOTH)
    assert _status(tree) == [f"{COPY}/module_0.py"]


def test_what_the_mends_cannot_make_right_leaves_the_tree_as_it_was(tree: Path) -> None:
    add_shared(tree, "gamma", "What gamma holds.", ["task-sdk"])
    commit_all(tree, "gamma is there")
    shutil.rmtree(tree / "shared/gamma")
    shutil.rmtree(tree / "task-sdk/src/statekeep/_shared/gamma")
    _, left = mend_faults(tree)
    assert left == []
    before = _status(tree)
    command = [sys.executable, str(COMMAND), "gamma", "--into", "core", "--root", str(tree)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "nothing was made" in done.stderr
    assert "what is staged is not what is staged of shared/gamma" in done.stderr
    assert _status(tree) == before


def test_a_description_of_two_lines_is_refused(tree: Path) -> None:
    with pytest.raises(ScaffoldError, match="more than one line"):
        add_shared(tree, "gamma", "one\ntwo", BOTH)
    assert _status(tree) == []
