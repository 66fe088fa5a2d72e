"""The command: its words, its exit statuses, and what it does to the tree."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.vendoring.planted import COPY, SOURCE, adds, replaces

pytestmark = pytest.mark.slow  # starts the commands, or clones the repository

COMMAND = Path(__file__).parents[2] / "scripts" / "check_vendored.py"
SAME = f"{SOURCE}/module_0.py"


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, COMMAND, *arguments], capture_output=True, text=True, check=False)


def test_a_tree_without_a_fault_ends_with_0(tree: Path) -> None:
    done = _run("--root", tree)
    assert (done.returncode, done.stdout) == (0, "vendored copies: no fault\n")


def test_a_fault_is_one_line_and_ends_with_1(tree: Path) -> None:
    adds(SAME, "# an edit\n")(tree)
    done = _run("--root", tree)
    first, last = done.stdout.splitlines()
    assert done.returncode == 1
    assert first.startswith(f"{COPY}/module_0.py: differs from {SAME}")
    assert "[copy-behind]; --fix mends it" in first
    assert last == "vendored copies: 1 fault"


def test_fix_says_what_it_mended_and_ends_with_0(tree: Path) -> None:
    adds(SAME, "# an edit\n")(tree)
    done = _run("--fix", "--root", tree)
    assert done.returncode == 0
    assert done.stdout.startswith(f"mended: {COPY}/module_0.py: differs")


def test_fix_ends_with_1_when_something_is_left(tree: Path) -> None:
    adds(f"{COPY}/module_0.py", "# an edit\n")(tree)
    assert _run("--fix", "--root", tree).returncode == 1


def test_fix_says_what_it_cannot_edit_and_ends_with_2(tree: Path) -> None:
    replaces("pyproject.toml", 'dev = ["statekeep", ', 'dev = "statekeep"  # ["')(tree)
    done = _run("--fix", "--root", tree)
    assert done.returncode == 2
    assert "pyproject.toml: dependency-groups.dev is no list" in done.stderr


def test_quick_looks_at_the_index_only(tree: Path) -> None:
    adds(SAME, "# an edit\n")(tree)
    assert _run("--quick", "--root", tree).returncode == 0
    subprocess.run(["git", "add", SOURCE], cwd=tree, check=True)
    assert _run("--quick", "--root", tree).returncode == 1


def test_quick_with_fix_is_a_usage_error(tree: Path) -> None:
    assert _run("--quick", "--fix", "--root", tree).returncode == 2


def test_a_root_that_is_not_there_is_a_usage_error(tree: Path) -> None:
    done = _run("--root", tree / "nowhere")
    assert done.returncode == 2
    assert "is no folder" in done.stderr
