"""Requirements that say the same in other words are no fault."""

from pathlib import Path

import pytest
from vendoring.check import find_faults, mend_faults

from tests.vendoring.cases.requirements import ALPHA, requires
from tests.vendoring.planted import CORE, SDK, in_turn


@pytest.mark.parametrize(
    ("shared", "consumer"),
    [
        ("packaging>=24", "packaging>=24"),
        ("packaging>=24", "Packaging >= 24.0"),
        ("typing-extensions>=4", "typing_extensions>=4.5"),
        ("packaging>=24,<26", "packaging~=25.0"),
        ("packaging!=25.0", "packaging>=25.1"),
        ("coverage", "coverage[toml]>=7"),
        ("coverage[toml]>=7; python_version < '3.12'", "coverage[toml]>=7"),
        ("coverage>=7; python_version<'3.12'", "coverage>=7.1 ; python_version < '3.12'"),
    ],
)
def test_a_consumer_may_say_more_and_say_it_otherwise(tree: Path, shared: str, consumer: str) -> None:
    in_turn(requires(ALPHA, shared), requires(SDK, consumer), requires(CORE, consumer))(tree)
    assert find_faults(tree) == []


def test_two_lines_of_a_consumer_count_together(tree: Path) -> None:
    lines = ("packaging>=24", "packaging<26")
    in_turn(requires(ALPHA, "packaging>=24,<26"), requires(SDK, *lines), requires(CORE, *lines))(tree)
    assert find_faults(tree) == []


def test_a_stronger_bound_of_the_consumer_survives_the_mend(tree: Path) -> None:
    in_turn(requires(ALPHA, "packaging>=24.1,<27"), requires(SDK, "packaging>=25"))(tree)
    _, left = mend_faults(tree)
    assert left == []
    written = (tree / SDK).read_text()
    assert '"packaging>=25", "packaging>=24.1,<27"' in written


def test_mending_twice_changes_nothing_more(tree: Path) -> None:
    requires(ALPHA, "packaging>=24.1")(tree)
    mend_faults(tree)
    once = (tree / SDK).read_text(), (tree / CORE).read_text()
    mended, _ = mend_faults(tree)
    assert (mended, ((tree / SDK).read_text(), (tree / CORE).read_text())) == ([], once)
