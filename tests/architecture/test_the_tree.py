"""The rules, checked on this repository as it stands; what a hook could be skipped for fails here."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("check", ["check_vendored.py", "check_layers.py", "check_style.py"])
def test_the_tree_passes_its_own_checks(check: str) -> None:
    command = [sys.executable, str(ROOT / "scripts" / check)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
