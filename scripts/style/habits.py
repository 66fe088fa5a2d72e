"""Habits of code: what an __init__ holds, where the environment is read, what a broad `except` must say."""

import ast
import re
from collections.abc import Iterator, Mapping

from checking.faults import Fault

from style.source_file import SourceFile

BROAD = frozenset({"Exception", "BaseException"})
ENVIRONMENT = frozenset({"environ", "environb", "getenv", "getenvb"})
INIT_NAMES = frozenset({"__all__", "__version__", "TYPE_CHECKING"})
REASON = re.compile(r"#\s*(?!noqa|type:)\S+(\s+\S+){2,}")  # three words at least, and no mere order to a tool


def habit_faults(file: SourceFile, environment_readers: Mapping[str, str]) -> Iterator[Fault]:
    """The faults of one module. `environment_readers` are the files that may read the environment."""
    if file.name == "__init__.py":
        yield from _init_code(file)
    if file.is_shipped and file.place not in environment_readers:
        yield from _environment(file)
    for node in ast.walk(file.tree):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and not _is_excused(file, node):
            wrong = "a broad `except` without its reason"
            remedy = "catch what can happen, or write beside it why everything must be caught"
            yield Fault("broad-except", f"{file.place}:{node.lineno}", wrong, remedy)


def _init_code(file: SourceFile) -> Iterator[Fault]:
    for number, statement in enumerate(file.tree.body):
        is_docstring = (
            number == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        )
        if not is_docstring and not _belongs_in_init(statement):
            wrong = f"an __init__ holds a docstring, imports and __all__; this is `{_first_line(statement)}`"
            place = f"{file.place}:{statement.lineno}"
            yield Fault("init-code", place, wrong, "move it into a module with a name")


def _belongs_in_init(statement: ast.stmt) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom():
            return True
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name in INIT_NAMES
        case ast.If(test=ast.Name(id="TYPE_CHECKING"), body=body, orelse=[]):
            return all(isinstance(inner, ast.Import | ast.ImportFrom) for inner in body)
    return False


def _first_line(statement: ast.stmt) -> str:
    return ast.unparse(statement).splitlines()[0]


def _environment(file: SourceFile) -> Iterator[Fault]:
    for node in ast.walk(file.tree):
        taken = isinstance(node, ast.ImportFrom) and node.module == "os"
        names = (
            {alias.name for alias in node.names} & ENVIRONMENT
            if isinstance(node, ast.ImportFrom) and taken
            else set()
        )
        if isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT and ast.unparse(node.value) == "os":
            names = {node.attr}
        for name in sorted(names):
            wrong = f"os.{name}: the environment is read in the settings and nowhere else"
            remedy = "take it as a parameter"
            yield Fault("environment", f"{file.place}:{getattr(node, 'lineno', 1)}", wrong, remedy)


def _is_broad(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    parts = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(isinstance(part, ast.Name) and part.id in BROAD for part in parts)


def _is_excused(file: SourceFile, handler: ast.ExceptHandler) -> bool:
    """Whether it cleans up and raises again, or has its reason on its line, above it or below it."""
    last = handler.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return True
    above, same, below = (_line(file, handler.lineno + offset) for offset in (-1, 0, 1))
    beside = [line for line in (above, below) if line.strip().startswith("#")]
    return any(REASON.search(line) for line in (same, *beside))


def _line(file: SourceFile, number: int) -> str:
    return file.lines[number - 1] if 0 < number <= len(file.lines) else ""
