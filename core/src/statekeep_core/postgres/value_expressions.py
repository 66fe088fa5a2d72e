"""SQL for what ``increment`` and ``set_max`` make of values, for those on which it agrees with Python.

The others are added and compared the long way: expressions here are null for them.
"""

from __future__ import annotations

import re

# Of integers whose sum 64 bits hold, with a third one besides.
_INTEGER = "(0|-?[1-9][0-9]{0,17})"
LONGEST_SUM_BYTES = 20
# Of integers that are only compared: nanoseconds since 1970 have 19 digits.
_LONG_INTEGER = "(0|-?[1-9][0-9]{0,37})"
# Numbers that are one `double precision`, whether Python has them as a float or as an int.
_NUMBER = "-?(0|[1-9][0-9]{0,14})([.][0-9]+)?(e[-+]?[0-9]{1,2})?"
_LONGEST_NUMBER_BYTES = 29
# Without escapes, so that their bytes have the order of their code points.
_TEXT = r'"[^"\\]*"'
LONGEST_COMPARED_BYTES = 300
# It compares by time, and with its like only; so does no text of up to ten characters.
_INSTANT = '"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}Z"'
_LONGEST_PLAIN_TEXT_BYTES = 12

_SMALL_INTEGER = re.compile(_INTEGER.encode())
_COMPARED = re.compile(f"{_LONG_INTEGER}|{_NUMBER}|{_TEXT}".encode())


def is_small_integer(value: bytes) -> bool:
    """Return whether a value can be added by these expressions."""
    return _SMALL_INTEGER.fullmatch(value) is not None


def is_compared(value: bytes) -> bool:
    """Return whether a value can be compared by these expressions, with its like."""
    return len(value) <= LONGEST_COMPARED_BYTES and _COMPARED.fullmatch(value) is not None


def small_integer(value: str) -> str:
    """Return an expression for whether a value can be added."""
    return (
        f"CASE WHEN length({value}) < {LONGEST_SUM_BYTES} THEN {_has_shape(value, _INTEGER)} ELSE false END"
    )


def sum_of(one: str, other: str) -> str:
    """Return an expression for the sum of two values that can be added."""
    return f"convert_to(({_text(one)}::bigint + {_text(other)}::bigint)::text, 'UTF8')"


def is_greater(new: str, old: str) -> str:
    """Return an expression for whether a value is greater than another."""

    def both(shape: str) -> str:
        return f"{_has_shape(old, shape)} AND {_has_shape(new, shape)}"

    def greater(kind: str) -> str:
        return f"{_text(new)}::{kind} > {_text(old)}::{kind}"

    return f"""CASE WHEN greatest(length({old}), length({new})) > {LONGEST_COMPARED_BYTES} THEN NULL
        WHEN {both(_INTEGER)} THEN {greater("bigint")}
        WHEN {both(_LONG_INTEGER)} THEN {greater("numeric")}
        WHEN greatest(length({old}), length({new})) <= {_LONGEST_NUMBER_BYTES} AND {both(_NUMBER)}
            THEN {greater("float8")}
        WHEN {both(_TEXT)} AND ({_has_shape(old, _INSTANT)}) = ({_has_shape(new, _INSTANT)})
            THEN {_inner(new)} > {_inner(old)} END"""


def compares_in_any_order(value: str) -> str:
    """Return an expression for whether a value certainly compares alike with whatever it meets."""
    return f"""CASE WHEN length({value}) <= {_LONGEST_PLAIN_TEXT_BYTES} THEN true
        ELSE {" OR ".join(_has_shape(value, shape) for shape in (_LONG_INTEGER, _NUMBER, _INSTANT))} END"""


def _text(value: str) -> str:
    return f"convert_from({value}, 'UTF8')"


def _has_shape(value: str, shape: str) -> str:
    return f"{_text(value)} ~ '^{shape}$'"


def _inner(value: str) -> str:
    return f"substr({value}, 2, length({value}) - 2)"
