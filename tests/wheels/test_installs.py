"""What an installation by uv holds after the shared code changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from smoke.builds import run_uv
from smoke.trees import copy_repository

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_an_install_that_is_not_editable_follows_a_change_of_the_shared_code(tmp_path: Path) -> None:
    tree = copy_repository(ROOT, tmp_path / "tree")
    source = tree / "shared/state/src/statekeep_shared/state/errors.py"
    sync = ("sync", "--quiet", "--no-editable", "--no-default-groups", "--package", "statekeep")
    run_uv(*sync, folder=tree)
    source.write_text(source.read_text("utf-8") + "\nCHANGED = True\n", encoding="utf-8")
    run_uv(*sync, folder=tree)
    (installed,) = (tree / ".venv").glob("lib/python*/site-packages/statekeep/_shared/state/errors.py")
    assert installed.read_bytes() == source.read_bytes()
