"""One generated workspace per run, and a copy of it for every test that plants something."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from vendoring.generated_workspace import write_workspace


@pytest.fixture(scope="session", autouse=True)
def git_without_the_callers_repository() -> Iterator[None]:
    """A git hook exports GIT_INDEX_FILE and more, which would send git in these trees to the caller's."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory, git_without_the_callers_repository: None) -> Path:
    root = tmp_path_factory.mktemp("workspace") / "tree"
    write_workspace(root, ["alpha", "beta"], modules=2)
    return root


@pytest.fixture
def tree(pristine: Path, tmp_path: Path) -> Path:
    """A workspace of two shared distributions, `alpha` and `beta`, without a fault, for this test alone."""
    return Path(shutil.copytree(pristine, tmp_path / "tree", symlinks=True))
