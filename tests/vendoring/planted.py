"""A fault that is planted in a tree on purpose, and what the check must say and do about it."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vendoring.check import find_faults, mend_faults
from vendoring.faults import FaultKind

SOURCE = "shared/alpha/src/statekeep_shared/alpha"
COPY = "task-sdk/src/statekeep/_shared/alpha"
LINK = "core/src/statekeep_core/_shared/alpha"
SDK = "task-sdk/pyproject.toml"
CORE = "core/pyproject.toml"
ROOT = "pyproject.toml"

Plant = Callable[[Path], None]


@dataclass(frozen=True)
class Planted:
    """One row: the tree gets `plant`, the check names `kind` at `place`, `--fix` mends it or leaves it alone.

    `beside` are the kinds of fault that the same plant cannot avoid.
    """

    kind: FaultKind
    place: str
    plant: Plant
    mended: bool
    beside: tuple[FaultKind, ...] = ()

    def prove(self, tree: Path) -> None:
        """Plant the fault, see it named alone, let `--fix` at it, and see what it may and may not do."""
        assert find_faults(tree) == []
        self.plant(tree)
        faults = find_faults(tree)
        assert {fault.kind for fault in faults} == {self.kind, *self.beside}
        named = [fault for fault in faults if fault.kind is self.kind]
        assert any(fault.place.startswith(self.place) for fault in named)
        assert all(("--fix mends it" in fault.line) is self.mended for fault in named)
        before = _contents(tree)
        mended, left = mend_faults(tree)
        if self.mended:
            assert {fault.kind for fault in left} <= {FaultKind.INDEX_DRIFT}  # --fix stages nothing
            subprocess.run(["git", "add", "-A"], cwd=tree, check=True)
            assert find_faults(tree) == []
        else:
            assert self.kind in {fault.kind for fault in left}
            assert mended or _contents(tree) == before


def _contents(tree: Path) -> dict[str, bytes | str]:
    return {
        str(path.relative_to(tree)): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in tree.rglob("*")
        if ".git" not in path.parts and (path.is_symlink() or path.is_file())
    }


def adds(place: str, text: str) -> Plant:
    """Append text to a file, which may be new."""

    def plant(tree: Path) -> None:
        path = tree / place
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(text)

    return plant


def replaces(place: str, old: str, new: str) -> Plant:
    """Replace text that must be there."""

    def plant(tree: Path) -> None:
        text = (tree / place).read_text(encoding="utf-8")
        assert old in text
        (tree / place).write_text(text.replace(old, new), encoding="utf-8")

    return plant


def removes(place: str) -> Plant:
    """Remove a file or a link."""
    return lambda tree: (tree / place).unlink()


def in_turn(*plants: Plant) -> Plant:
    """Several plants, one after the other."""

    def plant(tree: Path) -> None:
        for one in plants:
            one(tree)

    return plant
