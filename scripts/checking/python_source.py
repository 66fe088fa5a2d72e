"""Python files, found and parsed; what cannot be parsed is an error that says so, never an empty module."""

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path

IGNORED_FOLDERS = frozenset({"__pycache__", "_shared", "dist", "node_modules"})


class UnparsableSourceError(Exception):
    """A file that is not Python in UTF-8; says at which line, with the parser's own reason."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        self.path = path
        self.line = line
        self.reason = reason
        super().__init__(f"{path}:{line}: {reason}")


def parse(path: Path) -> ast.Module:
    """The module's tree; raises UnparsableSourceError for what Python itself would refuse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape is a linter's business
            return ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise UnparsableSourceError(path, error.lineno or 1, error.msg) from error
    except (OSError, ValueError) as error:
        raise UnparsableSourceError(path, 1, str(error)) from error


def python_files(folder: Path, *, ignored: frozenset[str] = IGNORED_FOLDERS) -> Iterator[Path]:
    """Every .py file under `folder` in a stable order; hidden folders and vendored copies are not entered."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith(".") or path.name in ignored:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from python_files(path, ignored=ignored)
        elif path.suffix == ".py":
            yield path


def module_name(path: Path, source_root: Path) -> str:
    """The dotted name under which `path` is imported when `source_root` is on the path."""
    parts = list(path.relative_to(source_root).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


def package_of(path: Path, source_root: Path) -> str:
    """The package against which relative imports in `path` are resolved."""
    return ".".join(path.relative_to(source_root).parent.parts)
