"""The bytes of an object: a header that says what it is, then the value, compressed or as it is.

The header is a skippable frame of Zstandard (RFC 8878, section 3.1.2), so ``zstd -dc < OBJECT`` prints the
value of a compressed object, and ``head -1`` shows the header of any. Each object says itself how it was
written, so that changing the configuration leaves the old ones readable.

Both directions work in pieces, so that a value of hundreds of megabytes is not held twice over.
"""

from __future__ import annotations

import json
from codecs import utf_8_decode
from typing import TYPE_CHECKING, Any, NamedTuple

from ..._shared.state.errors import InvalidValueError
from ..._shared.state.scope import AssetScope, TaskScope
from .compression import compressor, load_zstd
from .layout import Origin, canonical

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER_LIMIT_BYTES = 65_536  # the longest names and key, escaped, take less than half
PIECE_CHARACTERS = 1 << 20
LEAST_COMPRESSED_BYTES = 4_096  # below, what is saved is no disk block, and starting Zstandard takes 0.04 ms

_MAGIC = (0x184D2A5C).to_bytes(4, "little")
_FORMAT = 1
_PREFIX_BYTES = 8


class NotAnObjectError(Exception):
    """The bytes are not a whole object: cut, altered, or written by something else. Says what is wrong."""


class Header(NamedTuple):
    """What an object says of itself. ``codec`` is ``zstd`` or ``none``; the size is the value's own."""

    codec: str
    size_bytes: int
    origin: Origin


class ValueParts:
    """A value as the pieces of its object; every iteration starts from the beginning, for a retry."""

    def __init__(self, value: str, origin: Origin, level: int | None) -> None:
        self.size_bytes = utf8_size_bytes(value)
        self._value = value
        self._level = level if self.size_bytes >= LEAST_COMPRESSED_BYTES else None
        codec = "none" if self._level is None else "zstd"
        self._header = _header_bytes(Header(codec, self.size_bytes, origin))

    def __iter__(self) -> Iterator[bytes]:
        yield self._header
        if self._level is None:
            yield from encoded_pieces(self._value)
            return
        compressing = compressor(self._level, self.size_bytes)
        for piece in encoded_pieces(self._value):
            yield compressing.compress(piece)
        yield compressing.flush()


class ObjectReader:
    """Takes the pieces of an object, cut anywhere, and gives the value at the end."""

    def __init__(self) -> None:
        self.header: Header | None = None
        self._pending: bytes | memoryview = b""
        self._zstd: Any = None
        self._texts: list[str] = []
        self._size_bytes = 0
        self._cut = b""  # the first bytes of a character whose rest is to come

    def accept(self, piece: bytes) -> None:
        """Take the next piece, which :meth:`advance` works on; raise :class:`NotAnObjectError` if none."""
        piece = b"".join((self._pending, piece)) if self._pending else piece
        self._pending = piece
        if self.header is None:
            found = parsed_header(piece)
            if found is not None:
                self.header, offset = found
                self._pending = memoryview(piece)[offset:]  # no copy of what may be the whole value
                if self.header.codec == "zstd":
                    self._zstd = load_zstd().ZstdDecompressor()

    @property
    def work_bytes(self) -> int:
        """How much there is to decode at most: a few compressed bytes can stand for the whole value."""
        if self._zstd is None or self.header is None:
            return len(self._pending)
        return self.header.size_bytes - self._size_bytes

    def advance(self) -> None:
        """Decode what was accepted; raise :class:`NotAnObjectError` as soon as something is wrong."""
        if self.header is not None:
            piece, self._pending = self._pending, b""
            if self._zstd is None:
                self._take(piece)
            else:
                self._decompress(piece)

    @property
    def size_bytes(self) -> int:
        """The bytes of the value so far."""
        return self._size_bytes

    def finish(self, expected: Origin | None = None) -> str:
        """Return the value, which is whole: by its size, and by its checksum when it was compressed.

        Raises :class:`NotAnObjectError` when it is not, or is that of another origin than expected.
        """
        if self.header is None:
            raise NotAnObjectError("it ends within its header")
        if expected is not None and self.header.origin != Origin(canonical(expected.scope), expected.key):
            raise NotAnObjectError("it is another key's object")
        if self._size_bytes != self.header.size_bytes or not (self._zstd is None or self._zstd.eof):
            problem = f"its value has {self._size_bytes:,} bytes of {self.header.size_bytes:,}"
            raise NotAnObjectError(problem)
        if self._zstd is not None and self._zstd.unused_data:
            raise NotAnObjectError("there is something behind its value")
        if self._cut:
            raise NotAnObjectError("its value is not UTF-8")
        texts, self._texts = self._texts, []
        return texts[0] if len(texts) == 1 else "".join(texts)

    def _decompress(self, piece: bytes | memoryview) -> None:
        zstd = load_zstd()
        try:
            while piece or not (self._zstd.eof or self._zstd.needs_input):
                # In bounded steps: a few bytes can stand for the whole value.
                self._take(self._zstd.decompress(piece, PIECE_CHARACTERS))
                piece = b""
        except (zstd.ZstdError, EOFError) as error:
            raise NotAnObjectError(f"its compressed value is damaged ({error})") from None

    def _take(self, data: bytes | memoryview) -> None:
        self._size_bytes += len(data)
        if self.header is not None and self._size_bytes > self.header.size_bytes:
            raise NotAnObjectError(f"its value has more than {self.header.size_bytes:,} bytes")
        if self._cut:
            data = self._cut + data
        try:
            text, used_bytes = utf_8_decode(data)
        except UnicodeDecodeError:
            raise NotAnObjectError("its value is not UTF-8") from None
        self._cut = bytes(data[used_bytes:]) if used_bytes < len(data) else b""
        if text:
            self._texts.append(text)


