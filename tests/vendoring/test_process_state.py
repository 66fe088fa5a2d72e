"""What shared code may do without a word: the check is of use only while it is quiet about the rest."""

import ast

import pytest
from vendoring.process_state import process_state_faults

ALLOWED = {
    "constants": "A = (1, frozenset({2}))\n",
    "a read-only mapping": "from types import MappingProxyType\n\nA = MappingProxyType({'x': 1})\n",
    "the language's own lists": "__all__ = ['A']\n\n\nclass A:\n    __slots__ = ['x']\n",
    "a logger that logs": "import logging\n\nlog = logging.getLogger(__name__)\nlog.debug('x')\n",
    "locals": "def f():\n    seen = []\n    seen.append(1)\n    return seen\n",
    "a local with a module's name": "x = 1\n\n\ndef f(x):\n    x.entries = []\n    x.append(1)\n",
    "a local of the function around": (
        "x = 1\n\n\ndef f():\n    x = make()\n\n    def g():\n        x.append(1)\n"
    ),
    "an instance's own state": "class A:\n    def __init__(self):\n        self.seen = []\n",
    "what a subclass is told": "class A:\n    def __init_subclass__(cls):\n        cls.ready = True\n",
    "a memo of its arguments": "import functools\n\n\n@functools.cache\ndef f(x):\n    return x\n",
    "module functions named like changes": "import os\n\n\ndef f(path):\n    os.remove(path)\n",
    "a field's own list": "class A:\n    x: list = field(default_factory=list)\n",
    "a function of its own, named like a built-in": "def globals():\n    pass\n\n\nx = globals()\n",
    "a type's name": "from typing import Any\n\nPlain = dict[str, Any]\n",
}


@pytest.mark.parametrize("code", ALLOWED.values(), ids=ALLOWED.keys())
def test_shared_code_may_have(code: str) -> None:
    assert list(process_state_faults("shared/x.py", ast.parse(code), code)) == []


def test_a_testing_module_may_touch_the_process_with_a_reason() -> None:
    code = "import sys\n\n\ndef f():\n    sys.setprofile(None)  # process-wide: put back at the end\n"
    assert list(process_state_faults("shared/x/testing/watch.py", ast.parse(code), code)) == []


def test_a_reason_does_not_excuse_a_mutable_of_a_testing_module() -> None:
    code = "seen = []  # process-wide: it is handy\n"
    assert len(list(process_state_faults("shared/x/testing/watch.py", ast.parse(code), code))) == 1
