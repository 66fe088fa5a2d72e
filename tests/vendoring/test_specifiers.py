"""Specifiers as sets, against a table, and against a count over many versions."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from vendoring.specifiers import admits_all_of, are_compatible

SUFFIXES = ("", ".dev1", "a1", "rc2", ".post1", ".post1.dev2")
VERSIONS = [
    f"{major}.{minor}{patch}{suffix}"
    for major, minor, patch, suffix in product(range(5), range(5), ("", ".1", ".7"), SUFFIXES)
]

bases = st.builds("{}.{}".format, st.integers(0, 4), st.integers(0, 4))
plain = st.builds("{}{}".format, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), bases)
prefixed = st.builds("{}{}.*".format, st.sampled_from(["==", "!="]), bases)
compatible = st.builds("~={}".format, bases)
specifier_sets = st.lists(plain | prefixed | compatible, max_size=3).map(
    lambda parts: SpecifierSet(",".join(parts))
)


@pytest.mark.parametrize(
    ("outer", "inner", "holds"),
    [
        (">=1.2", ">=1.2", True),
        (">=1.2", ">=1.3", True),
        (">=1.3", ">=1.2", False),
        (">=1.2", "==1.2.*", False),  # which admits 1.2.dev0
        (">=1.2.dev0", "==1.2.*", True),
        (">=1.2,<2", "~=1.5", True),
        ("~=1.5", ">=1.5,<2", True),
        ("~=1.5.2", ">=1.5.2,<2", False),
        (">=1.0", ">=1", True),
        (">1.2", ">=1.2", False),
        ("!=1.5", ">=1", False),
        ("!=1.5", ">=1,!=1.5.0", True),
        ("<2", "<2.0a1", False),  # which admits 2.0.dev0
        ("<2", "<2.0.dev0", True),
        ("", ">=1", True),
        (">=1", "", False),
        (">=1.0a2", ">1.0a1", False),  # which admits 1.0a2.dev0
        (">=1.0a1", ">1.0a1.dev0", False),  # which admits 1.0a1.dev1
        (">=1.0.post2", ">1.0.post1", False),  # which admits 1.0.post2.dev0
        ("===odd", "===odd", True),
        ("===odd", ">=1", False),
        (">=1!1.0", ">=2", False),
    ],
)
def test_a_set_holds_another_by_meaning(outer: str, inner: str, holds: bool) -> None:
    assert admits_all_of(SpecifierSet(outer), SpecifierSet(inner)) is holds


@given(specifier_sets, specifier_sets)
@settings(max_examples=150, deadline=None)
def test_whatever_is_said_to_be_held_is_held_by_every_version(
    outer: SpecifierSet, inner: SpecifierSet
) -> None:
    inside = [version for version in VERSIONS if inner.contains(version, prereleases=True)]
    counted = all(outer.contains(version, prereleases=True) for version in inside)
    assert counted or not admits_all_of(outer, inner)


@given(specifier_sets, specifier_sets)
@settings(max_examples=150, deadline=None)
def test_sets_that_meet_in_any_version_are_compatible(one: SpecifierSet, other: SpecifierSet) -> None:
    both = (one & other).filter(VERSIONS, prereleases=True)
    assert are_compatible(one, other) or next(iter(both), None) is None
