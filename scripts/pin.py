"""Rewrites the exact versions in the root's pyproject.toml from a fresh resolution.

``uv.lock`` is not committed, because it records the address of the registry it was made with. Two lists of
constraints are what everyone's ``uv sync`` and every build obey instead:

- ``constraint-dependencies``: everything in the workspace's environment;
- ``build-constraint-dependencies``: everything that builds a distribution, which the other does not govern.

Run with ``uv run scripts/pin.py``. Everything else in the file stays as it is, comments included.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, cast

import tomlkit

if TYPE_CHECKING:
    from tomlkit.items import Array, Table

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Resolve both lists without the old versions, write them, and resolve again with them."""
    pyproject = ROOT / "pyproject.toml"
    with tempfile.TemporaryDirectory(prefix="statekeep-pin-") as scratch:
        unpinned = _workspace_without_pins(Path(scratch))
        environment = _environment_versions(unpinned)
        builds = _build_versions(unpinned)
    pyproject.write_text(with_pins(pyproject.read_text("utf-8"), environment, builds), encoding="utf-8")
    (ROOT / "uv.lock").unlink(missing_ok=True)
    _uv(ROOT, "lock", "--quiet")
    print(f"{len(environment)} versions of the environment and {len(builds)} of builds are pinned.")


def _workspace_without_pins(scratch: Path) -> Path:
    """A copy of the workspace's pyproject.toml files; a failure leaves the checkout as it was."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    (scratch / "pyproject.toml").write_text(with_pins(text, [], []), encoding="utf-8")
    for member in _members(ROOT):
        (scratch / member).mkdir(parents=True)
        shutil.copy(ROOT / member / "pyproject.toml", scratch / member)
        (scratch / member / "README.md").touch()
        (scratch / member / "LICENSE").touch()
    return scratch


def _environment_versions(workspace: Path) -> list[str]:
    """``name==version`` for each package of a registry in a fresh lock, with a marker where versions fork."""
    _uv(workspace, "lock", "--quiet")
    packages = tomllib.loads((workspace / "uv.lock").read_text("utf-8"))["package"]
    pins = []
    for package in packages:  # in the order of their names, as the lock has them
        if "registry" in package["source"]:
            markers = " or ".join(f"({marker})" for marker in package.get("resolution-markers", []))
            pins.append(f"{package['name']}=={package['version']}" + (f" ; {markers}" if markers else ""))
    return pins


def _build_versions(workspace: Path) -> list[str]:
    """``name==version`` for whatever the build systems of the members, and of source distributions, bring."""
    tool = tomllib.loads((workspace / "pyproject.toml").read_text("utf-8"))["tool"]
    requirements = set(tool["statekeep"]["pin"]["build-requirements"])
    for member in _members(workspace):
        pyproject = tomllib.loads((workspace / member / "pyproject.toml").read_text("utf-8"))
        requirements.update(pyproject["build-system"]["requires"])
    (workspace / "build.in").write_text("\n".join(sorted(requirements)), encoding="utf-8")
    plain = ("--quiet", "--no-header", "--no-annotate", "--python-version", "3.11")
    return _uv(workspace, "pip", "compile", *plain, "build.in").splitlines()


def with_pins(text: str, environment: list[str], builds: list[str]) -> str:
    """The text of a pyproject.toml with both lists replaced, and every other line as it was."""
    document = tomlkit.parse(text)
    uv = cast("Table", cast("Table", document["tool"])["uv"])
    uv["constraint-dependencies"] = _one_per_line(environment)
    uv["build-constraint-dependencies"] = _one_per_line(builds)
    return tomlkit.dumps(document)


def _one_per_line(values: list[str]) -> Array:
    array = tomlkit.array()
    array.extend(values)
    return array.multiline(multiline=bool(values))


def _members(workspace: Path) -> list[str]:
    tool = tomllib.loads((workspace / "pyproject.toml").read_text("utf-8"))["tool"]
    members: list[str] = tool["uv"]["workspace"]["members"]
    return members


def _uv(folder: Path, *arguments: str) -> str:
    command = [os.environ.get("UV", "uv"), *arguments]  # `uv run` names itself in UV
    return subprocess.run(command, cwd=folder, check=True, text=True, stdout=subprocess.PIPE).stdout


if __name__ == "__main__":
    main()
