"""Values: what can be kept, and its one form in bytes.

A value is ``str``, ``int`` (to 4,300 digits), finite ``float``, ``bool``, ``list``, or ``dict`` with string
keys, nested to at most 60 levels. ``None`` is allowed inside a list or dict, where it comes back as it was
given; as the whole value it is refused, because nobody could tell it from an absent key. ``datetime``,
``date``, ``Decimal``, ``UUID``, ``bytes``, dataclasses and msgspec structs are written as msgspec writes
them and come back by naming the type.

The bytes are JSON (RFC 8259) in UTF-8 without spaces or needless escapes, object members in the order
given. Two equal values of the same types in the same order have the same bytes.
"""

from __future__ import annotations

import json
from math import isfinite

from .errors import InvalidRequestError, InvalidValueError

TYPE_CHECKING = False  # typing takes 2.5 ms to import
if TYPE_CHECKING:
    from typing import Any, NoReturn, TypeVar, overload

    T = TypeVar("T")

MAX_INT_DIGITS = 4_300
# The shallowest limit among the JSON readers in use is 64 (.NET's System.Text.Json); four levels are left
# for what a value travels in.
MAX_NESTING = 60

_INT_BOUND = 10**MAX_INT_DIGITS
# The interpreter's limit on converting ints can be set, but never below 640 digits.
_CHUNK_DIGITS = 600
_CHUNK = 10**_CHUNK_DIGITS
_MAX_PATH_STEP_CHARACTERS = 40
_MAX_PATH_STEPS = 12
_FORM = (
    "send compact JSON in UTF-8: no spaces, no member twice, no escape that JSON does not ask for, each "
    "number at its shortest"
)


