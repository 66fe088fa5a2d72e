"""Every import of a module, wherever it stands: at the top, in a function, under TYPE_CHECKING, by name."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

_IMPORTERS = frozenset({"import_module", "__import__"})


class Import(NamedTuple):
    """One imported module, by its absolute name."""

    line: int
    module: str  # "" when a relative import climbs above the top package
    names: tuple[str, ...]  # what a `from` import takes; empty for `import module`
    level: int  # dots of a relative import
    dynamic: bool  # importlib.import_module("…") with a literal
    runs_at_import: bool  # False in functions and under TYPE_CHECKING

    @property
    def written(self) -> str:
        """The import as a reader would search for it."""
        return self.module or "." * self.level


def imports_of(tree: ast.Module, package: str) -> Iterator[Import]:
    """All imports of a module that stands in `package`, in the order of their lines."""
    yield from sorted(_walk(tree, package, runs_at_import=True))


def _walk(node: ast.AST, package: str, *, runs_at_import: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(child.lineno, alias.name, (), 0, False, runs_at_import)
        elif isinstance(child, ast.ImportFrom):
            names = tuple(alias.name for alias in child.names)
            yield Import(child.lineno, _resolved(child, package), names, child.level, False, runs_at_import)
        elif isinstance(child, ast.Call):
            yield from _dynamic(child, package, runs_at_import=runs_at_import)
            yield from _walk(child, package, runs_at_import=runs_at_import)
        elif isinstance(child, ast.If) and _is_type_checking(child.test):
            yield from _walk(ast.Module(child.body, []), package, runs_at_import=False)
            yield from _walk(ast.Module(child.orelse, []), package, runs_at_import=runs_at_import)
        else:
            deferred = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _walk(child, package, runs_at_import=runs_at_import and not deferred)


def _resolved(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    kept = parts[: max(0, len(parts) - node.level + 1)]
    return ".".join([*kept, node.module] if node.module else kept) if kept else ""


def _dynamic(call: ast.Call, package: str, *, runs_at_import: bool) -> Iterator[Import]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)
    if name not in _IMPORTERS or not call.args:
        return
    target = call.args[0]
    if isinstance(target, ast.Constant) and isinstance(target.value, str):
        level = len(target.value) - len(target.value.lstrip("."))
        node = ast.ImportFrom(target.value[level:] or None, [], level)
        yield Import(call.lineno, _resolved(node, package), (), level, True, runs_at_import)


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )
