"""`scripts/find_uv.sh`: which uv a script gets, from stand-ins that accept or refuse the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.build.conftest import ROOT

PRINT_UV = 'root=$1; . "$root/scripts/find_uv.sh"; echo "$uv ${UV_CACHE_DIR:-}"'


class Checkout:
    """A folder with the script and the version in it, and a PATH that holds only what was put there."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a checkout"
        self.bin = folder / "bin"
        self.home = folder / "home"
        (self.root / "scripts").mkdir(parents=True)
        self.home.mkdir()
        self.bin.mkdir()
        shutil.copy(ROOT / "scripts" / "find_uv.sh", self.root / "scripts")
        shutil.copy(ROOT / "pyproject.toml", self.root)
        for tool in ("sh", "sed", "mkdir"):
            found = shutil.which(tool)
            assert found is not None
            (self.bin / tool).symlink_to(found)

    def put(self, path: Path, status: int) -> Path:
        """A command that does nothing and ends with this status."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\nexit {status}\n")
        path.chmod(0o755)
        return path

    def find(self) -> subprocess.CompletedProcess[str]:
        """Source the script as the others do, and print what it found."""
        return subprocess.run(
            ["/bin/sh", "-c", PRINT_UV, "sh", str(self.root)],
            env={"PATH": str(self.bin), "HOME": str(self.home)},
            text=True,
            capture_output=True,
            check=False,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_uv_on_path_that_accepts_the_checkout_is_used(checkout: Checkout) -> None:
    checkout.put(checkout.bin / "uv", status=0)
    assert checkout.find().stdout.split() == ["uv"]
    assert not (checkout.root / ".uv").exists()


def test_the_checkouts_own_uv_is_used_where_the_one_on_path_refuses(checkout: Checkout) -> None:
    checkout.put(checkout.bin / "uv", status=2)
    own = checkout.put(checkout.root / ".uv" / "bin" / "uv", status=0)
    assert checkout.find().stdout.strip() == str(own)


def test_without_a_uv_and_a_new_enough_python_the_message_says_which_is_needed(checkout: Checkout) -> None:
    checkout.put(checkout.bin / "python3", status=1)
    found = checkout.find()
    assert found.returncode == 1
    assert found.stderr.strip() == "Statekeep needs Python 3.11 or newer, and found none on PATH."
    assert found.stdout == ""


def test_a_python_without_venv_is_named_with_the_two_ways_on(checkout: Checkout) -> None:
    checkout.bin.joinpath("python3").write_text('#!/bin/sh\n[ "$1" = -c ]\n')
    checkout.bin.joinpath("python3").chmod(0o755)
    found = checkout.find()
    assert found.returncode == 1
    assert "Install its venv module, or put uv~=" in found.stderr


def test_the_cache_is_in_the_checkout_where_there_is_no_home_to_write_to(checkout: Checkout) -> None:
    checkout.put(checkout.bin / "uv", status=0)
    checkout.home.rmdir()
    checkout.home.write_text("a file")
    assert checkout.find().stdout.strip() == f"uv {checkout.root}{os.sep}.uv-cache"
