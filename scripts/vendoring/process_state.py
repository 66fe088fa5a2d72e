"""Process-wide state in shared code: every vendored copy would have its own, and copies meet in one process.

Constants are tuples, frozensets and MappingProxyType; a logger that only logs is allowed, and so is a memo of
a function of its arguments, which answers alike in every copy. All else belongs to an object that is passed
in.
"""

import ast
import re
from collections.abc import Iterator

from vendoring.faults import FaultKind, VendoringFault
from vendoring.name_scopes import FUNCTIONS, Function, ModuleNames, bound_in, dotted, root_name
from vendoring.process_wide import (
    LOGGER_METHODS,
    LOGGING_CALLS,
    MEMOIZERS,
    MUTABLE_CALLS,
    MUTATORS,
    NEVER_CHANGED,
    PROCESS_HOOKS,
    SUBCLASS_MAKERS,
)

TESTING = re.compile(r"/testing(/|\.py$)")
REASON = re.compile(r"# process-wide: \w+")
EXEMPTIBLE = (FaultKind.PROCESS_HOOK, FaultKind.MODULE_MUTATED)

_Found = tuple[FaultKind, int, str]
_REMEDIES = {
    FaultKind.MODULE_MUTABLE: "make it a tuple, a frozenset or a MappingProxyType, or keep it in an object",
    FaultKind.GLOBAL_STATEMENT: "keep it in an object that is passed in",
    FaultKind.MODULE_MUTATED: "keep it in an object that is passed in",
    FaultKind.PROCESS_HOOK: "leave it to the program that has the process",
    FaultKind.LOGGING_CONFIGURED: "only log; handlers and levels are the program's",
}


def process_state_faults(place: str, tree: ast.Module, source: str) -> Iterator[VendoringFault]:
    """The faults of one file of a shared distribution.

    In a `testing` module, which runs in a test's process, a line may touch the process when it says why, in a
    comment: `# process-wide: put back when the watch ends`.
    """
    lines = source.splitlines()
    names = ModuleNames(tree)
    found = {
        *_mutable_bindings(tree.body),
        *_memoizers(names),
        *_uses(names),
        *_mutations(tree, names),
    }
    for kind, line, wrong in sorted(found, key=lambda item: item[1:]):
        if kind in EXEMPTIBLE and TESTING.search(place) and REASON.search(lines[line - 1]):
            continue
        yield VendoringFault(kind, f"{place}:{line}", f"{wrong}; every copy has its own", _REMEDIES[kind])


def _mutable_bindings(body: list[ast.stmt]) -> Iterator[_Found]:
    """Mutable values bound to names of the module or of a class, in blocks too, in functions not."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        value = getattr(statement, "value", None)
        if isinstance(statement, ast.Assign | ast.AnnAssign) and value is not None and _is_mutable(value):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            written = ", ".join(ast.unparse(target) for target in targets)
            if written not in NEVER_CHANGED:
                yield (
                    FaultKind.MODULE_MUTABLE,
                    statement.lineno,
                    f"{written} is mutable and lives with the process",
                )
        for block in ("body", "orelse", "finalbody"):
            yield from _mutable_bindings(getattr(statement, block, []))
        for handler in getattr(statement, "handlers", []):
            yield from _mutable_bindings(handler.body)


def _is_mutable(value: ast.expr) -> bool:
    match value:
        case ast.List() | ast.Dict() | ast.Set() | ast.ListComp() | ast.DictComp() | ast.SetComp():
            return True
        case ast.GeneratorExp():
            return True
        case ast.Call(func=func):
            named = func.value if isinstance(func, ast.Subscript) else func
            return dotted(named).rpartition(".")[2] in MUTABLE_CALLS
        case ast.Tuple(elts=parts) | ast.BoolOp(values=parts):
            return any(_is_mutable(part) for part in parts)
        case ast.IfExp(body=one, orelse=other):
            return _is_mutable(one) or _is_mutable(other)
        case ast.NamedExpr(value=inner) | ast.Starred(value=inner):
            return _is_mutable(inner)
    return False


def _memoizers(names: ModuleNames) -> Iterator[_Found]:
    """A memo without arguments is a single object for the process, in the clothes of a function."""
    for node in names.nodes:
        if not isinstance(node, ast.FunctionDef) or node.args.args or node.args.kwonlyargs:
            continue
        for decorator in node.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if names.imported_as(dotted(called)) in MEMOIZERS:
                wrong = f"{node.name}() is made once and kept for as long as the process lives"
                yield FaultKind.MODULE_MUTABLE, decorator.lineno, wrong


def _uses(names: ModuleNames) -> Iterator[_Found]:
    for node in names.nodes:
        if isinstance(node, ast.Global):
            yield FaultKind.GLOBAL_STATEMENT, node.lineno, f"`global {', '.join(node.names)}`"
        elif isinstance(node, ast.Name | ast.Attribute):
            meant = names.imported_as(dotted(node))
            if meant in PROCESS_HOOKS:
                yield FaultKind.PROCESS_HOOK, node.lineno, f"{meant} changes the whole process"
            elif meant in LOGGING_CALLS:
                yield FaultKind.LOGGING_CONFIGURED, node.lineno, f"{meant} configures logging"
        if isinstance(node, ast.Call | ast.Assign):
            for target in [node.func] if isinstance(node, ast.Call) else node.targets:
                if isinstance(target, ast.Attribute) and target.attr in LOGGER_METHODS:
                    wrong = f"{ast.unparse(target)} configures logging"
                    yield FaultKind.LOGGING_CONFIGURED, node.lineno, wrong


def _mutations(tree: ast.Module, names: ModuleNames) -> Iterator[_Found]:
    """Changes of what a module-level name holds, made in functions; of imported things, made anywhere."""
    for node in tree.body:
        yield from _mutations_in(node, names, names.imported)


def _mutations_in(node: ast.AST, names: ModuleNames, reachable: frozenset[str]) -> Iterator[_Found]:
    if isinstance(node, FUNCTIONS):
        reachable = _reachable_from(node, names, reachable)
    for target in _changed(node, names):
        if root_name(target) in reachable and not isinstance(target, ast.Name):
            yield (
                FaultKind.MODULE_MUTATED,
                target.lineno,
                f"{ast.unparse(target)} changes what lives with the process",
            )
    for child in ast.iter_child_nodes(node):
        yield from _mutations_in(child, names, reachable)


def _reachable_from(function: Function, names: ModuleNames, outside: frozenset[str]) -> frozenset[str]:
    """The names that mean the module's things in a function: not its own, nor those of one around it."""
    in_function = outside != names.imported
    local = bound_in(function)
    reachable = (outside if in_function else names.bound) - local
    is_class_method = "cls" in local and getattr(function, "name", "") not in SUBCLASS_MAKERS
    return reachable | {"cls"} if is_class_method else reachable


def _changed(node: ast.AST, names: ModuleNames) -> list[ast.expr]:
    match node:
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            return targets
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return [target]
        case ast.Call(func=ast.Attribute(value=holder, attr=method) as called) if method in MUTATORS:
            is_module_function = isinstance(holder, ast.Name) and holder.id in names.imported  # os.remove
            return [] if is_module_function else [called]
    return []
