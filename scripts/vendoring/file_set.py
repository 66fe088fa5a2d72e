"""The files of a package as they are vendored: which, with what content, executable or not."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

IGNORED_NAMES = frozenset({"__pycache__", ".DS_Store"})
IGNORED_SUFFIXES = (".pyc", ".pyo")


class PackageFile(NamedTuple):
    """One file: `content` is None for a link, which no package may hold."""

    content: bytes | None
    executable: bool


def files_of(folder: Path) -> dict[str, PackageFile]:
    """The files below `folder` by their relative paths, without what Python and desktops leave behind."""
    return dict(_walk(folder, ""))


def is_ignored(name: str) -> bool:
    """Whether a file or folder of this name is never vendored."""
    return name in IGNORED_NAMES or name.endswith(IGNORED_SUFFIXES)


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, PackageFile]]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if is_ignored(entry.name):
            continue
        if entry.is_symlink():
            yield prefix + entry.name, PackageFile(None, executable=False)
        elif entry.is_dir():
            yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")
        else:
            executable = bool(entry.stat().st_mode & 0o100)
            yield prefix + entry.name, PackageFile(Path(entry.path).read_bytes(), executable)
