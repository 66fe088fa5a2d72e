"""Copies of the repository in which the vendored code is in every state that a checkout can have."""

from __future__ import annotations

import os
import shutil
import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REPOSITORY_PARTS = ("pyproject.toml", ".gitignore", "task-sdk", "core", "shared")
CONSUMERS = {"statekeep": "task-sdk", "statekeep-core": "core"}  # by distribution: its folder


def copy_repository(source: Path, target: Path) -> Path:
    """Copy what a build reads, links as links, into the new folder ``target``. Returns ``target``."""
    target.mkdir(parents=True)
    unwanted = shutil.ignore_patterns("__pycache__", ".*_cache", "dist", ".venv")
    for name in REPOSITORY_PARTS:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, symlinks=True, ignore=unwanted)
        else:
            shutil.copy(source / name, target / name)
    return target


def leave_as_committed(vendored: Path, link_target: str) -> None:
    """Nothing is done: a copy in one consumer, a link in the other."""


def leave_text_stub(vendored: Path, link_target: str) -> None:
    """A checkout without symlinks: a regular file that holds where the link would point."""
    remove(vendored)
    vendored.write_text(link_target)


def leave_dangling_link(vendored: Path, link_target: str) -> None:
    """A link to a place that no longer exists."""
    remove(vendored)
    vendored.symlink_to(link_target + "-gone")


def leave_drifted_copy(vendored: Path, link_target: str) -> None:
    """A real copy that somebody edited, added a file to and removed one from."""
    source = (vendored.parent / link_target).resolve()
    remove(vendored)
    shutil.copytree(source, vendored, ignore=shutil.ignore_patterns("__pycache__"))
    (vendored / "__init__.py").write_text("raise RuntimeError('a drifted copy was shipped')\n")
    (vendored / "stray.py").write_text("")
    (vendored / "errors.py").unlink()


def leave_nothing(vendored: Path, link_target: str) -> None:  # noqa: ARG001 - called like the others
    """The folder is not there at all."""
    remove(vendored)


MUTILATIONS: dict[str, Callable[[Path, str], None]] = {
    "committed": leave_as_committed,
    "stub": leave_text_stub,
    "dangling": leave_dangling_link,
    "drifted": leave_drifted_copy,
    "missing": leave_nothing,
}


def mutilate(repository: Path, state: str) -> None:
    """Bring every vendored folder of a copied repository into one of the ``MUTILATIONS``."""
    for folder in CONSUMERS.values():
        for vendored, source in vendored_folders(repository / folder):
            MUTILATIONS[state](vendored, os.path.relpath(source, vendored.parent))


def vendored_folders(consumer: Path) -> list[tuple[Path, Path]]:
    """Where each shared distribution goes in one consumer, and where its source is."""
    vendor = tomllib.loads((consumer / "pyproject.toml").read_text("utf-8"))["tool"]["statekeep"]["vendor"]
    shared = consumer.parent / "shared"
    return [
        (consumer / vendor["into"] / name, shared / name / "src" / "statekeep_shared" / name)
        for name in vendor["shared"]
    ]


def remove(path: Path) -> None:
    """Remove a file, a link (not what it points to) or a folder."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path)
