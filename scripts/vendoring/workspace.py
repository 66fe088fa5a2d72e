"""The workspace as its pyproject files declare it: the root, the shared distributions, who vendors them."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vendoring.faults import FaultKind, VendoringFault

NAMESPACE = "statekeep_shared"
DISTRIBUTION_PREFIX = "statekeep-shared-"
MODULE_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
KEPT_AS = ("copy", "link")
Table = Mapping[str, Any]
_UNREADABLE = (FaultKind.PROJECT_UNREADABLE, FaultKind.VENDOR_TABLE_MALFORMED)


def at(table: Any, *keys: str) -> Any:
    """The value at a path of keys, or None where the path ends early or meets what is not a table."""
    for key in keys:
        table = table.get(key) if isinstance(table, Mapping) else None
    return table


def strings_at(table: Any, *keys: str) -> list[str]:
    """The strings of the list at a path of keys; empty when there is no list."""
    found = at(table, *keys)
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []


@dataclass(frozen=True)
class SharedDistribution:
    """A distribution under shared/: written once, shipped only inside others."""

    root: Path
    name: str
    project: Table

    @property
    def folder(self) -> str:
        """The workspace member."""
        return f"shared/{self.name}"

    @property
    def source(self) -> str:
        """The package that is vendored, as a path from the workspace's root."""
        return f"shared/{self.name}/src/{NAMESPACE}/{self.name}"

    @property
    def distribution(self) -> str:
        """The name that the workspace installs it under; never published."""
        return DISTRIBUTION_PREFIX + self.name.replace("_", "-")


@dataclass(frozen=True)
class Consumer:
    """A published distribution that carries private copies, or links, of shared ones."""

    root: Path
    folder: str
    project: Table
    shared: tuple[str, ...]
    into: str
    kept_as: str

    @property
    def place(self) -> str:
        """Where its pyproject stands."""
        return f"{self.folder}/pyproject.toml"

    def copy_of(self, name: str) -> str:
        """Where the copy of a shared distribution lies, as a path from the workspace's root."""
        return f"{self.folder}/{self.into}/{name}"


@dataclass(frozen=True)
class Workspace:
    """Everything that the checks compare, read once."""

    root: Path
    project: Table
    shared: Mapping[str, SharedDistribution]
    consumers: tuple[Consumer, ...]
    distributions: tuple[str, ...]  # the names of all members, whether they vendor or not

    def vendored(self) -> Iterator[tuple[Consumer, SharedDistribution]]:
        """Every pair of a consumer and a shared distribution that it names and that exists."""
        for consumer in self.consumers:
            for name in dict.fromkeys(consumer.shared):
                if name in self.shared:
                    yield consumer, self.shared[name]


