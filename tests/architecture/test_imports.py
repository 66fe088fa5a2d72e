"""Imports are found wherever they stand, by their absolute names, with the moment at which they run."""

import ast
from pathlib import Path

import pytest
from checking.imports import imports_of
from checking.python_source import module_name, package_of

FOUND = {
    "a plain import": ("import a.b\n", ("a.b", (), True)),
    "names of a module": ("from a import b, c\n", ("a", ("b", "c"), True)),
    "a sibling": ("from . import b\n", ("house.kitchen", ("b",), True)),
    "a module of the package above": ("from ..cellar import b\n", ("house.cellar", ("b",), True)),
    "above the top": ("from .... import b\n", ("", ("b",), True)),
    "in a function": ("def f():\n    import a\n", ("a", (), False)),
    "in a method of a class": ("class A:\n    async def f(self):\n        import a\n", ("a", (), False)),
    "in the body of a class": ("class A:\n    import a\n", ("a", (), True)),
    "in a branch": ("if x:\n    import a\n", ("a", (), True)),
    "after a failure": ("try:\n    pass\nexcept ImportError:\n    import a\n", ("a", (), True)),
    "for types": ("if TYPE_CHECKING:\n    import a\n", ("a", (), False)),
    "for types, by the module's name": ("if typing.TYPE_CHECKING:\n    import a\n", ("a", (), False)),
    "for everybody but the type checker": (
        "if TYPE_CHECKING:\n    pass\nelse:\n    import a\n",
        ("a", (), True),
    ),
    "by a name in a string": ("importlib.import_module('a.b')\n", ("a.b", (), True)),
    "by a relative name in a string": ("import_module('.b', __package__)\n", ("house.kitchen.b", (), True)),
    "by the built-in": ("def f():\n    __import__('a')\n", ("a", (), False)),
    "in an argument": ("f(import_module('a'))\n", ("a", (), True)),
    "in the default of a lambda's call": ("f = lambda: import_module('a')\n", ("a", (), False)),
}


@pytest.mark.parametrize(("code", "expected"), FOUND.values(), ids=FOUND.keys())
def test_an_import_is_found(code: str, expected: tuple[str, tuple[str, ...], bool]) -> None:
    (found,) = imports_of(ast.parse(code), "house.kitchen")
    assert (found.module, found.names, found.runs_at_import) == expected


@pytest.mark.parametrize(
    "code", ["importlib.import_module(name)\n", "f('a')\n", "import_module()\n", "x = 'import a'\n"]
)
def test_what_names_no_module_is_no_import(code: str) -> None:
    assert list(imports_of(ast.parse(code), "house.kitchen")) == []


def test_imports_come_in_the_order_of_their_lines() -> None:
    code = "def f():\n    import a\n\n\nimport b\n"
    assert [found.line for found in imports_of(ast.parse(code), "house")] == [2, 5]


def test_an_init_is_named_after_its_package_and_resolves_against_itself() -> None:
    path = Path("src/house/kitchen/__init__.py")
    assert module_name(path, Path("src")) == "house.kitchen"
    assert package_of(path, Path("src")) == "house.kitchen"
