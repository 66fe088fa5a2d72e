"""The files that the style check reads: what git would commit, without vendored copies; parsed once."""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from checking.python_source import parse

VENDORED = re.compile(r"/_shared/[^/]+/")


class NotARepositoryError(Exception):
    """A folder of which git cannot say what belongs to it."""


@dataclass(frozen=True)
class SourceFile:
    """One file of the tree, by its path from the root."""

    root: Path
    place: str

    @cached_property
    def text(self) -> str:
        """The whole text; what is not UTF-8 is shown by replacement characters."""
        return (self.root / self.place).read_text(encoding="utf-8", errors="replace")

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their ends."""
        return self.text.splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed module. Raises UnparsableSourceError."""
        return parse(self.root / self.place)

    @property
    def name(self) -> str:
        """The file's name."""
        return PurePosixPath(self.place).name

    @property
    def is_python(self) -> bool:
        """Whether it is a module."""
        return self.place.endswith(".py")

    @property
    def is_test(self) -> bool:
        """Whether it belongs to a folder of tests."""
        return "tests" in PurePosixPath(self.place).parts[:-1]

    @property
    def is_shipped(self) -> bool:
        """Whether users install it."""
        return "src" in PurePosixPath(self.place).parts[:-1] and not self.is_test


def source_files(root: Path) -> Iterator[SourceFile]:
    """Every file that is tracked or would be, in the order of paths. Raises NotARepositoryError."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=True, encoding="utf-8")
    except (OSError, subprocess.CalledProcessError) as error:
        raise NotARepositoryError(f"git cannot list the files of {root}: {error}") from error
    for place in sorted(set(done.stdout.split("\0")) - {""}):
        path = root / place
        if path.is_file() and not path.is_symlink() and not VENDORED.search(place):
            yield SourceFile(root, place)
