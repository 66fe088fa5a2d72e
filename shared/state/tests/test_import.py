"""What importing the contract costs a task process: the standard library, and little of it."""

from __future__ import annotations

import json
import subprocess
import sys

LIST_MODULES = """
import json, sys
before = set(sys.modules)
import statekeep_shared.state
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def _imported(script: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    names: list[str] = json.loads(done.stdout)
    return set(names)


def test_importing_the_contract_loads_the_standard_library_only() -> None:
    foreign = {name.partition(".")[0] for name in _imported(LIST_MODULES)} - sys.stdlib_module_names
    assert foreign == {"statekeep_shared"}


def test_importing_the_contract_loads_nothing_that_is_slow_to_import() -> None:
    slow = {
        "asyncio",
        "dataclasses",
        "datetime",
        "decimal",
        "inspect",
        "uuid",
        "hashlib",
        "pytest",
        "hypothesis",
    }
    assert slow.isdisjoint(_imported(LIST_MODULES))


def test_a_scope_can_be_named_without_knowing_where_it_lives() -> None:
    script = (
        "import json\nfrom statekeep_shared.state import TaskScope\nprint(json.dumps([TaskScope.__name__]))"
    )
    assert _imported(script) == {"TaskScope"}


def test_using_plain_values_and_scopes_loads_no_msgspec() -> None:
    use = "statekeep_shared.state.decode(statekeep_shared.state.encode({'a': [1, 'b']}))\n"
    assert "msgspec" not in _imported(LIST_MODULES.replace("\nprint", "\n" + use + "print"))
