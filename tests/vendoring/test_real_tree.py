"""The check on a clone of this repository, beside the generated workspace of the other tests."""

import subprocess
from pathlib import Path

import pytest
from vendoring.check import find_faults, mend_faults
from vendoring.faults import FaultKind

from tests.vendoring.planted import CORE, SDK, adds, removes, replaces

pytestmark = pytest.mark.slow  # starts the commands, or clones the repository

ROOT = Path(__file__).parents[2]
MAPPED = '"../shared/state/src/statekeep_shared/state" = "src/statekeep/_shared/state"\n'


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """This repository as it is committed."""
    subprocess.run(
        ["git", "clone", "-q", str(ROOT), str(tmp_path / "clone")], check=True, capture_output=True
    )
    return tmp_path / "clone"


def test_faults_of_every_sort_are_named_together_and_mended_together(clone: Path) -> None:
    assert find_faults(clone) == []
    adds("shared/state/src/statekeep_shared/state/errors.py", "\n# an edit\n")(clone)
    removes("core/src/statekeep_core/_shared/settings")(clone)
    replaces(SDK, MAPPED, "")(clone)
    replaces(CORE, '"settings"', '"settings", "gone"')(clone)
    replaces("pyproject.toml", '    "statekeep-shared-settings",\n', "")(clone)
    assert {fault.kind for fault in find_faults(clone)} == {
        FaultKind.COPY_BEHIND,
        FaultKind.LINK_MISSING,
        FaultKind.FORCE_INCLUDE_MISSING,
        FaultKind.VENDOR_UNKNOWN,
        FaultKind.DEV_GROUP_MISSING,
    }
    _, left = mend_faults(clone)
    assert left == []


def test_an_edit_of_the_real_copy_is_refused(clone: Path) -> None:
    place = "task-sdk/src/statekeep/_shared/state/errors.py"
    adds(place, "\n# an edit\n")(clone)
    _, left = mend_faults(clone)
    assert [fault.kind for fault in left] == [FaultKind.COPY_EDITED]
    assert (clone / place).read_text().endswith("# an edit\n")
