"""A file as raw as it gets, with the durability of an acknowledged write, to hold a backend against."""

from __future__ import annotations

import os
from pathlib import Path


def write_durably(path: Path, data: bytes) -> None:
    """Write a temporary file, sync it, give it its name, and sync the folder."""
    temporary = f"{path}.tmp"
    with open(temporary, "wb", buffering=0) as file:  # noqa: PTH123 -- as raw as it gets
        file.write(data)
        os.fsync(file.fileno())
    Path(temporary).rename(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def read_text(path: Path) -> str:
    """Read and decode a file."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 -- as raw as it gets
        return file.read().decode()
