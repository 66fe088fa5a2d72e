"""Values: what is kept comes back the same, and what would not is refused before it is sent."""

from __future__ import annotations

import json
import sys
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from statekeep_shared.state import check_encoded, decode, encode
from statekeep_shared.state.errors import InvalidRequestError, InvalidValueError
from statekeep_shared.state.values import MAX_INT_DIGITS, MAX_NESTING

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_INT = 10**MAX_INT_DIGITS - 1
INTS = st.integers() | st.integers(-LARGEST_INT, LARGEST_INT)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.booleans() | INTS | FLOATS | TEXTS
VALUES = SCALARS | st.recursive(
    SCALARS | st.none(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=20
).filter(lambda value: value is not None)


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"k": value}
    return value


def same(one: Any, other: Any) -> bool:
    """Equal and of the same types all the way down, with -0.0 apart from 0.0 and the order of keys kept."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other) if isinstance(one, float) else bool(one == other)


@pytest.fixture(params=[640, 0], ids=["shortest", "none"])
def int_digits_limit(request: pytest.FixtureRequest) -> Iterator[None]:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(request.param)
    yield
    sys.set_int_max_str_digits(before)


# --- round trips -----------------------------------------------------------------------------------------


@given(VALUES)
@example({"": [None, {"a": None}]})
@example(-0.0)
@example('\x00\x1f\x7f\u2028\U0001f600"\\/')
def test_a_value_comes_back_equal_and_of_the_same_types(value: Any) -> None:
    data = encode(value)
    assert same(decode(data), value)
    check_encoded(data)


@given(VALUES)
def test_the_bytes_are_json_that_another_reader_reads_alike(value: Any) -> None:
    assert same(json.loads(encode(value)), value)


def test_the_bytes_are_utf_8_without_spaces_or_escapes() -> None:
    assert encode({"é": [1, 2.5, True, None]}) == '{"é":[1,2.5,true,null]}'.encode()


@pytest.mark.usefixtures("int_digits_limit")
@pytest.mark.parametrize(
    "number", [LARGEST_INT, -LARGEST_INT, 10**600, 10**599, -(10**1_200) + 7, 10**4_299], ids=hash
)
def test_an_int_is_kept_whatever_the_interpreters_own_limit(number: int) -> None:
    for value in (number, {"a": [number, "x", 1.5, None, {"é": True}]}):
        data = encode(value)
        assert same(decode(data), value)
        check_encoded(data)
    assert decode(encode(number), type=int) == number


@pytest.mark.usefixtures("int_digits_limit")
@pytest.mark.parametrize("number", [LARGEST_INT + 1, -LARGEST_INT - 1], ids=["positive", "negative"])
def test_an_int_of_more_digits_is_refused_whatever_the_interpreters_own_limit(number: int) -> None:
    with pytest.raises(InvalidValueError, match="more than 4,300 digits"):
        encode([number])
    with pytest.raises(InvalidValueError):
        check_encoded(b"1" + b"0" * MAX_INT_DIGITS)


@pytest.mark.usefixtures("int_digits_limit")
def test_a_long_int_is_kept_in_a_record_whatever_the_interpreters_own_limit() -> None:
    record = Record(count=LARGEST_INT)
    assert decode(encode(record), type=Record) == record


@pytest.mark.parametrize("value", [0, "", False, [], {}, 0.0, [None], {"": ""}])
def test_a_falsy_value_is_a_value(value: Any) -> None:
    assert same(decode(encode(value)), value)


def test_the_deepest_nesting_is_kept_and_one_level_more_is_refused() -> None:
    assert decode(encode(nested(MAX_NESTING))) == nested(MAX_NESTING)
    with pytest.raises(InvalidValueError, match="nested deeper than 60 levels"):
        encode(nested(MAX_NESTING + 1))


# --- typed values ----------------------------------------------------------------------------------------


@dataclass
class Record:
    count: int = 0
    at: datetime | None = None
    price: Decimal | None = None
    ratio: float = 0.0
    pair: tuple[int, str] = (1, "a")
    by_day: dict[date, int] = field(default_factory=dict)
    anything: Any = None


class Row(msgspec.Struct, rename="camel", omit_defaults=True):
    row_count: int
    ids: list[UUID] = []
    blob: bytes = b""


@given(
    st.one_of(
        st.datetimes(),
        st.datetimes(timezones=st.integers(-1_439, 1_439).map(lambda m: timezone(timedelta(minutes=m)))),
        st.dates(),
        st.decimals(allow_nan=False, allow_infinity=False),
        st.uuids(),
        st.binary(),
    )
)
def test_a_typed_value_comes_back_by_naming_its_type(value: Any) -> None:
    data = encode(value)
    check_encoded(data)
    back = decode(data, type=type(value))
    assert type(back) is type(value)
    assert back == value
    assert data == msgspec.json.encode(value)


@pytest.mark.parametrize(
    "record",
    [
        Record(3, datetime(2026, 1, 1, tzinfo=UTC), Decimal("1.50"), 1e22, (2, "é"), {date(2026, 1, 1): 5}),
        Row(3, [UUID(int=7)], b"\x00\xff"),
        Record(by_day={date(2026, 1, 1): 5}, anything=[1, [2.5, None]]),
        Row(0),
    ],
)
def test_a_record_comes_back_by_naming_its_type(record: Any) -> None:
    data = encode(record)
    check_encoded(data)
    assert decode(data, type=type(record)) == record
    assert msgspec.json.decode(data, type=type(record)) == record


def test_typed_values_are_kept_inside_lists_and_dicts() -> None:
    value = {"at": [datetime(2026, 1, 1, tzinfo=UTC)], "row": Row(1)}
    assert encode(value) == b'{"at":["2026-01-01T00:00:00Z"],"row":{"rowCount":1}}'
    assert decode(encode([UUID(int=1)]), type=list[UUID]) == [UUID(int=1)]


@pytest.mark.parametrize("kind", ["datetime", 5, {int}, object()])
def test_what_is_no_type_cannot_be_read_as(kind: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"type is .*, which values cannot be read as; give a type"):
        decode(b'["secret"]', type=kind)


def test_a_value_that_does_not_read_as_the_named_type_is_an_error_that_says_where() -> None:
    with pytest.raises(InvalidValueError, match="does not read as datetime"):
        decode(b'"secret"', type=datetime)
    with pytest.raises(InvalidValueError, match=r"does not read as Record at \$\.count") as caught:
        decode(b'{"count":"secret"}', type=Record)
    assert "secret" not in str(caught.value)
    with pytest.raises(InvalidValueError, match="does not read as Suit") as caught:
        decode(b'"secret"', type=Suit)  # msgspec's own message would quote it
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


# --- what is refused -------------------------------------------------------------------------------------


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Color(Enum):
    RED = 1


class Suit(Enum):
    HEARTS = "hearts"


class Level(IntEnum):
    LOW = 1


class Scalar:
    """Quacks like a scalar of an array library."""

    shape: tuple[int, ...] = ()

    def __init__(self, value: int) -> None:
        self._value = value

    def __index__(self) -> int:
        return self._value


class Array(Scalar):
    shape = (3,)

    def tolist(self) -> list[int]:
        return [1, 2, 3]


class Timestamp(datetime):
    """Keeps nanoseconds, as pandas does, which a datetime would lose."""

    def to_pydatetime(self) -> datetime:
        return datetime(self.year, self.month, self.day, tzinfo=self.tzinfo)


LOCAL_MEAN_TIME = datetime(1890, 1, 1, tzinfo=timezone(timedelta(minutes=9, seconds=21)))
AT_FAULT = [
    ((1, 2), "use list(x)"),
    ({1}, "use list(x)"),
    (Text("a"), "use str(x)"),
    (Number(3), "use int(x)"),
    (OrderedDict(a=1), "use dict(x)"),
    (Color.RED, "use x.value"),
    (Level.LOW, "use x.value"),
    (Scalar(3), "use int(x)"),
    (Array(3), "use x.tolist()"),
    (Timestamp(2026, 1, 1, tzinfo=UTC), "use x.to_pydatetime()"),
    (object(), "convert it to str"),
    (time(1), "convert it to str"),
    (1j, "convert it to str"),
    (bytearray(b"x"), "use list(x)"),
    (float("nan"), "NaN or infinite"),
    (float("inf"), "NaN or infinite"),
    (float("-inf"), "NaN or infinite"),
    (Decimal("NaN"), "NaN or infinite"),
    (Decimal("-Infinity"), "NaN or infinite"),
    ("\ud800", "lone surrogate at position 0"),
    ("ab\udfff", "lone surrogate at position 2"),
    (LOCAL_MEAN_TIME, "convert it to UTC first"),
    (Record(ratio=float("nan")), "NaN or infinite"),
    (Record(anything=object()), "field that has no JSON form"),
    (Record(anything="\ud800"), "lone surrogate"),
    ({1: "a"}, "has a key of type int; use str keys"),
    ({Text("a"): 1}, "has a key of type Text; use str keys"),
    ({None: 1}, "has a key of type NoneType; use str keys"),
    ({"\ud800": 1}, "lone surrogate"),
]


@pytest.mark.parametrize(
    ("value", "message"), AT_FAULT, ids=lambda item: ascii(item).partition(" at ")[0][:30]
)
def test_what_would_come_back_changed_is_refused_at_any_depth(value: Any, message: str) -> None:
    for place, whole in (("value", value), ("value at $[1].a", [0, {"a": value}])):
        with pytest.raises(InvalidValueError) as caught:
            encode(whole)
        assert str(caught.value).startswith(place)
        assert message in str(caught.value)


@pytest.mark.parametrize("sent", [b"[1, 2]", b'"\\u00e4"', b"1e2", b"{", b'{"a":1,"a":2}'])
def test_who_sends_another_form_of_a_value_is_told_which_to_send(sent: bytes) -> None:
    with pytest.raises(InvalidValueError, match=r"value for 'k' is no.*compact JSON in UTF-8: no spaces"):
        check_encoded(sent, what="value for 'k'")


def test_none_is_refused_as_the_whole_value_and_kept_inside() -> None:
    with pytest.raises(InvalidValueError, match="delete the key instead"):
        encode(None)
    for nothing in (b"null", b""):  # over HTTP, null comes as no bytes
        with pytest.raises(InvalidValueError, match=r"value for 'k' is None.*delete the key instead"):
            check_encoded(nothing, what="value for 'k'")
    assert decode(encode({"a": None, "b": [None]})) == {"a": None, "b": [None]}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"rows": [1, 2, 3, {"price": float("nan")}]}, "value at $.rows[3].price is NaN"),
        ({"two words": [(1,)]}, 'value at $["two words"][0] is of type tuple'),
        ({"é": {"\n": (1,)}}, r'value at $["\u00e9"]["\n"] is of type tuple'),
        ({"k" * 50: (1,)}, "value at $[" + '"' + "k" * 40 + r"\u2026" + '"' + "] is of type tuple"),
        ([Row(1), Record(ratio=float("inf"))], "value at $[1].ratio is NaN or infinite"),
        (Record(anything=[Decimal("NaN")]), "value at $.anything[0] is a Decimal that is NaN"),
        (Record(anything={"at": LOCAL_MEAN_TIME}), "value at $.anything.at is a datetime"),
        ({"a": {1: 2}}, "value at $.a has a key of type int"),
    ],
)
def test_the_error_says_where(value: Any, path: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        encode(value)
    assert str(caught.value).startswith(path)


def test_the_error_says_what_the_caller_calls_it_and_never_shows_the_value() -> None:
    with pytest.raises(InvalidValueError) as caught:
        encode({"secret": ("token-1",)}, what="value for 'rows'")
    assert str(caught.value).startswith("value for 'rows' at $.secret is of type tuple")
    assert "token-1" not in str(caught.value)
    assert "token-1" not in str(caught.value.facts)


def test_what_contains_itself_is_refused_and_not_followed_for_ever() -> None:
    in_list: list[Any] = [1]
    in_list += [in_list, in_list]
    in_dict: dict[str, Any] = {}
    in_dict["self"] = [in_dict, in_dict]
    record = Record()
    record.anything = record
    for value in (in_list, in_dict, record, [record]):
        with pytest.raises(InvalidValueError, match="contains itself"):
            encode(value)


# --- what arrives ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" 1",
        b"1 ",
        b"1x",
        b"[1, 2]",
        b'{"a": 1}',
        b"1.50",
        b"1E5",
        b"-0",
        b"01",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"[NaN]",
        b"1e400",
        b'"\\u0041"',
        b'"\\/"',
        b'"\\ud800"',
        b'"\\u00e9"',
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b"\xff",
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf1",
        b"[" * 61 + b"]" * 61,
        b"[" * 100_000,
        b"9" * 1_000_000,
        b"None",
        b"'a'",
    ],
    ids=lambda data: ascii(data)[:30],
)
def test_bytes_that_encode_never_writes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidValueError):
        check_encoded(data)


@pytest.mark.parametrize(
    "data", [b"", b"1x", b"1 ", b"[1]]", b"NaN", b"\xff", b"[" * 100_000], ids=lambda d: ascii(d)[:20]
)
def test_bytes_that_are_no_json_are_refused_by_decode_too(data: bytes) -> None:
    with pytest.raises(InvalidValueError, match="is not JSON that can be read back"):
        decode(data)


def test_a_number_of_endless_digits_is_refused_without_converting_it() -> None:
    with pytest.raises(InvalidValueError):
        decode(b"9" * (MAX_INT_DIGITS + 1))


@given(st.binary() | st.text('[]{}",:0123456789.eE+-truefalsn \\u').map(str.encode))
def test_any_bytes_are_either_refused_or_exactly_an_encoded_value(data: bytes) -> None:
    try:
        check_encoded(data)
    except InvalidValueError:
        return
    assert encode(decode(data)) == data


@given(VALUES, st.sampled_from([{"indent": 1}, {"separators": (", ", ": ")}, {"ensure_ascii": True}]))
def test_another_spelling_of_a_value_is_refused(value: Any, spelling: dict[str, Any]) -> None:
    data = json.dumps(value, **spelling).encode()
    if data != encode(value):
        with pytest.raises(InvalidValueError):
            check_encoded(data)
