"""Imports that vendored and shipped code may have."""

from pathlib import Path

import pytest
from vendoring.check import find_faults

from tests.vendoring.planted import COPY, SOURCE, adds


@pytest.mark.parametrize(
    "line",
    [
        "import json",
        "from . import module_1",
        "from .module_1 import total_bytes",
        "from .. import beta",
        "from ..beta import module_0",
        "from ..beta.module_0 import total_bytes",
        "import statekeep_of_somebody_else",
    ],
)
def test_shared_code_may_import_its_own_modules_and_its_neighbours(tree: Path, line: str) -> None:
    for place in (SOURCE, COPY):
        adds(f"{place}/planted.py", f"{line}\n")(tree)
    assert find_faults(tree) == []


@pytest.mark.parametrize(
    "line",
    [
        "from ._shared.alpha import module_0",
        "from statekeep_core._shared import alpha",
        "from statekeep import Asset",
        "import statekeep.config",
    ],
)
def test_shipped_code_may_import_its_own_copies_and_public_names(tree: Path, line: str) -> None:
    adds("core/src/statekeep_core/store.py", f"{line}\n")(tree)
    assert find_faults(tree) == []
