"""Any text as a part of an object's path: readable, safe on every store and disk, cut to a length.

Letters and digits of ASCII and ``_``, ``-``, ``.``, ``~`` stand for themselves, everything else as ``=XX``
per byte of its UTF-8. What is cut is told apart by a digest that the layout puts beside it; the digest also
tells apart what a disk that ignores case, or that normalises Unicode, would take for the same.
"""

from __future__ import annotations

import re
from hashlib import sha256

DIGEST_CHARACTERS = 40  # 160 bits: no two names of a store will ever share it
_EMPTY = "="
_ESCAPED = re.compile(r"[^A-Za-z0-9_.~-]")
_ESCAPE = re.compile(r"=([0-9A-F]{2})")
_READABLE = re.compile(r"(?:[A-Za-z0-9_.~-]|=[0-9A-F]{2})+")
_CUT_ESCAPE = re.compile(r"=[0-9A-F]?$")


def escaped(text: str) -> str:
    """Return the text in safe characters; a first dot or dash and a last dot are escaped too.

    So ``..`` cannot come up, a file is not hidden, and no command takes a name for an option.
    """
    safe = _ESCAPED.sub(lambda found: _as_bytes(found[0]), text)
    if safe[:1] in (".", "-"):
        safe = _as_bytes(safe[0]) + safe[1:]
    if safe.endswith("."):
        safe = safe[:-1] + _as_bytes(".")
    return safe


def unescaped(name: str) -> str | None:
    """Return the text of a name; None when it cannot be a whole name, for instance a cut character."""
    if _READABLE.fullmatch(name) is None:
        return None
    raw = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), name).encode("latin-1")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def clipped(text: str, max_characters: int) -> str:
    """Return the escaped text, cut between escapes; a lone ``=`` for the empty text."""
    return _CUT_ESCAPE.sub("", escaped(text)[:max_characters]) or _EMPTY


def digest(*fields: str) -> str:
    """Return 40 characters that no other list of fields has, in lower case.

    Each field is hashed behind its length, so ``("a", "bc")`` and ``("ab", "c")`` differ.
    """
    text = "".join([f"{len(field)}:{field}" for field in fields])
    return sha256(text.encode()).hexdigest()[:DIGEST_CHARACTERS]


def is_name(part: str) -> bool:
    """Whether a part of a path is one that :func:`clipped` could have made; ``..`` is none."""
    return part == _EMPTY or (_READABLE.fullmatch(part) is not None and not part.startswith((".", "-")))


def _as_bytes(character: str) -> str:
    return "".join(f"={byte:02X}" for byte in character.encode())
