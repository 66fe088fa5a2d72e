"""Values that say whose they are and whether they are whole, by a number that stands for each in a ledger."""

from __future__ import annotations

import base64
import random
from typing import Any

# Added to a number to make one that takes so many digits that it is offloaded.
WIDE = 10**1_500


def text_of(key: str, number: int, size_bytes: int) -> str:
    """Return the value of one write: its head says which one, and all the rest follows from the head."""
    stuff = random.Random(f"{key};{number}").randbytes(size_bytes * 3 // 4)
    return f"{key};{number};{size_bytes};{base64.b64encode(stuff).decode()}"


def number_of(key: str, value: Any) -> Any:
    """Return the number of the write that the value is; a text, which stands for none, when it is torn."""
    if isinstance(value, int):
        return value - WIDE if value >= WIDE // 2 else value
    written_key, _, rest = str(value).partition(";")
    number, _, rest = rest.partition(";")
    size_bytes = rest.partition(";")[0]
    if not (number.isdecimal() and size_bytes.isdecimal()):
        return f"no value of these tests: {str(value)[:60]!r}"
    if value != text_of(written_key, int(number), int(size_bytes)):
        return f"torn: {str(value)[:60]!r}"
    if key != written_key:
        return f"that of {written_key}, under {key}"
    return int(number)
