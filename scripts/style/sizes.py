"""Sizes at which to stop and look: of a file, a function's body, a class's public surface."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from checking.faults import Fault

from style.source_file import SourceFile

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Limits:
    """The most that passes. A test file may be longer: its tables grow with what they cover."""

    file_lines: int = 400
    test_file_lines: int = 600
    function_lines: int = 40
    public_methods: int = 12


def size_faults(file: SourceFile, limits: Limits) -> Iterator[Fault]:
    """Everything in one module that is larger than it should be."""
    most = limits.test_file_lines if file.is_test else limits.file_lines
    if len(file.lines) > most:
        wrong = f"the file has {len(file.lines)} lines, over the limit of {most}"
        yield Fault("long-file", f"{file.place}:1", wrong, "split it by what it holds")
    for node in ast.walk(file.tree):
        place = f"{file.place}:{getattr(node, 'lineno', 1)}"
        if isinstance(node, Function) and (lines := body_lines(node)) > limits.function_lines:
            wrong = f"the body of {node.name} has {lines} lines, over the limit of {limits.function_lines}"
            yield Fault("long-function", place, wrong, "give its steps names of their own")
        elif isinstance(node, ast.ClassDef) and (count := len(public_methods(node))) > limits.public_methods:
            wrong = f"{node.name} has {count} public methods, over the limit of {limits.public_methods}"
            yield Fault("wide-class", place, wrong, "split it by who calls what")


def body_lines(function: Function) -> int:
    """The lines from the first statement after the docstring to the last."""
    has_docstring = ast.get_docstring(function, clean=False) is not None
    statements = function.body[1:] if has_docstring else function.body
    if not statements:
        return 0
    return (statements[-1].end_lineno or statements[-1].lineno) - statements[0].lineno + 1


def public_methods(node: ast.ClassDef) -> set[str]:
    """The names of a class's public methods, without async twins (`aget` beside `get`) and tests."""
    names = {item.name for item in node.body if isinstance(item, Function) and not item.name.startswith("_")}
    twins = {name for name in names if name.startswith("a") and name[1:] in names}
    return {name for name in names - twins if not name.startswith("test_")}
