"""A workspace of any size that is like the repository's, for the check's own tests and its benchmark."""

import subprocess
from pathlib import Path

from vendoring.check import mend_faults
from vendoring.scaffold import write_shared
from vendoring.toml_edits import TomlEdits
from vendoring.workspace import NAMESPACE, Workspace, read_workspace

CONSUMERS = {"task-sdk": ("statekeep", "copy"), "core": ("statekeep_core", "link")}

_ROOT = """\
[project]
name = "generated-workspace"
version = "0"
requires-python = ">=3.11"

[dependency-groups]
dev = ["statekeep", "statekeep-core"]

[tool.uv]
package = false

[tool.uv.workspace]
members = ["task-sdk", "core"]

[tool.uv.sources]
statekeep = { workspace = true }
statekeep-core = { workspace = true }

[tool.mypy]
mypy_path = ["$MYPY_CONFIG_FILE_DIR/task-sdk/src", "$MYPY_CONFIG_FILE_DIR/core/src"]

[tool.pytest.ini_options]
testpaths = ["task-sdk/tests", "core/tests"]

[tool.coverage.paths]
"""

_CONSUMER = """\
[project]
name = "{distribution}"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = []

[build-system]
requires = ["hatchling>=1.28"]
build-backend = "hatchling.build"

[tool.statekeep.vendor]
shared = []
into = "src/{package}/_shared"
kept-as = "{kept_as}"

[tool.hatch.build]
exclude = ["/src/{package}/_shared/*", "!/src/{package}/_shared/__init__.py"]

[tool.hatch.build.hooks.custom]

[tool.hatch.build.targets.wheel]
packages = ["src/{package}"]

[tool.hatch.build.targets.sdist.force-include]
"""

_MODULE = '''\
"""Module {number} of a generated package."""

from dataclasses import dataclass
from types import MappingProxyType

LIMITS = MappingProxyType({{"rows": {number}}})


@dataclass(frozen=True)
class Entry{number}:
    """Something that is kept."""

    key: str
    size_bytes: int

    def fits(self, limit_bytes: int) -> bool:
        """Whether the entry may be kept."""
        return 0 <= self.size_bytes <= limit_bytes


def total_bytes(entries: list[Entry{number}]) -> int:
    """What the entries take together."""
    total = 0
    for entry in entries:
        if entry.fits(LIMITS["rows"]):
            total += entry.size_bytes
    return total
'''


def write_workspace(root: Path, shared: list[str], *, modules: int) -> None:
    """Write and commit a workspace without a fault; both consumers vendor every shared distribution."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "pyproject.toml").write_text(_ROOT, encoding="utf-8")
    for folder, (package, kept_as) in CONSUMERS.items():
        _write_consumer(root / folder, package, kept_as)
    workspace, _ = read_workspace(root)
    if workspace is None:
        raise AssertionError("the generated root cannot be read")
    for name in shared:
        _write_shared(workspace, name, modules)
    edits = TomlEdits(root)
    for folder in CONSUMERS:
        for name in shared:
            edits.append(f"{folder}/pyproject.toml", ("tool", "statekeep", "vendor", "shared"), name)
    edits.save()
    _, left = mend_faults(root)
    if left:
        raise AssertionError(f"the generated tree has faults: {left[0].line}")
    commit_all(root, "a generated workspace", first=True)


def commit_all(root: Path, subject: str, *, first: bool = False) -> None:
    """Stage and commit the whole tree, under a name of its own and without anybody's hooks."""
    settings = ("user.name=generated", "user.email=generated@localhost", "commit.gpgsign=false")
    options = [part for setting in settings for part in ("-c", setting)]
    if first:
        subprocess.run(["git", "init", "-q", "--template=", "-b", "main"], cwd=root, check=True)
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run(["git", *options, "commit", "-q", "--no-verify", "-m", subject], cwd=root, check=True)


def _write_consumer(folder: Path, package: str, kept_as: str) -> None:
    place = folder / "src" / package / "_shared"
    place.mkdir(parents=True)
    (place / "__init__.py").write_text('"""Private copies."""\n', encoding="utf-8")
    (place.parent / "__init__.py").write_text('"""A generated consumer."""\n', encoding="utf-8")
    (folder / "hatch_build.py").write_text('"""A build hook."""\n', encoding="utf-8")
    project = _CONSUMER.format(distribution=package.replace("_", "-"), package=package, kept_as=kept_as)
    (folder / "pyproject.toml").write_text(project, encoding="utf-8")


def _write_shared(workspace: Workspace, name: str, modules: int) -> None:
    write_shared(workspace, name, f"The generated distribution {name}.")
    package = workspace.root / "shared" / name / "src" / NAMESPACE / name
    for number in range(modules):
        (package / f"module_{number}.py").write_text(_MODULE.format(number=number), encoding="utf-8")
