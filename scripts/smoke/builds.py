"""Wheels by both routes: straight from the tree, and from the tree's source distribution."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path


class BuildError(Exception):
    """A build ended with another status than 0; the message is what it printed."""


@dataclass(frozen=True)
class Routes:
    """What one consumer's builds left behind."""

    wheel_from_tree: Path
    sdist: Path
    wheel_from_sdist: Path


def build_both_routes(repository: Path, distribution: str, output: Path) -> Routes:
    """Build as a user does, in isolation, into ``output``. Raises `BuildError`."""
    build = ("build", "--package", distribution, "--out-dir")
    run_uv(*build, str(output / "tree"), "--wheel", folder=repository)
    run_uv(*build, str(output / "sdist"), folder=repository)
    return Routes(
        only_file(output / "tree", "*.whl"),
        only_file(output / "sdist", "*.tar.gz"),
        only_file(output / "sdist", "*.whl"),
    )


def write_constraints(repository: Path, target: Path) -> Path:
    """The exact versions of the workspace, as a file that installations outside it can obey."""
    uv = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["tool"]["uv"]
    target.write_text("\n".join(uv["constraint-dependencies"]) + "\n")
    return target


def run_uv(*arguments: str, folder: Path) -> None:
    """Run uv in ``folder`` with nothing in its environment that could make it use another one."""
    finished = subprocess.run(
        [find_uv(), *arguments], cwd=folder, env=clean_variables(), text=True, capture_output=True
    )
    if finished.returncode != 0:
        command = " ".join(["uv", *arguments])
        raise BuildError(f"{command} ended with status {finished.returncode}:\n{finished.stderr}")


def find_uv() -> str:
    """The uv that runs this process (named in ``UV``), or the one on PATH, or the checkout's own."""
    own = Path(__file__).resolve().parents[2] / ".uv" / "bin" / "uv"
    found = os.environ.get("UV") or shutil.which("uv") or shutil.which(own)
    if found is None:
        raise BuildError("there is no uv on PATH, and none in .uv; scripts/test puts one there")
    return found


def clean_variables() -> dict[str, str]:
    """The environment without what points at an interpreter, an environment or modules of the caller's."""
    pointers = {"VIRTUAL_ENV", "UV_PYTHON", "UV_PROJECT_ENVIRONMENT", "PYTHONPATH", "PYTHONHOME"}
    return {name: value for name, value in os.environ.items() if name not in pointers}


def only_file(folder: Path, pattern: str) -> Path:
    """The one file in ``folder`` that matches. Raises `BuildError` when there is another number of them."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise BuildError(f"{folder} holds {len(found)} files that match {pattern}, where 1 was expected")
    return found[0]
