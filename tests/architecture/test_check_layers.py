"""Planted faults of layers, in a small tree with two packages."""

import re
from pathlib import Path

import check_layers
import pytest
from checking.layers import TOP, Package, ThirdParty, layer_faults

HOUSE = Package(
    "house", "src", layers=(("_shared",), ("cellar", "yard"), ("kitchen", "hall"), (TOP,), ("roof",))
)
BARN = Package("barn", "barn-src", layers=((TOP,), ("loft",)), may_import=("house",))
TOOLS = (
    ThirdParty("house.kitchen.testing", ("pytest",), at_import=True),
    ThirdParty("house", ("msgspec",), at_import=False),
)

CLEAN = {
    "src/house/__init__.py": "from .kitchen.stove import light\n",
    "src/house/cellar.py": "import json\n\nfrom ._shared.state import errors\n",
    "src/house/yard.py": "",
    "src/house/kitchen/__init__.py": "from .pans import x\n",
    "src/house/kitchen/stove.py": "from .. import cellar\nfrom . import pans\nfrom ..cellar import x\n",
    "src/house/kitchen/pans.py": "def f():\n    import msgspec\n",
    "src/house/kitchen/testing.py": "import pytest\n",
    "src/house/hall.py": "from house import cellar\n",
    "src/house/roof.py": "from . import __version__, kitchen\n",
    "barn-src/barn/__init__.py": "",
    "barn-src/barn/loft.py": "import house\n",
}

FAULTS = {
    "a room that imports a higher one": ("upward", "src/house/yard.py", "from . import hall\n"),
    "a higher room imported in a function": (
        "upward",
        "src/house/yard.py",
        "def f():\n    from .hall import x\n",
    ),
    "a higher room imported for its types": (
        "upward",
        "src/house/yard.py",
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from .kitchen.stove import Stove\n",
    ),
    "a higher room imported by its name": (
        "upward",
        "src/house/yard.py",
        "import importlib\n\nimportlib.import_module('.hall', __package__)\n",
    ),
    "a package's face imported from below": (
        "upward",
        "src/house/yard.py",
        "from house import __version__\n",
    ),
    "a room that imports the one beside it": (
        "sideways",
        "src/house/hall.py",
        "from .kitchen import stove\n",
    ),
    "a circle in one room": ("cycle", "src/house/kitchen/pans.py", "from . import stove\n"),
    "a circle that only functions close": (
        "cycle",
        "src/house/kitchen/pans.py",
        "def f():\n    from .stove import light\n",
    ),
    "a circle with a package's own __init__": (
        "cycle",
        "src/house/kitchen/pans.py",
        "from . import LIMIT\n",
    ),
    "a module without a room": ("unplaced", "src/house/attic.py", ""),
    "a folder without a room": ("unplaced", "src/house/attic/chest.py", ""),
    "an import of what stands above the package": ("foreign", "src/house/roof.py", "import barn.loft\n"),
    "such an import in a function": ("foreign", "src/house/roof.py", "def f():\n    from barn import loft\n"),
    "the workspace's shared package in shipped code": (
        "shared-in-shipped",
        "src/house/roof.py",
        "from statekeep_shared.state import errors\n",
    ),
    "a third party that nobody allowed": (
        "third-party",
        "src/house/roof.py",
        "def f():\n    import requests\n",
    ),
    "a third party at import that belongs in a function": (
        "third-party",
        "src/house/roof.py",
        "import msgspec\n",
    ),
    "a testing tool outside the testing module": (
        "third-party",
        "src/house/kitchen/stove.py",
        "import pytest\n",
    ),
    "a module that cannot be parsed": ("unparsable", "src/house/roof.py", "def f(:\n"),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for place, text in CLEAN.items():
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def _kinds(tree: Path) -> dict[str, str]:
    return {fault.kind: fault.place for fault in layer_faults(tree, (HOUSE, BARN), TOOLS)}


def test_imports_that_run_one_way_pass(tree: Path) -> None:
    (tree / "src/house/kitchen/stove.py").write_text("from .. import cellar\n")
    (tree / "src/house/roof.py").write_text("from . import __version__, kitchen\nfrom .hall import x\n")
    assert _kinds(tree) == {}


@pytest.mark.parametrize(("kind", "place", "text"), FAULTS.values(), ids=FAULTS.keys())
def test_a_planted_fault_is_named_at_its_place(tree: Path, kind: str, place: str, text: str) -> None:
    assert _kinds(tree) == {}
    path = tree / place
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + text)
    found = _kinds(tree)
    assert set(found) == {kind}
    assert found[kind].startswith("src/house/" if kind == "cycle" else place)


def test_every_kind_that_the_check_names_is_planted() -> None:
    source = (Path(check_layers.__file__).parent / "checking/layers.py").read_text()
    claimed = set(re.findall(r'Fault\(\s*"([a-z-]+)"', source))
    assert claimed == {kind for kind, _, _ in FAULTS.values()}


def test_a_dynamic_import_of_the_package_above_is_the_one_seam_that_passes(tree: Path) -> None:
    (tree / "src/house/roof.py").write_text("import importlib\n\nimportlib.import_module('barn.loft')\n")
    assert _kinds(tree) == {}


def test_a_circle_is_told_as_the_way_round_it(tree: Path) -> None:
    (tree / "src/house/kitchen/pans.py").write_text("from . import stove\n")
    (fault,) = layer_faults(tree, (HOUSE, BARN), TOOLS)
    assert "house.kitchen.pans -> house.kitchen.stove -> house.kitchen.pans" in fault.line


def test_no_room_stands_twice_in_the_table() -> None:
    for package in check_layers.PACKAGES:
        rooms = [room for layer in package.layers for room in layer]
        assert len(rooms) == len(set(rooms))


def test_the_sdk_may_not_import_the_core_and_the_core_may_import_the_sdk() -> None:
    allowed = {package.name: package.may_import for package in check_layers.PACKAGES}
    assert allowed["statekeep"] == ()
    assert allowed["statekeep_core"] == ("statekeep",)
