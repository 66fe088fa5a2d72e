"""The JSON form of messages: values verbatim, nothing added, nothing lost."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statekeep_shared.state import messages as m
from statekeep_shared.state.errors import InvalidRequestError, InvalidValueError
from statekeep_shared.state.json_form import (
    BASE64_FIELDS,
    LIST_FIELDS,
    NESTED_FIELDS,
    VALUE_FIELDS,
    JsonForm,
)
from statekeep_shared.state.message import Message
from statekeep_shared.state.values import encode
from statekeep_shared.state.wire import from_plain, to_plain

TASK = m.TaskAddress("dag", "run", "task", 3)
EXTERNAL = m.External("s3://b/o", "object-store-1", "k~g", TASK, 7, bytes(range(224, 256)))
ENTRY = m.Entry("k", b'{"a": 1.10}', 5, 7, 1, 2, m.Writer("w", TASK, 2))
AWAY = m.Entry("k", b"", 5, 7, external=EXTERNAL)
OPERATIONS = (
    m.Set("k", b'"\xc3\xa9"'),
    m.Increment("k", b"1e0"),
    m.Clear(),
    m.Set("k", b"", external=EXTERNAL),
)

ROWS: list[Any] = [
    m.Start(TASK, (m.AssetAddress("a"),), (m.AssetAddress(uri="u"),), lease_seconds=5.5),
    m.Set("k", b"1" * 5_000, 7, 60.0, 5),
    m.Set("k", b"[1.0,1.00]", if_absent=True),
    m.SetMax("k", b'"2026-01-01"', m.AssetAddress("a")),
    m.Batch(OPERATIONS),
    m.BatchDone((ENTRY, AWAY, m.Absent("k"), m.Written(5, 1, (EXTERNAL,)))),
    m.Entries((ENTRY, AWAY), "k"),
    m.History((m.Change("k", 5, "set", 1, b"1"), m.Change("k", 5, "delete", 1), m.Change("k", 6, "set", 1))),
    m.Disposals((m.Disposal(1, EXTERNAL),)),
    m.Refusal("conflict", {"kind": "x", "value": 1, "external": None, "operations": "y"}, False),
]


@pytest.mark.parametrize("message", ROWS, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_was(message: Any) -> None:
    form = JsonForm()
    assert from_plain(form.decode(form.encode(to_plain(message)))) == message


def test_every_field_that_holds_bytes_or_messages_that_do_is_known_by_name() -> None:
    holders: set[type] = {m.External}
    values, digests, nested, lists = found = tuple(set[str]() for _ in range(4))
    for cls in _messages():
        for name, hint in get_type_hints(cls).items():
            if name in cls._fields and _mentions(hint, bytes):
                (digests if cls in holders else values).add(name)
                holders.add(cls)
    for _ in range(2):  # what holds a holder is one itself
        for cls in _messages():
            for name, hint in get_type_hints(cls).items():
                if name in cls._fields and any(_mentions(hint, holder) for holder in holders):
                    (lists if _mentions(hint, Ellipsis) else nested).add(name)
                    holders.add(cls)
    assert list(found) == list[Any]((VALUE_FIELDS, BASE64_FIELDS, NESTED_FIELDS, LIST_FIELDS))


def test_a_value_crosses_byte_for_byte() -> None:
    body = JsonForm().encode(to_plain(m.Set("k", b'{"a": [1.0 ,1E2]}')))
    assert b'"value":{"a": [1.0 ,1E2]},' in body
    assert JsonForm().decode(body)["value"] == b'{"a": [1.0 ,1E2]}'


@pytest.mark.parametrize(
    "value", [b'1,"key":"other"', b"1}", b"nul", b"", b"NaN", b" 1", b"1 ", b'"\xff', b"[" * 9_999, "1", None]
)
def test_a_value_that_is_no_json_cannot_add_to_the_body(value: Any) -> None:
    plain = to_plain(m.Set("k", b"1")) | {"value": value}
    form = JsonForm()
    if value == b"":  # "not here"; whether the request may say so is the store's to tell
        assert form.decode(form.encode_checked(plain)) == plain
    else:
        with pytest.raises(InvalidRequestError, match="request body"):
            form.encode_checked(plain)


@pytest.mark.parametrize("name", ["operations", "external", "digest"])
@pytest.mark.parametrize("content", [7, "x", [7], [[]], {"operations": 7}])
def test_what_is_no_message_is_refused_and_never_a_fault(name: str, content: Any) -> None:
    form = JsonForm()
    try:
        form.encode_checked({"kind": "Set", name: content})
    except InvalidRequestError as error:
        assert error.facts["what"] == "request body"  # noqa: PT017 -- some of them are harmless


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"a":1',
        b"\xff",
        b'{"a":"\xff"}',
        b'{"operations":[1]}',
        b'{"digest":"*"}',
        b"{}x",
        b'{"a":' + b"[" * 100_000,
    ],
)
def test_what_is_no_body_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequestError, match="request body"):
        JsonForm().decode(body)


@given(st.recursive(st.integers() | st.text() | st.booleans() | st.floats(allow_nan=False), st.lists))
def test_every_value_that_the_rules_allow_crosses(value: Any) -> None:
    try:
        text = encode(value)
    except InvalidValueError:
        return
    plain = to_plain(m.Set("k", text))
    assert JsonForm().decode(JsonForm().encode_checked(plain)) == plain


def _messages() -> list[Any]:
    return [cls for cls in Message.__subclasses__() if cls.__module__ == m.__name__]


def _mentions(hint: Any, wanted: Any) -> bool:
    inner = getattr(hint, "__args__", ())
    return hint is wanted or any(_mentions(each, wanted) for each in inner)
