"""The builds that the tests of this folder share: each consumer, by both routes, from every tree.

Hatchling runs without an environment of its own here (the workspace pins the same version), which takes
a third of the time; `scripts/smoke_wheels.py` builds in isolation, as a user would.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from smoke.builds import Routes, only_file
from smoke.trees import CONSUMERS, copy_repository, mutilate

ROOT = Path(__file__).resolve().parents[2]


class Workshop:
    """Copies of the repository, and what was built from them. Each build happens once per test run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pristine = copy_repository(ROOT, folder / "pristine")
        self._routes: dict[tuple[str, str], Routes] = {}

    def tree(self, state: str) -> Path:
        """A copy whose vendored folders are in ``state``; shared by all tests, so nobody changes it."""
        tree = self.folder / "trees" / state
        if not tree.exists():
            mutilate(copy_repository(self.pristine, tree), state)
        return tree

    def own_tree(self, name: str) -> Path:
        """A copy of the tree as committed, for one test to change."""
        return copy_repository(self.pristine, self.folder / "own" / name)

    def routes(self, distribution: str, state: str) -> Routes:
        """The builds of a consumer from the tree in ``state``."""
        if (distribution, state) not in self._routes:
            output = self.folder / "built" / state / distribution
            consumer = self.tree(state) / CONSUMERS[distribution]
            wheel, sdist = build(consumer, "wheel", output / "a"), build(consumer, "sdist", output / "b")
            again = build(self.unpacked(sdist, output / "c"), "wheel", output / "d")
            self._routes[distribution, state] = Routes(wheel, sdist, again)
        return self._routes[distribution, state]

    def unpacked(self, sdist: Path, into: Path) -> Path:
        """The folder inside an sdist, unpacked under ``into``."""
        with tarfile.open(sdist) as archive:
            archive.extractall(into, filter="data")
        return into / sdist.name.removesuffix(".tar.gz")

    def unpacked_sdist(self, distribution: str, into: Path) -> Path:
        """An unpacked sdist of the tree as committed, for one test to change."""
        return self.unpacked(self.routes(distribution, "committed").sdist, into)


def build(project: Path, target: str, output: Path) -> Path:
    """Build one target of the project into ``output``. Raises `CalledProcessError`."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(output)]
    subprocess.run(command, cwd=project, check=True, capture_output=True, text=True)
    return only_file(output, "*.tar.gz" if target == "sdist" else "*.whl")


def import_without_site_packages(folder: Path, code: str) -> str:
    """What the code prints when an unpacked wheel in ``folder`` is all that is installed."""
    prelude = f"import site; site.addsitedir({str(folder)!r})\n"
    command = [sys.executable, "-I", "-S", "-c", prelude + code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def refusal(project: Path, target: str, output: Path) -> str:
    """The last line that a build said which had to fail; it left nothing in ``output``."""
    with pytest.raises(subprocess.CalledProcessError) as failed:
        build(project, target, output)
    assert not output.exists() or not list(output.iterdir())
    return str(failed.value.stderr).strip().splitlines()[-1]


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"))
