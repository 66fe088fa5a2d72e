"""The suite is itself tested: every backend on the shelf fails the very test that guards its fault."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shared.state.tests.testing import shelf_suite
from shared.state.tests.testing.shelf import FAULTS, Fault

if TYPE_CHECKING:
    from collections.abc import Generator


class _GuardingTestsOnly:
    """A pytest plugin: runs, for each broken backend, the test that must catch it, and notes which failed."""

    def __init__(self) -> None:
        self.failed: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if isinstance(item, pytest.Function) and _guards(item)]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Function
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.failed and report.when == "call":
            self.failed.add(_fault_of(item).backend.__name__)
        return report


def _fault_of(item: pytest.Function) -> Fault:
    fault = item.callspec.params["fault"]
    assert isinstance(fault, Fault)
    return fault


def _guards(item: pytest.Function) -> bool:
    uses_a_backend = "fault" in item.fixturenames
    return uses_a_backend and item.originalname == _fault_of(item).caught_by


@pytest.fixture(scope="module")
def caught() -> set[str]:
    plugin = _GuardingTestsOnly()
    suite = Path(shelf_suite.__file__)
    pytest.main([str(suite), "-p", "no:terminal", "-p", "no:cacheprovider", "--capture=no"], plugins=[plugin])
    return plugin.failed


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.backend.__name__)
def test_a_broken_backend_fails_the_test_that_guards_its_fault(fault: Fault, caught: set[str]) -> None:
    assert fault.backend.__name__ in caught, f"{fault.caught_by} let {fault.backend.__name__} pass"


def test_there_are_faults_on_the_shelf_of_every_part_of_the_suite() -> None:
    assert len({fault.backend.__name__ for fault in FAULTS}) == len(FAULTS) >= 40
