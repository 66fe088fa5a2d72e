"""Wheels of an earlier state of this repository, built from its history."""

from __future__ import annotations

import subprocess
import tarfile
from io import BytesIO
from typing import TYPE_CHECKING

from smoke.builds import BuildError, only_file, run_uv
from smoke.trees import CONSUMERS, REPOSITORY_PARTS

if TYPE_CHECKING:
    from pathlib import Path

# The first whose workers and server speak the protocol over HTTP. After a release, name its commit here.
PREVIOUS_COMMIT = "69376f801dc97de664d2f1ac2ea64ba950584ede"


def wheels_of(commit: str, repository: Path, scratch: Path) -> list[Path]:
    """Build every consumer's wheel as it was then. Raises `BuildError` when that is not in the history."""
    archived = subprocess.run(
        ["git", "-C", str(repository), "archive", commit, *REPOSITORY_PARTS], capture_output=True, check=False
    )
    if archived.returncode != 0:
        said = archived.stderr.decode(errors="replace").strip()
        raise BuildError(
            f"commit {commit}, against whose wheels those of this release are tried, cannot be read ({said});"
            " run this in a clone that has the whole history"
        )
    tree = scratch / "tree"
    with tarfile.open(fileobj=BytesIO(archived.stdout)) as archive:
        archive.extractall(tree, filter="data")
    wheels = []
    for distribution in CONSUMERS:
        output = scratch / "built" / distribution
        run_uv("build", "--package", distribution, "--wheel", "--out-dir", str(output), folder=tree)
        wheels.append(only_file(output, "*.whl"))
    return wheels
