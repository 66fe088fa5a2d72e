"""What a task loads, which decides how long it takes to start: the modules, since times vary."""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
import statekeep
from peer import Peer, echo_key
from statekeep.channel.address import ADDRESS_VARIABLE

# Each took 5 to 50 ms on Python 3.11, of the 30 that a task's import may take in all.
EXPENSIVE = {
    "asyncio",
    "concurrent",
    "dataclasses",
    "datetime",
    "hypothesis",
    "importlib.metadata",
    "inspect",
    "logging",
    "msgspec",
    "multiprocessing",
    "opentelemetry",
    "pytest",
    "random",
    "statekeep.cli",
    "statekeep.client",
    "statekeep.supervisor",
    "statekeep.tracing",
    "statekeep_core",
    "subprocess",
    "tempfile",
    "threading",
    "tomllib",
    "uuid",
}


def modules_loaded_by(code: str, *, address: str = "") -> set[str]:
    """Return what a fresh interpreter has loaded when it has run ``code``; the site's own is not counted."""
    script = f"import sys; before = set(sys.modules)\n{code}\nprint(*sorted(set(sys.modules) - before))"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, ADDRESS_VARIABLE: address},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ran.stdout.split())


def test_a_task_that_gets_and_sets_loads_nothing_expensive(tmp_path: Path) -> None:
    peer = Peer(tmp_path / "peer.sock", echo_key)
    try:
        loaded = modules_loaded_by(
            "import statekeep\n"
            "state = statekeep.current_context().task_state\n"
            "assert state.get('k') == 'k'\n"
            "state.set('k', {'rows': [1]}, if_absent=True)\n",
            address=peer.address,
        )
    finally:
        peer.join()
    assert "statekeep.channel.connection" in loaded
    assert loaded & EXPENSIVE == set()


def test_importing_statekeep_loads_none_of_its_modules() -> None:
    assert {name for name in modules_loaded_by("import statekeep") if name.startswith("statekeep.")} == set()


def test_every_public_name_is_there() -> None:
    for name in statekeep.__all__:
        assert getattr(statekeep, name) is not None
    assert set(statekeep.__all__) <= set(dir(statekeep))


def test_no_public_name_is_also_a_modules() -> None:
    # Importing the module would put it in the name's place.
    modules = {found.name for found in pkgutil.iter_modules(statekeep.__path__)}
    assert modules & set(statekeep.__all__) == set()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        statekeep.nothing  # type: ignore[attr-defined]  # noqa: B018 -- reading it is what raises