def utf8_size_bytes(value: str) -> int:
    """Return how many bytes a value has, without making them all at once."""
    if value.isascii():  # a flag of the string, so this costs nothing
        return len(value)
    return sum(len(piece) for piece in encoded_pieces(value))


def encoded_pieces(value: str) -> Iterator[bytes]:
    """Yield a text's UTF-8 in pieces; raise ``invalid_value`` when it has none."""
    try:
        for start in range(0, len(value), PIECE_CHARACTERS):
            yield value[start : start + PIECE_CHARACTERS].encode()
    except UnicodeEncodeError:
        problem, remedy = "holds a lone surrogate", "give text that UTF-8 can encode"
        raise InvalidValueError(what="value", problem=problem, remedy=remedy) from None


def parsed_header(data: bytes) -> tuple[Header, int] | None:
    """Return the header at the start of the data and where it ends; None when more data is needed."""
    if len(data) < _PREFIX_BYTES:
        return None
    size_bytes = int.from_bytes(data[4:_PREFIX_BYTES], "little")
    if data[:4] != _MAGIC or size_bytes > HEADER_LIMIT_BYTES - _PREFIX_BYTES:
        raise NotAnObjectError("it does not begin with a header")
    end = _PREFIX_BYTES + size_bytes
    return None if len(data) < end else (_header(data[_PREFIX_BYTES:end]), end)


def _header_bytes(header: Header) -> bytes:
    scope = canonical(header.origin.scope)
    owner = {name: value for name, value in vars(scope).items() if value is not None}
    plain = {
        "statekeep": _FORMAT,
        "codec": header.codec,
        "size_bytes": header.size_bytes,
        "scope": owner,
        "key": header.origin.key,
    }
    line = json.dumps(plain, separators=(",", ":")).encode() + b"\n"
    return _MAGIC + len(line).to_bytes(4, "little") + line


def _header(line: bytes) -> Header:
    try:
        plain = json.loads(line)
        scope = TaskScope(**plain["scope"]) if "dag_id" in plain["scope"] else AssetScope(**plain["scope"])
        header = Header(str(plain["codec"]), int(plain["size_bytes"]), Origin(scope, str(plain["key"])))
        written_as = plain["statekeep"]
    except (ValueError, TypeError, KeyError):
        raise NotAnObjectError("its header cannot be read") from None
    if written_as != _FORMAT or header.codec not in ("zstd", "none"):
        raise NotAnObjectError("it was written by a newer version of Statekeep")
    return header
