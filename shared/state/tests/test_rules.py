"""The rules for keys and scopes, at their limits."""

from __future__ import annotations

import unicodedata
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statekeep_shared.state import (
    AssetScope,
    StateScope,
    TaskScope,
    check_asset,
    check_key,
    check_scope,
    check_task,
)
from statekeep_shared.state.errors import InvalidKeyError, InvalidRequestError

VENDORED: Any = import_module("statekeep._shared.state")


class Text(str):
    """A subclass, which would come back as something else."""

    __slots__ = ()


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=512))
def test_any_text_without_control_characters_and_surrogates_is_a_key(key: str) -> None:
    check_key(key)


@given(st.text(max_size=5), st.characters(categories=["Cc", "Cs"]), st.text(max_size=5))
def test_a_control_character_or_lone_surrogate_anywhere_is_refused(before: str, bad: str, after: str) -> None:
    with pytest.raises(InvalidKeyError, match=r"U\+[0-9A-F]{4} at position"):
        check_key(before + bad + after)


def test_the_refused_characters_are_unicodes_control_characters_and_surrogates() -> None:
    refused = {code for code in range(0x11_0000) if unicodedata.category(chr(code)) in ("Cc", "Cs")}
    for code in range(0x11_0000):
        if code in refused or code < 0x300:
            try:
                check_key(f"a{chr(code)}")
            except InvalidKeyError:
                assert code in refused
            else:
                assert code not in refused


@pytest.mark.parametrize(
    "key", ["..", "/", "a/../b", "%2e", " ", "a~5", "\u2028", "\U0001f600" * 512, "None", "0"]
)
def test_no_other_character_means_anything(key: str) -> None:
    check_key(key)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", "key is empty; give a str of 1 to 512 characters"),
        ("x" * 513, "key has 513 characters, over the limit of 512"),
        (b"k", "key is of type bytes"),
        (None, "key is of type NoneType"),
        (Text("k"), "key is of type Text"),
        (1, "key is of type int"),
    ],
)
def test_what_is_no_key_is_refused_with_the_figure_and_the_limit(key: Any, message: str) -> None:
    with pytest.raises(InvalidKeyError, match=message):
        check_key(key)


def test_the_message_never_shows_the_key() -> None:
    with pytest.raises(InvalidKeyError) as caught:
        check_key("secret-token\n")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("field", ["dag_id", "run_id", "task_id"])
@pytest.mark.parametrize("name", ["", "x" * 251, "a\x00", "\ud800", None, 1, Text("a")], ids=ascii)
def test_a_bad_name_is_refused_by_the_fields_name(field: str, name: Any) -> None:
    names = {"dag_id": "d", "run_id": "r", "task_id": "t", field: name}
    with pytest.raises(InvalidRequestError, match=f"^{field} "):
        check_task(**names)


@pytest.mark.parametrize("map_index", [True, False, -2, 2**31, 1.0, "1", None])
def test_a_bad_map_index_is_refused(map_index: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"^map_index .*give an int"):
        check_scope(TaskScope("d", "r", "t", map_index))


@pytest.mark.parametrize(
    "scope",
    [
        TaskScope("d" * 250, "\U0001f600" * 250, "..", 2**31 - 1),
        AssetScope(asset_id=0),
        AssetScope(name="n" * 1_500),
        AssetScope(name="s3://bucket/table", uri="s3://bucket/table"),
        VENDORED.TaskScope("d", "r", "t"),
        VENDORED.AssetScope(name="n"),
    ],
)
def test_a_scope_at_the_limits_and_of_any_copy_is_valid(scope: StateScope) -> None:
    check_scope(scope)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "asset name is empty"),
        ({"uri": ""}, "asset uri is empty"),
        ({"name": "n" * 1_501}, "asset name has 1,501 characters, over the limit of 1,500"),
        ({"uri": "u\n"}, r"asset uri holds the control character U\+000A at position 1"),
        ({"asset_id": True}, "asset_id is of type bool"),
        ({"asset_id": -1}, "asset_id is out of range"),
        ({"asset_id": 2**63}, "asset_id is out of range"),
        ({}, "give at least one of them"),
    ],
)
def test_a_bad_asset_is_refused_by_the_fields_name(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        check_asset(**fields)


@pytest.mark.parametrize("scope", [None, "dag", ("d", "r", "t", -1)])
def test_what_is_no_scope_is_refused(scope: Any) -> None:
    with pytest.raises(InvalidRequestError, match="give a TaskScope or an AssetScope"):
        check_scope(scope)
