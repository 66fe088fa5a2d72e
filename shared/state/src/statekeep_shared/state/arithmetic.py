"""What ``increment`` and ``set_max`` make of an entry, on encoded values.

Numbers compare exactly, int with float included; strings compare by code point; an instant is a string in
one canonical spelling (UTC, six digits, ``Z``), in which the order of code points is the order of time
from year 1 to 9999.
"""

from __future__ import annotations

import re
from math import isfinite

from .errors import InvalidValueError
from .values import MAX_INT_DIGITS, decode, encode

TYPE_CHECKING = False  # typing takes 2.5 ms to import
if TYPE_CHECKING:
    from datetime import date, datetime

_CANONICAL_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def incremented(stored: bytes | None, by: bytes | int | float, *, what: str = "value") -> bytes:
    """Return the encoded sum of what is stored (None counts as 0) and ``by`` (a number, or its encoded form).

    A sum with a float is a float. Raises :class:`InvalidValueError` when either is no number, or the sum
    is infinite or has more than 4,300 digits.
    """
    addend = _number(decode(by) if isinstance(by, bytes) else by, f"increment of {what}")
    if stored is None:
        return encode(addend, what=what)
    augend = _number(decode(stored), what)
    try:
        total = augend + addend
    except OverflowError:  # an int beyond the range of a float, plus a float
        raise _out_of_range(what) from None
    if isinstance(total, float) and not isfinite(total):
        raise _out_of_range(what)
    return encode(total, what=what)


def maximum(stored: bytes | None, given: bytes, *, what: str = "value") -> bytes:
    """Return the greater of two encoded values: ``stored`` on a tie, ``given`` when nothing is stored.

    Both must be numbers, or both strings. When one of two strings is an instant as
    :func:`encode_for_max` writes it, the other must be an aware instant too, in whatever spelling (a plain
    ``set`` keeps the writer's offset and digits), and they compare by time. Otherwise strings compare by
    code point. Raises :class:`InvalidValueError` when the two are not alike.
    """
    new = decode(given)
    if type(new) not in (int, float, str):
        raise _not_ordered(new, what)
    if stored is None:
        return given
    old = decode(stored)
    if type(old) is str and type(new) is str:
        old, new = _comparable_texts(old, new, what)
    elif type(old) not in (int, float) or type(new) not in (int, float):
        raise _not_alike(_kind(old), _kind(new), what)
    return given if new > old else stored


def encode_for_max(value: int | float | str | date | datetime, *, what: str = "value") -> bytes:
    """Return the encoded form in which ``set_max`` sends a value.

    An aware ``datetime`` becomes UTC with six digits. Raises :class:`InvalidValueError` for a naive one,
    and for everything that has no order here.
    """
    kind = type(value)
    if kind in (int, float, str):
        return encode(value, what=what)
    if (kind.__module__, kind.__name__) == ("datetime", "date"):
        return encode(value, what=what)
    if (kind.__module__, kind.__name__) == ("datetime", "datetime"):
        return encode(_canonical_instant(value, what), what=what)  # type: ignore[arg-type]  # just looked
    raise _not_ordered(value, what)


def _canonical_instant(instant: datetime, what: str) -> str:
    from datetime import UTC

    if instant.utcoffset() is None:
        raise InvalidValueError(
            what=what, problem="is a datetime without a time zone", remedy="give it one, such as tzinfo=UTC"
        )
    try:
        in_utc = instant.astimezone(UTC)
    except OverflowError:
        problem = "is a datetime that is outside the years 1 to 9999 in UTC"
        raise InvalidValueError(what=what, problem=problem, remedy="give one inside") from None
    return in_utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _comparable_texts(old: str, new: str, what: str) -> tuple[str, str]:
    if _CANONICAL_INSTANT.fullmatch(old) or _CANONICAL_INSTANT.fullmatch(new):
        return _as_instant(old, what, "stored"), _as_instant(new, what, "given")
    return old, new


def _as_instant(text: str, what: str, side: str) -> str:
    """Return a string that spells an aware instant in the canonical spelling; refuse any other string."""
    if _CANONICAL_INSTANT.fullmatch(text):
        return text
    from datetime import datetime

    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        kind = "a date" if _DATE.fullmatch(text) else "a string that is no aware datetime"
        stored, given = (kind, "a datetime") if side == "stored" else ("a datetime", kind)
        raise _not_alike(stored, given, what)
    return _canonical_instant(instant, what)


def _number(value: object, what: str) -> int | float:
    if type(value) is int or (type(value) is float and isfinite(value)):
        return value
    raise InvalidValueError(
        what=what, problem=f"is {_kind(value)}, not a number", remedy="use set to replace it"
    )


def _kind(value: object) -> str:
    names = {int: "an int", str: "a string", bool: "a bool", list: "a list", dict: "a dict"}
    return names.get(type(value), f"a {type(value).__name__}")


def _out_of_range(what: str) -> InvalidValueError:
    problem = f"would leave the range of a float, or have more than {MAX_INT_DIGITS:,} digits"
    return InvalidValueError(what=what, problem=problem, remedy="increment by less")


def _not_ordered(value: object, what: str) -> InvalidValueError:
    problem = f"is {_kind(value)}, which has no order here"
    remedy = "give an int, float, str, date or aware datetime"
    return InvalidValueError(what=what, problem=problem, remedy=remedy)


def _not_alike(stored: str, given: str, what: str) -> InvalidValueError:
    return InvalidValueError(
        what=what,
        problem=f"holds {stored} and was given {given}",
        remedy="give one of the same kind, or use set",
    )
