"""A new shared distribution: its files, and its place in the workspace; all of it or nothing."""

import keyword
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vendoring.check import find_faults, mend_faults
from vendoring.toml_edits import TomlEdits
from vendoring.workspace import (
    DISTRIBUTION_PREFIX,
    MODULE_NAME,
    NAMESPACE,
    Workspace,
    read_workspace,
    strings_at,
)

DEFAULT_BUILD_REQUIRES = ["uv_build>=0.13,<0.14"]
MAX_NAME_CHARACTERS = 40  # the name stands twice in a path, and once in a distribution's name

_PYPROJECT = """\
[project]
name = "{distribution}"
version = "0.1.0"
description = "{description}"
requires-python = ">=3.11"
license = "Apache-2.0"
classifiers = ["Private :: Do Not Upload"]

[build-system]
requires = [{build_requires}]
build-backend = "uv_build"

[tool.uv.build-backend]
module-name = "{namespace}.{name}"
"""

_FIRST_TEST = """\
import subprocess
import sys


def test_importing_the_package_loads_the_standard_library_only() -> None:
    added = _loaded_after("import {namespace}.{name}") - _loaded_after("pass") - sys.stdlib_module_names
    assert added == {{"{namespace}"}}


def _loaded_after(code: str) -> set[str]:
    code += "; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())
"""


class ScaffoldError(Exception):
    """A shared distribution that cannot be made as asked. The tree is as it was."""


def add_shared(root: Path, name: str, description: str, into: Sequence[str]) -> None:
    """Make `shared/NAME` and wire it into the workspace and every consumer in `into`.

    Afterwards the vendoring check finds nothing. When that cannot be reached, ScaffoldError or the system's
    own error is raised, and every file is as it was before.
    """
    workspace = _sound_workspace(root)
    check_name(workspace, name)
    known = {consumer.folder for consumer in workspace.consumers}
    if not description.isprintable():
        raise ScaffoldError("the description is more than one line, or holds control characters")
    for folder in into:
        if folder not in known:
            vendoring = ", ".join(sorted(known)) or "none"
            raise ScaffoldError(f"{folder!r} has no [tool.statekeep.vendor]; the consumers are: {vendoring}")
    with _all_or_nothing(workspace, name):
        write_shared(workspace, name, description)
        edits = TomlEdits(root)
        for folder in into:
            edits.append(f"{folder}/pyproject.toml", ("tool", "statekeep", "vendor", "shared"), name)
        edits.save()
        _, left = mend_faults(root)
        if left:
            raise ScaffoldError(f"the check still finds {len(left)} faults; the first: {left[0].line}")


def _sound_workspace(root: Path) -> Workspace:
    workspace, _ = read_workspace(root)
    faults = find_faults(root)
    if faults or workspace is None:
        raise ScaffoldError(
            f"the tree has {len(faults)} faults already, which must be mended first "
            f"(scripts/check_vendored.py --fix); the first: {faults[0].line}"
        )
    return workspace


def check_name(workspace: Workspace, name: str) -> None:
    """Raise ScaffoldError for a name that is taken, or cannot be folder, module and distribution at once."""
    if not MODULE_NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ScaffoldError(
            f"{name!r} cannot be a module: lower-case letters, digits and single underscores between them, "
            "a letter first, no keyword of Python"
        )
    if len(name) > MAX_NAME_CHARACTERS:
        raise ScaffoldError(f"the name has {len(name)} characters, over the limit of {MAX_NAME_CHARACTERS}")
    if (workspace.root / "shared" / name).exists():
        raise ScaffoldError(f"shared/{name} exists; choose another name, or remove the folder")
    for consumer in workspace.consumers:
        if (workspace.root / consumer.copy_of(name)).exists():
            raise ScaffoldError(f"{consumer.copy_of(name)} exists; choose another name, or remove it")


def write_shared(workspace: Workspace, name: str, description: str) -> None:
    """Write the files of a shared distribution that does not exist yet, and wire nothing."""
    folder = workspace.root / "shared" / name
    package = folder / "src" / NAMESPACE / name
    package.mkdir(parents=True)
    (folder / "tests").mkdir()
    facts = {
        "name": name,
        "namespace": NAMESPACE,
        "distribution": DISTRIBUTION_PREFIX + name.replace("_", "-"),
        "description": description.replace("\\", "\\\\").replace('"', '\\"'),
        "build_requires": ", ".join(f'"{requirement}"' for requirement in _build_requires(workspace)),
    }
    (folder / "pyproject.toml").write_text(_PYPROJECT.format(**facts), encoding="utf-8")
    (package / "__init__.py").write_text('"""{description}"""\n'.format(**facts), encoding="utf-8")
    (package / "py.typed").touch()
    (folder / "tests" / "test_package.py").write_text(_FIRST_TEST.format(**facts), encoding="utf-8")


def _build_requires(workspace: Workspace) -> list[str]:
    """What the others are built with, so that one version of the build backend serves all."""
    for shared in workspace.shared.values():
        return strings_at(shared.project, "build-system", "requires")
    return DEFAULT_BUILD_REQUIRES


@contextmanager
def _all_or_nothing(workspace: Workspace, name: str) -> Iterator[None]:
    places = ["pyproject.toml", *(consumer.place for consumer in workspace.consumers)]
    before = {place: (workspace.root / place).read_bytes() for place in places}
    try:
        yield
    except BaseException:  # a Ctrl-C, too, must leave nothing half-written
        for place, content in before.items():
            (workspace.root / place).write_bytes(content)
        shutil.rmtree(workspace.root / "shared" / name, ignore_errors=True)
        for consumer in workspace.consumers:
            _remove(workspace.root / consumer.copy_of(name))
        raise


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
