"""The values that are written, the same for everyone who is measured."""

from __future__ import annotations

import random


def hexadecimal_text(size_bytes: int) -> str:
    """Text that compresses to about half, as hexadecimal digits do."""
    return random.Random(1).randbytes(size_bytes // 2).hex()  # noqa: S311 -- no secret


def repeated_text(size_bytes: int) -> str:
    """Text that is made without a second copy of its own."""
    return "0123456789abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ=" * (size_bytes // 64)
