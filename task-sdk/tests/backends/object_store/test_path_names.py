"""Any text becomes a name that is safe everywhere, and comes back from it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statekeep.backends.object_store.path_names import clipped, digest, escaped, is_name, unescaped

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(TEXTS)
def test_a_whole_name_gives_its_text_back(text: str) -> None:
    assert unescaped(escaped(text)) == text


@given(TEXTS, st.integers(4, 60))
def test_a_name_is_safe_however_it_is_cut(text: str, max_characters: int) -> None:
    name = clipped(text, max_characters)
    assert is_name(name)
    assert len(name) <= max_characters
    assert name.isascii()
    assert not set(name) & set("/\\%?#*:\"<>| '")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sales_2026-01.v2~a", "sales_2026-01.v2~a"),
        ("a/b", "a=2Fb"),
        ("..", "=2E=2E"),
        ("-rf", "=2Drf"),
        ("ends.", "ends=2E"),
        ("50%", "50=25"),
        ("=2F", "=3D2F"),
        ("é", "=C3=A9"),
    ],
)
def test_what_a_person_sees(text: str, name: str) -> None:
    assert escaped(text) == name


@pytest.mark.parametrize("name", ["..", ".hidden", "-rf", "a/b", "", "a%2e", "=2", "=g0", "a b"])
def test_what_is_no_name(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize("name", ["=C3", "=FF=FF", "=2", "a b", "="])
def test_what_is_no_whole_name_has_no_text(name: str) -> None:
    assert unescaped(name) is None


@given(st.lists(TEXTS, min_size=1), st.lists(TEXTS, min_size=1))
def test_different_fields_have_different_digests(first: list[str], second: list[str]) -> None:
    assert (digest(*first) == digest(*second)) == (first == second)


def test_a_cut_never_splits_an_escape() -> None:
    assert [clipped("aé", length) for length in range(1, 8)] == [
        "a",
        "a",
        "a",
        "a=C3",
        "a=C3",
        "a=C3",
        "a=C3=A9",
    ]
