"""Planted faults of code: what it imports, and what it keeps for the life of the process."""

from pathlib import Path

from vendoring.faults import FaultKind

from tests.vendoring.planted import CORE, SOURCE, Planted, adds, in_turn, removes, replaces

SHIPPED = "core/src/statekeep_core/store.py"


def _in_shared(kind: FaultKind, code: str, *, name: str = "planted.py") -> Planted:
    """Code in a new module of the shared distribution and of its copy, so that nothing else is wrong."""
    copy = "task-sdk/src/statekeep/_shared/alpha"
    plant = in_turn(adds(f"{SOURCE}/{name}", code), adds(f"{copy}/{name}", code))
    return Planted(kind, f"{SOURCE}/{name}", plant, mended=False)


def _shipped(kind: FaultKind, code: str) -> Planted:
    return Planted(kind, SHIPPED, adds(SHIPPED, code), mended=False)


def _without_neighbour(tree: Path) -> None:
    replaces(CORE, 'shared = ["alpha", "beta"]', 'shared = ["alpha"]')(tree)
    removes("core/src/statekeep_core/_shared/beta")(tree)
    for root in (SOURCE, "task-sdk/src/statekeep/_shared/alpha"):
        adds(f"{root}/planted.py", "from .. import beta\n")(tree)


def _function(line: str, above: str = "") -> str:
    return f"{above}\n\n\ndef planted():\n    {line}\n"


IMPORTS = {
    "shared code that cannot be parsed": _in_shared(FaultKind.SOURCE_UNPARSABLE, "def broken(:\n"),
    "shared code that is not UTF-8": _in_shared(FaultKind.SOURCE_UNPARSABLE, "x = '\x00'\n"),
    "shipped code that cannot be parsed": _shipped(FaultKind.SOURCE_UNPARSABLE, "def broken(:\n"),
    "shared code that names its own package absolutely": _in_shared(
        FaultKind.SHARED_IMPORTED_ABSOLUTELY, "from statekeep_shared.alpha import module_1\n"
    ),
    "shared code that names its neighbour absolutely in a function": _in_shared(
        FaultKind.SHARED_IMPORTED_ABSOLUTELY, _function("import statekeep_shared.beta")
    ),
    "shared code that imports a consumer": _in_shared(
        FaultKind.SHARED_IMPORTS_CONSUMER, "import statekeep\n"
    ),
    "shared code that imports a consumer for its types": _in_shared(
        FaultKind.SHARED_IMPORTS_CONSUMER,
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from statekeep_core import store\n",
    ),
    "shared code that imports a consumer by its name": _in_shared(
        FaultKind.SHARED_IMPORTS_CONSUMER,
        _function('importlib.import_module("statekeep_core")', "import importlib"),
    ),
    "shared code that climbs out of the shared distributions": _in_shared(
        FaultKind.IMPORT_CLIMBS_OUT, "from ...context import current_context\n"
    ),
    "shared code that imports a neighbour that is not there": _in_shared(
        FaultKind.NEIGHBOUR_UNKNOWN, "from ..gamma import anything\n"
    ),
    "shared code that imports a neighbour that a consumer does not vendor": Planted(
        FaultKind.NEIGHBOUR_NOT_VENDORED,
        f"{SOURCE}/planted.py",
        _without_neighbour,
        mended=False,
        beside=(FaultKind.FORCE_INCLUDE_STALE, FaultKind.TOOL_PATH_MISSING),
    ),
    "shipped code that imports the workspace's shared package": _shipped(
        FaultKind.SHIPPED_IMPORTS_SHARED, _function("from statekeep_shared.alpha import module_0")
    ),
    "shipped code that imports another's copy": _shipped(
        FaultKind.FOREIGN_COPY_IMPORTED, "from statekeep._shared.alpha import module_0\n"
    ),
    "shipped code that imports all of another's copies": _shipped(
        FaultKind.FOREIGN_COPY_IMPORTED, "from statekeep import _shared\n"
    ),
}

MUTABLES = {
    "a list of the module": "seen = []\n",
    "an annotated dict of the module": "from typing import Final\n\nseen: Final[dict[str, int]] = {}\n",
    "a set built by a comprehension": "seen = {number for number in range(3)}\n",
    "a defaultdict": "import collections\n\nseen = collections.defaultdict(list)\n",
    "a generic call": "seen = dict[str, int]()\n",
    "a mutable inside a tuple": "seen = (1, [])\n",
    "a mutable in a branch": "import sys\n\nif sys.flags.optimize:\n    seen = ()\nelse:\n    seen = []\n",
    "a mutable of a class": "class Seen:\n    entries = {}\n",
    "a lock": "from threading import Lock\n\nguard = Lock()\n",
    "a context variable": "from contextvars import ContextVar\n\ncurrent = ContextVar('current')\n",
    "a function that is made once": "import functools\n\n\n@functools.cache\ndef store():\n    pass\n",
}

MUTATIONS = {
    "an item set on a module's name": _function("limits['rows'] = 1", "limits = make()"),
    "an attribute set on a module's class": _function("Seen.last = 1", "class Seen:\n    last = 0"),
    "a class's own counter": "class Seen:\n    @classmethod\n    def count(cls):\n        cls.last += 1\n",
    "a method that changes what a module's name holds": _function("entries.append(1)", "entries = make()"),
    "an attribute of an imported module": "import sys\n\nsys.excepthook = print\n",
    "the module search path": _function("sys.path.insert(0, '.')", "import sys"),
    "the environment": _function("os.environ['HOME'] = '.'", "import os"),
}

CASES = {
    **IMPORTS,
    **{name: _in_shared(FaultKind.MODULE_MUTABLE, code) for name, code in MUTABLES.items()},
    **{name: _in_shared(FaultKind.MODULE_MUTATED, code) for name, code in MUTATIONS.items()},
    "a global statement": _in_shared(
        FaultKind.GLOBAL_STATEMENT, _function("global last\n    last = 1", "last = 0")
    ),
    "an exit handler": _in_shared(
        FaultKind.PROCESS_HOOK, _function("atexit.register(print)", "import atexit")
    ),
    "an exit handler under another name, as a decorator": _in_shared(
        FaultKind.PROCESS_HOOK,
        "from atexit import register as at_end\n\n\n@at_end\ndef planted():\n    pass\n",
    ),
    "the module's own table of names": _in_shared(FaultKind.PROCESS_HOOK, _function("globals()['last'] = 1")),
    "a signal handler": _in_shared(
        FaultKind.PROCESS_HOOK, _function("signal.signal(2, print)", "import signal")
    ),
    "a profiler in a testing module, without a reason": _in_shared(
        FaultKind.PROCESS_HOOK, _function("sys.setprofile(None)", "import sys"), name="testing/planted.py"
    ),
    "a profiler outside a testing module, with a reason": _in_shared(
        FaultKind.PROCESS_HOOK, _function("sys.setprofile(None)  # process-wide: put back", "import sys")
    ),
    "logging configured": _in_shared(
        FaultKind.LOGGING_CONFIGURED, _function("logging.basicConfig()", "import logging")
    ),
    "logging configured from a table": _in_shared(
        FaultKind.LOGGING_CONFIGURED, _function("logging.config.dictConfig({})", "import logging.config")
    ),
    "a handler on a logger": _in_shared(
        FaultKind.LOGGING_CONFIGURED,
        "import logging\n\nlog = logging.getLogger(__name__)\nlog.addHandler(logging.NullHandler())\n",
    ),
}
