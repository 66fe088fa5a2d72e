"""Planted faults of style, one file each, in a small repository."""

import re
import subprocess
from pathlib import Path

import check_style
import pytest
from style.exemptions import Exemption, without_exempted

SOURCE = "task-sdk/src/statekeep/thing.py"
TEST = "task-sdk/tests/test_thing.py"
SCRIPT = "scripts/check_thing.py"
LINES_41 = "def f():\n" + "    x = 1\n" * 41
METHODS_13 = "class A:\n" + "".join(f"    def method_{number}(self): ...\n" for number in range(13))
REGISTRY = "https://" + "pypi" + ".org/simple"  # in two parts, or this line would be the fault
HOME = "/home" + "/ada/data"

FAULTS = {
    "a long module": ("long-file", SOURCE, "x = 1\n" * 401),
    "a very long test": ("long-file", TEST, "x = 1\n" * 601),
    "a long function": ("long-function", SOURCE, LINES_41),
    "a long method of a test": (
        "long-function",
        TEST,
        "class A:\n" + LINES_41.replace("\n", "\n    ").replace("def", "    def", 1),
    ),
    "a class with many methods": ("wide-class", SOURCE, METHODS_13),
    "a file of utilities": ("empty-name", "scripts/utils.py", ""),
    "a private file of helpers": ("empty-name", "scripts/_helpers.py", ""),
    "a folder of common things": ("empty-name", "task-sdk/src/statekeep/common/thing.py", ""),
    "a test that is no sentence": ("test-name", TEST, "def test_get():\n    assert True\n"),
    "a test of a class that is no sentence": (
        "test-name",
        TEST,
        "class TestX:\n    def test_set_get(self): ...\n",
    ),
    "a parameter without a unit": ("bare-timeout", SOURCE, "def f(*, timeout=1): ...\n"),
    "a field without a unit": ("bare-timeout", SCRIPT, "class A:\n    timeout: float\n"),
    "code in an init": ("init-code", "core/src/statekeep_core/rooms/__init__.py", "def f(): ...\n"),
    "a constant in an init": ("init-code", "core/src/statekeep_core/rooms/__init__.py", "LIMIT = 1\n"),
    "code under TYPE_CHECKING in an init": (
        "init-code",
        "core/src/statekeep_core/rooms/__init__.py",
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    x = 1\n",
    ),
    "the environment read": ("environment", SOURCE, "import os\n\nx = os.environ['X']\n"),
    "the environment asked": ("environment", SOURCE, "import os\n\n\ndef f():\n    return os.getenv('X')\n"),
    "the environment imported": ("environment", SOURCE, "from os import environ\n"),
    "a bare except": ("broad-except", SOURCE, "try:\n    f()\nexcept:\n    pass\n"),
    "a broad except": (
        "broad-except",
        SCRIPT,
        "try:\n    f()\nexcept Exception as error:\n    print(error)\n",
    ),
    "a broad except among others": (
        "broad-except",
        TEST,
        "try:\n    f()\nexcept (OSError, BaseException):\n    pass\n",
    ),
    "a broad except with an order to a linter": (
        "broad-except",
        SOURCE,
        "try:\n    f()\nexcept Exception:  # noqa: BLE001\n    pass\n",
    ),
    "a registry in a module": ("registry", SOURCE, f"URL = '{REGISTRY}'\n"),
    "a registry in a page": ("registry", "docs/install.md", f"See <{REGISTRY}>.\n"),
    "a machine's folder in a page": ("machine-path", "docs/install.md", f"Data is in {HOME}.\n"),
    "a machine's folder in a module": ("machine-path", SOURCE, f"HOME = '{HOME}'\n"),
    "a module that cannot be parsed": ("unparsable", SOURCE, "def f(:\n"),
}

