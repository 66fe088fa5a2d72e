"""Values as JSON text, between an accessor and the transport that offloads them: one copy less of large ones.

A backend takes text and gives text, and so does JSON, while messages declare ``value: bytes``. Where values
may go to a backend, a message holds the text in that place until it leaves the process; then, if the value
stays inline, :func:`encoded` makes it what the declaration says.
"""

from __future__ import annotations

from typing import Any, cast

_PIECE_CHARACTERS = 1 << 20


def held(text: str) -> bytes:
    """Return the text for the place of a message's value."""
    return cast("bytes", text)


def text_of(value: Any) -> str:
    """Return a message's value as text."""
    return value if isinstance(value, str) else str(value, "utf-8")


def encoded(message: Any) -> Any:
    """Return the message with its value in bytes, as it may leave the process."""
    return message._replace(value=message.value.encode()) if isinstance(message.value, str) else message


def size_and_digest(text: str) -> tuple[int, bytes]:
    """Return how many bytes a text has, and their SHA-256. Raises ``UnicodeEncodeError`` when it has none."""
    from hashlib import sha256  # which a task without a backend does without

    size_bytes, digesting = 0, sha256()
    for start in range(0, len(text), _PIECE_CHARACTERS):
        piece = text[start : start + _PIECE_CHARACTERS].encode()
        size_bytes += len(piece)
        digesting.update(piece)
    return size_bytes, digesting.digest()
