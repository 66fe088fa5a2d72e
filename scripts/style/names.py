"""Names: of files and folders, of tests, of parameters that carry a time."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from checking.faults import Fault

from style.source_file import SourceFile

SAYS_NOTHING = frozenset({"util", "utils", "common", "helper", "helpers", "base", "misc"})
FEWEST_WORDS = 3  # `test_a_b_c`: a subject, a verb, and what about it

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_faults(file: SourceFile) -> Iterator[Fault]:
    """The faults of one module's own name and of the names in it."""
    for part in PurePosixPath(file.place).with_suffix("").parts:
        if part.strip("_") in SAYS_NOTHING:
            wrong = f"{part!r} says nothing of what the file holds"
            yield Fault("empty-name", f"{file.place}:1", wrong, "name it after the thing in it")
    for node in ast.walk(file.tree):
        if isinstance(node, Function):
            yield from _test_name(file, node)
        if not file.is_test:
            yield from _bare_timeout(file, node)


def _test_name(file: SourceFile, node: Function) -> Iterator[Fault]:
    words = [word for word in node.name.removeprefix("test_").split("_") if word]
    if node.name.startswith("test_") and len(words) < FEWEST_WORDS:
        wrong = f"{node.name} is no sentence"
        yield Fault("test-name", f"{file.place}:{node.lineno}", wrong, "say what holds when the test passes")


def _bare_timeout(file: SourceFile, node: ast.AST) -> Iterator[Fault]:
    is_field = (
        isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "timeout"
    )
    if is_field or (isinstance(node, ast.arg) and node.arg == "timeout"):
        line = getattr(node, "lineno", 1)
        remedy = "name it with its unit: timeout_seconds"
        yield Fault("bare-timeout", f"{file.place}:{line}", "`timeout` does not say in what unit", remedy)
