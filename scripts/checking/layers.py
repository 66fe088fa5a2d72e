"""Layers: which room of a package may import which, and that no modules import each other in a circle.

A room is a module or a folder of modules, named by its path in the package. Rooms stand in layers, the lowest
first; a module imports from its own room and from lower layers, never from a higher one or a room beside it.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from checking.faults import Fault
from checking.imports import Import, imports_of
from checking.python_source import UnparsableSourceError, module_name, package_of, parse, python_files

TOP = "__init__"  # the room of a package's own __init__.py
SHARED_NAMESPACE = "statekeep_shared"


@dataclass(frozen=True)
class ThirdParty:
    """Packages from outside that modules below `prefix` may import: at import too, or in functions only."""

    prefix: str
    packages: tuple[str, ...]
    at_import: bool


@dataclass(frozen=True)
class Package:
    """An import package: where it lies, its layers from the lowest up, and whose public names it may use."""

    name: str
    source_root: str
    layers: tuple[tuple[str, ...], ...]
    may_import: tuple[str, ...] = ()

    def room_of(self, module: str) -> str | None:
        """The room with the longest path that holds the module; None when the table has no place for it."""
        path = module.removeprefix(self.name).removeprefix(".") or TOP
        rooms = [
            room for layer in self.layers for room in layer if path == room or path.startswith(f"{room}.")
        ]
        return max(rooms, key=len, default=None)

    def level_of(self, room: str) -> int:
        """How high a room stands."""
        return next(level for level, layer in enumerate(self.layers) if room in layer)


@dataclass(frozen=True)
class Module:
    """A parsed module and everything that it imports."""

    name: str
    place: str
    imports: tuple[Import, ...]


def layer_faults(
    root: Path, packages: tuple[Package, ...], third_party: tuple[ThirdParty, ...]
) -> Iterator[Fault]:
    """The faults of every package in the table."""
    for package in packages:
        modules: dict[str, Module] = {}
        for item in _read(root, package):
            if isinstance(item, Fault):
                yield item
            else:
                modules[item.name] = item
        for module in modules.values():
            yield from _placed(package, module)
            yield from _outside(package, packages, third_party, module)
        yield from _cycles(modules)


def _read(root: Path, package: Package) -> Iterator[Module | Fault]:
    source_root = root / package.source_root
    for path in python_files(source_root / package.name.replace(".", "/")):
        place = path.relative_to(root).as_posix()
        try:
            found = imports_of(parse(path), package_of(path, source_root))
            yield Module(module_name(path, source_root), place, tuple(found))
        except UnparsableSourceError as error:
            yield Fault(
                "unparsable", f"{place}:{error.line}", f"cannot be parsed: {error.reason}", "repair it"
            )


def _placed(package: Package, module: Module) -> Iterator[Fault]:
    room = package.room_of(module.name)
    if room is None:
        remedy = "give its room a place in PACKAGES in scripts/check_layers.py"
        yield Fault(
            "unplaced", f"{module.place}:1", f"{module.name} has no room in the table of layers", remedy
        )
        return
    for found in module.imports:
        for target in _targets(package.name, found):
            other = package.room_of(target) or package.room_of(found.module)
            if other is not None and other != room and other != "_shared":
                yield from _direction(package, module, found, room, other)


def _targets(package: str, found: Import) -> Iterator[str]:
    """The modules of the package that an import could mean: `from . import a` means `a`."""
    if found.module == package or found.module.startswith(f"{package}."):
        yield from ([f"{found.module}.{name}" for name in found.names] or [found.module])


def _direction(package: Package, module: Module, found: Import, room: str, other: str) -> Iterator[Fault]:
    mine, theirs = package.level_of(room), package.level_of(other)
    place = f"{module.place}:{found.line}"
    if theirs > mine:
        wrong = f"{room} imports {other}, which stands above it"
        yield Fault("upward", place, wrong, "move what it needs down, or pass it in")
    elif theirs == mine:
        wrong = f"{room} imports {other}, which stands beside it"
        yield Fault("sideways", place, wrong, "move what both need into a lower layer")


def _outside(
    package: Package, packages: tuple[Package, ...], third_party: tuple[ThirdParty, ...], module: Module
) -> Iterator[Fault]:
    ours = {other.name.partition(".")[0] for other in packages}
    own = package.name.partition(".")[0]
    for found in module.imports:
        top = found.module.partition(".")[0]
        place = f"{module.place}:{found.line}"
        if found.dynamic or not top or top in (own, *package.may_import) or top in sys.stdlib_module_names:
            continue
        if top == SHARED_NAMESPACE:
            wrong = f"{module.name} imports {found.module}, which no wheel carries"
            yield Fault("shared-in-shipped", place, wrong, "import it from its own `_shared`")
        elif top in ours:
            wrong = (
                f"{module.name} imports {found.module}; {own} stands below {top} and is installed without it"
            )
            yield Fault("foreign", place, wrong, "turn the dependency round")
        elif not any(_allows(allowed, module.name, top, found) for allowed in third_party):
            when = "at import" if found.runs_at_import else "anywhere"
            wrong = f"{module.name} imports {top}, which it may not have {when}"
            remedy = "import it in the function that needs it, or add it to THIRD_PARTY with its reason"
            yield Fault("third-party", place, wrong, remedy)


def _allows(allowed: ThirdParty, module: str, top: str, found: Import) -> bool:
    below = module == allowed.prefix or module.startswith(f"{allowed.prefix}.")
    return below and top in allowed.packages and (allowed.at_import or not found.runs_at_import)


def _cycles(modules: Mapping[str, Module]) -> Iterator[Fault]:
    graph = {name: sorted(set(_edges(modules, module))) for name, module in modules.items()}
    reported: set[frozenset[str]] = set()
    for name in graph:
        circle = _shortest_circle(graph, name)
        if circle and frozenset(circle) not in reported:
            reported.add(frozenset(circle))
            wrong = f"modules import each other in a circle: {' -> '.join([*circle, circle[0]])}"
            remedy = "move what both ends need into a module below them"
            yield Fault("cycle", f"{modules[name].place}:1", wrong, remedy)


def _edges(modules: Mapping[str, Module], module: Module) -> Iterator[str]:
    """The modules that are meant: by `from . import a`, `a` if there is such a module, else the package."""
    for found in module.imports:
        if not found.names and found.module in modules:
            yield found.module
        for name in found.names:
            target = f"{found.module}.{name}" if f"{found.module}.{name}" in modules else found.module
            if target in modules:
                yield target


def _shortest_circle(graph: Mapping[str, list[str]], start: str) -> list[str]:
    """The shortest way from a module back to itself; empty when there is none."""
    paths = [[start]]
    seen: set[str] = set()
    while paths:
        path = paths.pop(0)
        for target in graph[path[-1]]:
            if target == start:
                return path
            if target not in seen:
                seen.add(target)
                paths.append([*path, target])
    return []
