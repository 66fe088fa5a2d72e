"""The OpenAPI document is exact: schemathesis asks what it allows and what it forbids.

A long run, on both stores: `scripts/test tests/hostile/test_openapi_document.py --hostile-examples 200`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from server_process import ServerProcess

# In the long form schemathesis has no limit but its number of examples.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

_ROOT = Path(__file__).parents[2]
_HERE = Path(__file__).parent
# One of each kind: what a try does and what people do, with values, without, and with messages inside.
_SHORT = r"^/(execution/v1/(heartbeat|increment|add-grant)|api/v1/(list-tries|find-asset))$"
_ALWAYS_THE_SAME = ("--phases=coverage", f"--include-path-regex={_SHORT}", "--generation-deterministic")


def test_the_server_answers_as_its_document_says(
    hostile_server: ServerProcess, hostile_examples: int, hostile_seed: int
) -> None:
    how = _ALWAYS_THE_SAME
    if hostile_examples:
        how = (f"--max-examples={hostile_examples}", f"--seed={hostile_seed}", "--continue-on-failure")
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", _HERE / "schemathesis.toml"),
            *("run", f"{hostile_server.url}/openapi.json", "--no-color", *how),
        ],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=_environment(hostile_server),
    )
    print(ran.stdout)
    assert ran.returncode == 0
    assert "0 generated" not in ran.stdout
    assert hostile_server.stop() == 0
    assert not [line for line in hostile_server.said if "Traceback" in line or "fault" in line]


def _environment(server: ServerProcess) -> dict[str, str]:
    return os.environ | {
        "HOSTILE_URL": server.url,
        "HOSTILE_WORKER": server.worker,
        "HOSTILE_OPERATOR": server.operator,
        "SCHEMATHESIS_HOOKS": "tests.hostile.schemathesis_hooks",
        "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")]),
    }
