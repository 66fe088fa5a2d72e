"""Which names a module binds, what its imports mean, and which names a function has for itself."""

import ast
from collections.abc import Iterable, Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class ModuleNames:
    """The names at the top of a module: `bound` by any means, `imported` by an import anywhere in it."""

    def __init__(self, tree: ast.Module) -> None:
        self.nodes = tuple(ast.walk(tree))  # walked once, read by every rule
        self._meanings = dict(_import_meanings(self.nodes))
        self.imported = frozenset(self._meanings)
        self.bound = frozenset(_bound_by(tree)) | self.imported

    def imported_as(self, name: str) -> str:
        """A dotted name in its definer's words: `atexit.register` for what was imported as `on_exit`."""
        first, _, rest = name.partition(".")
        meaning = self._meanings.get(first, "" if first in self.bound else f"builtins.{first}")
        return f"{meaning}.{rest}" if rest else meaning


def dotted(node: ast.expr) -> str:
    """`a.b.c` for names and their attributes, "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        holder = dotted(node.value)
        return f"{holder}.{node.attr}" if holder else ""
    return ""


def root_name(node: ast.expr) -> str:
    """The name that an attribute or item chain starts from; "" when it starts from an expression."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def bound_in(function: Function) -> frozenset[str]:
    """The parameters and local names of a function."""
    arguments = function.args
    every = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    parameters = {argument.arg for argument in every if argument is not None}
    return frozenset(parameters | set(_bound_by(function)))


def _bound_by(scope: ast.AST) -> Iterator[str]:
    for node in _same_scope(scope):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler):
            yield node.name or ""


def _same_scope(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below `node` that do not lie in a function or class of their own."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            yield from _same_scope(child)


def _import_meanings(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{'.' * node.level}{node.module or ''}.{alias.name}"
