"""The wheels of an earlier state are built from the history, which has to be there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from smoke.builds import BuildError
from smoke.previous import PREVIOUS_COMMIT, wheels_of

ROOT = Path(__file__).resolve().parents[2]


def test_the_commit_is_one_of_this_history() -> None:
    named = subprocess.run(
        ["git", "-C", str(ROOT), "merge-base", "--is-ancestor", PREVIOUS_COMMIT, "HEAD"], check=False
    )
    assert named.returncode == 0


def test_a_clone_without_it_is_told_what_it_lacks(tmp_path: Path) -> None:
    absent = "0" * 40
    with pytest.raises(
        BuildError, match=rf"commit {absent}, .* run this in a clone that has the whole history"
    ):
        wheels_of(absent, ROOT, tmp_path)
