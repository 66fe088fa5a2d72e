"""Zstandard (RFC 8878): the standard library's where it has it, its backport elsewhere."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..._shared.state.errors import InvalidRequestError, StoreUnusableError

if TYPE_CHECKING:
    from types import ModuleType

_MODULE = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"


def load_zstd() -> ModuleType:
    """Return the module; raise ``store_unusable``, which names the extra, when it is not installed."""
    try:
        return import_module(_MODULE)
    except ImportError as error:
        raise StoreUnusableError(
            what="compression in an object store",
            problem=f"{_MODULE} is not installed",
            remedy="pip install 'statekeep[objectstore]', or set compression_level to 0 (in Python, None)",
            option="compression_level",
        ) from error


def check_level(level: int | None) -> None:
    """Raise ``invalid_request`` unless the level is None, which is off, or one that the library takes."""
    if level is None:
        return
    lowest, highest = load_zstd().CompressionParameter.compression_level.bounds()
    if type(level) is not int or not lowest <= level <= highest:
        remedy = f"give an int from {lowest} to {highest}, or None to turn compression off"
        what = "compression_level"
        raise InvalidRequestError(what=what, problem="is out of range", remedy=remedy, option=what)


def compressor(level: int, size_bytes: int) -> Any:
    """Return a compressor for exactly ``size_bytes``, whose output carries a checksum of the content."""
    zstd = load_zstd()
    parameter = zstd.CompressionParameter
    made = zstd.ZstdCompressor(options={parameter.compression_level: level, parameter.checksum_flag: 1})
    made.set_pledged_input_size(size_bytes)
    return made