ALLOWED = {
    "a function of 40 lines and a docstring": (
        SOURCE,
        LINES_41.replace("    x = 1\n", '    """Say."""\n', 1),
    ),
    "a module of 400 lines": (SOURCE, "x = 1\n" * 400),
    "a test of 600 lines": (TEST, "x = 1\n" * 600),
    "twins that count once": (
        SOURCE,
        "class A:\n" + "".join(f"    def {a}method_{n}(self): ...\n" for n in range(12) for a in ("", "a")),
    ),
    "a suite with many tests": (
        SOURCE,
        "class A:\n" + "".join(f"    def test_that_{n}_holds(self): ...\n" for n in range(30)),
    ),
    "an init that imports": (
        "core/src/statekeep_core/rooms/__init__.py",
        '"""Rooms."""\n\nfrom .a import b\n\n__all__ = ["b"]\n__version__ = "1"\n',
    ),
    "an init with types": (
        "core/src/statekeep_core/rooms/__init__.py",
        "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from .a import b\n",
    ),
    "the environment in a test": (TEST, "import os\n\nx = os.environ['X']\n"),
    "a broad except with a reason": (
        SOURCE,
        "try:\n    f()\nexcept Exception:  # whatever it was, the relay goes on\n    pass\n",
    ),
    "a broad except with a reason below": (
        SOURCE,
        "try:\n    f()\nexcept Exception:\n    # Whatever it was, the relay goes on.\n    pass\n",
    ),
    "a broad except that cleans up": (SOURCE, "try:\n    f()\nexcept BaseException:\n    g()\n    raise\n"),
    "a made-up home in a test": (TEST, f"HOME = '{HOME}'\n"),
    "a vendored copy, judged at its source": (
        "task-sdk/src/statekeep/_shared/state/utils.py",
        "x = 1\n" * 999,
    ),
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of which every rule's exemptions are used up: none, so none is unused."""
    monkeypatch.setattr(check_style, "EXEMPTIONS", ())
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def _write(tree: Path, place: str, text: str) -> None:
    path = tree / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(("kind", "place", "text"), FAULTS.values(), ids=FAULTS.keys())
def test_a_planted_fault_is_named_at_its_place(tree: Path, kind: str, place: str, text: str) -> None:
    _write(tree, place, text)
    faults = list(check_style.style_faults(tree))
    assert {fault.kind for fault in faults} == {kind}
    assert all(fault.place.startswith(f"{place}:") for fault in faults)


@pytest.mark.parametrize(("place", "text"), ALLOWED.values(), ids=ALLOWED.keys())
def test_what_the_style_allows_is_no_fault(tree: Path, place: str, text: str) -> None:
    _write(tree, place, text)
    assert list(check_style.style_faults(tree)) == []


def test_every_kind_that_the_check_names_is_planted() -> None:
    scripts = Path(check_style.__file__).parent
    sources = [scripts / "check_style.py", *(scripts / "style").glob("*.py")]
    claimed = {kind for path in sources for kind in re.findall(r'Fault\(\s*"([a-z-]+)"', path.read_text())}
    assert claimed - {"unused-exemption"} == {kind for kind, _, _ in FAULTS.values()}


def test_the_checkouts_own_folder_is_named_even_in_a_test(tree: Path) -> None:
    _write(tree, TEST, f"HERE = '{tree.resolve()}/x'\n")
    assert [fault.kind for fault in check_style.style_faults(tree)] == ["machine-path"]


def test_a_file_that_git_ignores_is_not_read(tree: Path) -> None:
    _write(tree, ".gitignore", "scripts/\n")
    _write(tree, "scripts/utils.py", "")
    assert list(check_style.style_faults(tree)) == []


def test_an_exemption_excuses_its_kind_in_its_file_and_nothing_else(tree: Path) -> None:
    _write(tree, "scripts/utils.py", "")
    _write(tree, "scripts/misc.py", "")
    exemptions = (Exemption("empty-name", "scripts/utils.py", "a reason"),)
    left = without_exempted(check_style.style_faults(tree), exemptions, "data")
    assert [fault.place for fault in left] == ["scripts/misc.py:1"]


def test_an_exemption_that_excuses_nothing_is_a_fault_itself(tree: Path) -> None:
    exemptions = (Exemption("empty-name", "scripts/utils.py", "a reason"),)
    left = without_exempted(check_style.style_faults(tree), exemptions, "data")
    assert [fault.kind for fault in left] == ["unused-exemption"]


def test_every_exemption_and_every_reader_of_the_environment_has_a_reason() -> None:
    reasons = [item.reason for item in check_style.EXEMPTIONS] + list(
        check_style.ENVIRONMENT_READERS.values()
    )
    assert all(len(reason.split()) > 4 for reason in reasons)


def test_a_folder_outside_git_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as raised:
        check_style.main(["--root", str(tmp_path)])
    assert raised.value.code == 2
