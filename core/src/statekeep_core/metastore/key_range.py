"""A stretch of keys in code-point order, as an SQL condition and as a test of one key.

SQLite compares text by the bytes of its UTF-8 form, and that order is the order of code points.
"""

from __future__ import annotations

from typing import NamedTuple

_FIRST_SURROGATE, _AFTER_SURROGATES, _LAST_CODE_POINT = 0xD800, 0xE000, 0x10FFFF


class KeyRange(NamedTuple):
    """The keys that begin with ``prefix`` (literally) and come after ``after``."""

    prefix: str = ""
    after: str | None = None

    def __contains__(self, key: object) -> bool:
        return (
            isinstance(key, str)
            and key.startswith(self.prefix)
            and (self.after is None or key > self.after)  # str compares by code point too
        )

    def condition(self) -> tuple[str, tuple[str, ...]]:
        """Return a condition on the column ``key``, which an index on it serves, and its parameters."""
        # One lower bound: of two, SQLite would seek to the first only, and step over what lies between.
        if self.after is None or self.after < self.prefix:
            parts, parameters = ["key >= ?"], [self.prefix]
        else:
            parts, parameters = ["key > ?"], [self.after]
        end = _successor(self.prefix)
        if end is not None:
            parts.append("key < ?")
            parameters.append(end)
        return " AND ".join(parts), tuple(parameters)


def _successor(prefix: str) -> str | None:
    """Return the first string after all that begin with ``prefix``; None when there is none."""
    stem = prefix.rstrip(chr(_LAST_CODE_POINT))
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    if following == _FIRST_SURROGATE:
        following = _AFTER_SURROGATES
    return stem[:-1] + chr(following)
