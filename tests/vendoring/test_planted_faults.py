"""Every kind of fault that the vendoring check claims to find is planted, named, and mended or left alone."""

from pathlib import Path

import pytest
from vendoring.faults import FaultKind

from tests.vendoring.cases import code, consumers, copies, links, projects, requirements, root
from tests.vendoring.planted import Planted

CASES: dict[str, Planted] = {
    **projects.CASES,
    **copies.CASES,
    **links.CASES,
    **consumers.CASES,
    **root.CASES,
    **requirements.CASES,
    **code.CASES,
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_planted_fault_is_named_and_mended_or_left_alone(tree: Path, case: Planted) -> None:
    case.prove(tree)


def test_every_kind_of_fault_is_planted_by_a_case() -> None:
    assert {case.kind for case in CASES.values()} == set(FaultKind)


def test_no_case_replaces_another_of_the_same_name() -> None:
    tables = (projects, copies, links, consumers, root, requirements, code)
    assert len(CASES) == sum(len(table.CASES) for table in tables)