@dataclass
class _Reader:
    root: Path
    faults: list[VendoringFault] = field(default_factory=list)
    distributions: list[str] = field(default_factory=list)

    def project(self, place: str) -> Table | None:
        try:
            return tomllib.loads((self.root / place).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            remedy = "repair the file; nothing else was checked"
            self.add(FaultKind.PROJECT_UNREADABLE, place, f"cannot be read: {error}", remedy)
            return None

    def add(self, kind: FaultKind, place: str, wrong: str, remedy: str) -> None:
        self.faults.append(VendoringFault(kind, place, wrong, remedy))


def read_workspace(root: Path) -> tuple[Workspace | None, list[VendoringFault]]:
    """Read every pyproject of the workspace; no workspace when one cannot be read.

    A check of the rest would take what is unreadable for absent, and call everything that names it stale.
    """
    reader = _Reader(root)
    project = reader.project("pyproject.toml")
    if project is None:
        return None, reader.faults
    shared = {item.name: item for item in _shared_distributions(reader)}
    consumers = tuple(_consumers(reader, project))
    if any(fault.kind in _UNREADABLE for fault in reader.faults):
        return None, reader.faults
    return Workspace(root, project, shared, consumers, tuple(reader.distributions)), reader.faults


def _shared_distributions(reader: _Reader) -> Iterator[SharedDistribution]:
    for folder in sorted((reader.root / "shared").glob("*/")):
        if not any(folder.rglob("*.py")) and not (folder / "pyproject.toml").exists():
            continue  # what a branch that had more distributions leaves behind: caches only
        project = reader.project(f"shared/{folder.name}/pyproject.toml")
        if project is not None:
            _note_name(reader, project)
            item = SharedDistribution(reader.root, folder.name, project)
            _check_names(reader, item)
            yield item


def _note_name(reader: _Reader, project: Table | None) -> None:
    name = at(project, "project", "name")
    if isinstance(name, str):
        reader.distributions.append(name)


def _check_names(reader: _Reader, item: SharedDistribution) -> None:
    place = f"{item.folder}/pyproject.toml"
    if not MODULE_NAME.fullmatch(item.name):
        wrong = f"the folder's name {item.name!r} cannot be a module's"
        reader.add(FaultKind.SHARED_MISNAMED, place, wrong, "rename the folder, with underscores for hyphens")
    expected = {
        "project.name": (at(item.project, "project", "name"), item.distribution),
        "tool.uv.build-backend.module-name": (
            at(item.project, "tool", "uv", "build-backend", "module-name"),
            f"{NAMESPACE}.{item.name}",
        ),
    }
    for key, (found, wanted) in expected.items():
        if found != wanted:
            wrong = f"{key} is {found!r}, and the folder's name makes it {wanted!r}"
            reader.add(FaultKind.SHARED_MISNAMED, place, wrong, f"set {key} to {wanted!r}")
    if not (reader.root / item.source / "__init__.py").is_file():
        wrong = f"{item.source}/__init__.py is missing"
        reader.add(FaultKind.SHARED_SOURCE_MISSING, place, wrong, "restore the package or remove the folder")
    stray = f"{item.folder}/src/{NAMESPACE}/__init__.py"
    if (reader.root / stray).exists():
        wrong = f"{NAMESPACE} is a namespace of many distributions; this file hides all the others"
        reader.add(FaultKind.NAMESPACE_INIT, stray, wrong, "remove the file")


def _consumers(reader: _Reader, project: Table) -> Iterator[Consumer]:
    members = strings_at(project, "tool", "uv", "workspace", "members")
    on_disk = [path.parent.name for path in sorted(reader.root.glob("*/pyproject.toml"))]
    folders = [member for member in members if "*" not in member and (reader.root / member).is_dir()]
    for folder in dict.fromkeys([*folders, *on_disk]):
        if folder.startswith("shared/"):
            continue
        consumer_project = reader.project(f"{folder}/pyproject.toml")
        _note_name(reader, consumer_project)
        table = at(consumer_project, "tool", "statekeep", "vendor")
        if consumer_project is not None and table is not None:
            yield from _consumer(reader, folder, consumer_project, table)


def _consumer(reader: _Reader, folder: str, project: Table, table: Any) -> Iterator[Consumer]:
    shared, into, kept_as = (at(table, key) for key in ("shared", "into", "kept-as"))
    if not isinstance(shared, list) or not all(isinstance(name, str) for name in shared):
        wrong, remedy = "shared is not a list of names", 'write shared = ["state", …]'
    elif not isinstance(into, str) or not into.startswith("src/") or not into.endswith("/_shared"):
        wrong, remedy = f"into is {into!r}", 'write into = "src/PACKAGE/_shared"'
    elif kept_as not in KEPT_AS:
        wrong, remedy = f"kept-as is {kept_as!r}", 'write kept-as = "copy" or kept-as = "link"'
    else:
        yield Consumer(reader.root, folder, project, tuple(shared), into, kept_as)
        return
    place = f"{folder}/pyproject.toml"
    reader.add(FaultKind.VENDOR_TABLE_MALFORMED, place, f"[tool.statekeep.vendor] {wrong}", remedy)