class _FaultError(Exception):
    """Something that would not come back; collects the way to it while the stack unwinds."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy
        self.steps: list[str | int] = []


# --- writing ---------------------------------------------------------------------------------------------


def encode(value: Any, *, what: str = "value") -> bytes:
    """Return the value's one form in bytes.

    ``what`` opens the message of the error. Raises :class:`InvalidValueError`, which says where (a path
    such as ``$.rows[3].price``) and why, never the value, for everything that :func:`decode` would not
    return equal and of the same types.
    """
    return encode_text(value, what=what).encode()


def encode_text(value: Any, *, what: str = "value") -> str:
    """As :func:`encode`, but the text of those bytes: of a large value, one copy less."""
    if value is None:
        raise InvalidValueError(
            what=what, problem="is None, which reads like an absent key", remedy="delete the key instead"
        )
    try:
        _check(value, 0)
    except _FaultError as fault:
        raise _refusal(fault, what) from None
    try:
        return _ENCODER.encode(value)
    except ValueError:  # the interpreter was told to convert shorter ints only
        return _written(value)


def _check(value: Any, depth: int) -> None:
    kind = type(value)
    if kind is str:
        if not value.isascii():
            _check_text(value)
    elif kind is int:
        if not -_INT_BOUND < value < _INT_BOUND:
            raise _FaultError(f"has more than {MAX_INT_DIGITS:,} digits", "keep it as a str")
    elif kind is float:
        if not isfinite(value):
            raise _FaultError(
                "is NaN or infinite, which JSON cannot hold", "leave it out, or keep it as a str"
            )
    elif kind is dict:
        _check_dict(value, depth + 1)
    elif kind is list:
        _check_list(value, depth + 1)
    elif kind is not bool and value is not None:
        _check(_plain(value), depth)


def _check_dict(value: dict[Any, Any], depth: int) -> None:
    _check_depth(depth)
    name: Any = None
    try:
        for name, item in value.items():
            if type(name) is not str:
                raise _FaultError(f"has a key of type {type(name).__name__}", "use str keys")
            if not name.isascii():
                _check_text(name)
            _check(item, depth)
    except _FaultError as fault:
        if type(name) is str:
            fault.steps.append(name)
        raise


def _check_list(value: list[Any], depth: int) -> None:
    _check_depth(depth)
    index = 0
    try:
        for item in value:
            _check(item, depth)
            index += 1
    except _FaultError as fault:
        fault.steps.append(index)
        raise


def _check_depth(depth: int) -> None:
    # Whatever contains itself is met here too: the way down never ends.
    if depth > MAX_NESTING:
        raise _FaultError(f"is nested deeper than {MAX_NESTING} levels, or contains itself", "flatten it")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        problem = f"holds a lone surrogate at position {error.start}"
        raise _FaultError(problem, "decode the text it came from with its own encoding") from None


def _plain(value: Any) -> Any:
    """Return what msgspec writes for a value of a type that has a standard JSON form, or raise the fault."""
    kind = type(value)
    is_record = hasattr(kind, "__dataclass_fields__") or hasattr(kind, "__struct_fields__")
    if not is_record and (kind.__module__, kind.__qualname__) not in _WRITTEN_AS_TEXT:
        raise _foreign(value)
    import msgspec

    if not is_record:
        return _plain_text(value)
    try:
        return _plain_inside(msgspec.to_builtins(value, builtin_types=_builtin_types()))
    except RecursionError:
        raise _FaultError("contains itself", "leave the inner one out") from None
    except (TypeError, ValueError, OverflowError):
        problem = f"is of type {kind.__name__} with a field that has no JSON form"
        raise _FaultError(problem, "give the field a type that has one") from None


_WRITTEN_AS_TEXT = frozenset(
    {
        ("datetime", "datetime"),
        ("datetime", "date"),
        ("decimal", "Decimal"),
        ("uuid", "UUID"),
        ("builtins", "bytes"),
    }
)


def _builtin_types() -> tuple[type, ...]:
    from datetime import date, datetime
    from decimal import Decimal
    from uuid import UUID

    return (datetime, date, Decimal, UUID, bytes)


def _plain_inside(record: Any) -> Any:
    """Return what msgspec left of a record with lists for tuples and text for the keys of its dicts."""
    if isinstance(record, dict):
        return {_key_text(key): _plain_inside(item) for key, item in record.items()}
    if isinstance(record, (list, tuple)):
        return [_plain_inside(item) for item in record]
    return record


def _key_text(key: Any) -> str:
    if isinstance(key, str):
        return key
    import msgspec

    (text,) = msgspec.to_builtins({key: None}, str_keys=True)
    return str(text)


def _plain_text(value: Any) -> str:
    import msgspec

    name = type(value).__name__
    if name == "Decimal" and not value.is_finite():
        raise _FaultError("is a Decimal that is NaN or infinite", "leave it out, or keep it as a str")
    text: str = msgspec.to_builtins(value)
    if msgspec.convert(text, type(value)) != value:
        # A time zone whose offset has seconds, as local mean times before 1900 have.
        raise _FaultError(f"is a {name} that its JSON form does not keep", "convert it to UTC first")
    return text


def _foreign(value: Any) -> _FaultError:
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return _FaultError(f"is of type {name}, which JSON cannot hold as it is", _remedy(value))


def _remedy(value: Any) -> str:
    kind = type(value)
    if hasattr(kind, "__members__"):
        return "use x.value"
    if getattr(value, "shape", ()) != ():
        return "use x.tolist()" if hasattr(kind, "tolist") else "use x.to_dict('records')"
    if kind.__name__ == "datetime64":
        return "use x.item()"
    if kind.__name__ in ("bool_", "bool"):
        return "use bool(x)"
    for builtin in (str, int, float, dict, list):
        if isinstance(value, builtin):
            return f"use {builtin.__name__}(x)"
    if hasattr(kind, "to_pydatetime"):
        return "use x.to_pydatetime()"
    for method, builtin in (("__index__", int), ("__float__", float), ("__iter__", list)):
        if hasattr(kind, method):
            return f"use {builtin.__name__}(x)"
    return "convert it to str, int, float, bool, list or dict"


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":"), default=_plain
)


def _written(value: Any) -> str:
    """Return the JSON text of a checked value, whatever the interpreter's limit on converting ints."""
    kind = type(value)
    if kind is int:
        return _digits(value)
    if kind is dict:
        return (
            "{" + ",".join(f"{_ENCODER.encode(name)}:{_written(item)}" for name, item in value.items()) + "}"
        )
    if kind is list:
        return "[" + ",".join(map(_written, value)) + "]"
    if kind in (str, float, bool) or value is None:
        return _ENCODER.encode(value)
    return _written(_plain(value))


def _digits(number: int) -> str:
    rest, chunks = abs(number), []
    while rest >= _CHUNK:
        rest, chunk = divmod(rest, _CHUNK)
        chunks.append(f"{chunk:0{_CHUNK_DIGITS}d}")
    sign = "-" if number < 0 else ""
    return sign + str(rest) + "".join(reversed(chunks))


