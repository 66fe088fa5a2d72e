"""A sweep may be killed anywhere: nothing that is named is lost, and the next sweeps remove the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

_ROOT = Path(__file__).parents[2]
_FEWEST_KILLS = 100


def test_a_sweep_that_is_killed_at_any_step_is_completed_by_the_next(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.killed_sweeps", str(tmp_path)],
        cwd=_ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(_ROOT), str(_ROOT / "task-sdk" / "tests")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["faults"] == []
    assert found["kills"] > _FEWEST_KILLS