def _refusal(fault: _FaultError, what: str) -> InvalidValueError:
    steps = [_path_step(step) for step in reversed(fault.steps)]
    path = "$" + "".join(steps[:_MAX_PATH_STEPS]) + ("…" if len(steps) > _MAX_PATH_STEPS else "")
    place = what if path == "$" else f"{what} at {path}"
    return InvalidValueError(what=place, problem=fault.problem, remedy=fault.remedy)


def _path_step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if len(step) > _MAX_PATH_STEP_CHARACTERS:
        step = step[:_MAX_PATH_STEP_CHARACTERS] + "…"
    return f".{step}" if step.isascii() and step.isidentifier() else f"[{json.dumps(step)}]"


# --- reading ---------------------------------------------------------------------------------------------


if TYPE_CHECKING:

    @overload
    def decode(data: bytes | str) -> Any: ...
    @overload
    def decode(data: bytes | str, type: type[T]) -> T: ...
    @overload
    def decode(data: bytes | str, type: Any) -> Any: ...


def decode(data: bytes | str, type: Any = None) -> Any:  # noqa: A002 -- the public keyword of every get()
    """Return the value that ``data`` is the encoded form of, or its text; as ``type`` when one is named.

    ``type`` is anything that msgspec converts to: ``datetime``, a dataclass, ``dict[str, Decimal]``.
    Raises :class:`InvalidValueError` when the bytes are no JSON or the value does not read as ``type``, and
    :class:`InvalidRequestError` when ``type`` is no type.
    """
    try:
        text = data if isinstance(data, str) else str(data, "utf-8")
        try:
            value = _parsed(_DECODER, text)
        except json.JSONDecodeError:
            raise
        except ValueError:  # the interpreter was told to convert shorter ints only, or there is an excess
            value = _parsed(_LONG_INT_DECODER, text)
    except (ValueError, RecursionError):
        raise _unreadable("is not JSON that can be read back", "write it again with encode") from None
    return value if type is None else _converted(value, type)


def check_encoded(data: bytes, *, what: str = "value") -> None:
    """Check that the bytes are exactly what :func:`encode` makes of some value.

    That refuses other spellings of a value (spaces, escapes, ``1.50``), repeated object members, NaN,
    over-long ints, lone surrogates, a bare ``null`` or nothing, and over-deep nesting, with
    :class:`InvalidValueError`.
    """
    try:
        value = decode(data) if data else None
    except InvalidValueError:
        problem = "is not JSON that can be read back"
        raise InvalidValueError(what=what, problem=problem, remedy=_FORM) from None
    if encode(value, what=what) != data:
        problem = "is not in the one form that values are kept in"
        raise InvalidValueError(what=what, problem=problem, remedy=_FORM)


def _parsed(decoder: json.JSONDecoder, text: str) -> Any:
    value, end = decoder.raw_decode(text)
    if end != len(text):
        raise json.JSONDecodeError("trailing text", text, end)
    return value


def _no_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError("not a number", name, 0)


def _long_int(text: str) -> int:
    digits = text.removeprefix("-")
    if len(digits) > MAX_INT_DIGITS:
        raise ValueError("too many digits")
    number = 0
    for start in range(0, len(digits), _CHUNK_DIGITS):
        chunk = digits[start : start + _CHUNK_DIGITS]
        number = number * 10 ** len(chunk) + int(chunk)
    return -number if text.startswith("-") else number


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
_LONG_INT_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_int=_long_int)


def _converted(value: Any, kind: Any) -> Any:
    import msgspec

    try:
        return msgspec.convert(value, kind, str_keys=True)
    except msgspec.ValidationError as error:
        # msgspec's text can quote the value; only its path is safe to show.
        _, _, path = str(error).rpartition(" - at ")
        place = f" at {path.strip('`')}" if path.startswith("`$") else ""
        name = getattr(kind, "__name__", str(kind))
        raise _unreadable(f"does not read as {name}{place}", "name the type that it was written as") from None
    except (TypeError, NameError):  # no type, or the name of one inside that stands for nothing
        problem = f"is {kind!r:.60}, which values cannot be read as"
        raise InvalidRequestError(
            what="type", problem=problem, remedy="give a type, such as datetime or list[int]"
        ) from None


def _unreadable(problem: str, remedy: str) -> InvalidValueError:
    return InvalidValueError(what="stored value", problem=problem, remedy=remedy)
