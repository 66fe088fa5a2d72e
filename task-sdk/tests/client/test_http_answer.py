"""What a server sends is an answer, in whatever pieces it arrives, or it is said to be none."""

from __future__ import annotations

import weakref

import pytest
from statekeep.client.http_answer import Answer, AnswerReader, GarbledAnswerError

MEASURED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
    b"3\r\nhel\r\n0002;note=x\r\nlo\r\n0\r\nX-Trailer: t\r\n\r\n"
)
UNTIL_END = b"HTTP/1.0 200 OK\r\n\r\nhello"
EMPTY = b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"


def read(reader: AnswerReader, data: bytes, *, piece_bytes: int) -> Answer:
    """Feed all of it, and then the end of the stream; return the answer, which may not come earlier."""
    for at in range(0, len(data), piece_bytes):
        answer = reader.feed(data[at : at + piece_bytes])
        if answer is not None:
            assert at + piece_bytes >= len(data)
            return answer
    answer = reader.feed(b"")
    assert answer is not None
    return answer


@pytest.mark.parametrize("piece_bytes", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("sent", "body", "is_last"),
    [
        (MEASURED, b"hello", False),
        (CHUNKED, b"hello", False),
        (CHUNKED.replace(b"X-Trailer: t\r\n", b""), b"hello", False),
        (UNTIL_END, b"hello", True),
        (EMPTY, b"", False),
        (b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n" + MEASURED, b"hello", False),
        (MEASURED.replace(b"1.1", b"1.0"), b"hello", True),
        (MEASURED.replace(b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive"), b"hello", False),
        (MEASURED.replace(b"OK", b"OK\r\nConnection: x\r\nConnection: Close"), b"hello", True),
        (MEASURED.replace(b"OK\r\n", b"\r\n"), b"hello", False),
        (MEASURED.replace(b"OK", b"OK\r\nUpgrade: h2\r\nConnection: Upgrade"), b"hello", False),
    ],
)
def test_an_answer_is_the_same_in_whatever_pieces_it_comes(
    sent: bytes, body: bytes, is_last: bool, piece_bytes: int
) -> None:
    reader = AnswerReader()
    answer = read(reader, sent, piece_bytes=piece_bytes)
    assert (answer.body, reader.is_last) == (body, is_last)
    assert answer.status == (204 if sent is EMPTY else 200)


def test_names_of_headers_are_small_and_what_stands_twice_is_joined() -> None:
    sent = b"HTTP/1.1 503 Busy\r\nRETRY-After:  7 \r\nX: a\r\nx: b\r\nContent-Length: 0\r\n\r\n"
    answer = AnswerReader().feed(sent)
    assert answer == Answer(503, {"retry-after": "7", "x": "a, b", "content-length": "0"}, b"")


@pytest.mark.parametrize("first", [MEASURED, CHUNKED, EMPTY])
@pytest.mark.parametrize(
    "behind", [b"more", b"H", b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\n", CHUNKED]
)
def test_what_comes_behind_an_answer_makes_it_the_last_and_is_no_part_of_it(
    first: bytes, behind: bytes
) -> None:
    reader = AnswerReader()
    assert reader.feed(first + behind) == AnswerReader().feed(first)
    assert reader.is_last


@pytest.mark.parametrize("sent", [MEASURED, CHUNKED, EMPTY])
def test_an_answer_that_ends_too_early_is_none(sent: bytes) -> None:
    for end in range(1, len(sent)):
        reader = AnswerReader()
        assert reader.feed(sent[:end]) is None
        with pytest.raises(GarbledAnswerError, match="before its answer was whole"):
            reader.feed(b"")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"HTTP/1.1 200", b"SSH-2.0-x 200"),
        (b"HTTP/1.1 200", b"HTTP/1.1 2000"),
        (b"HTTP/1.1 200", b"HTTP/1.1 2x0"),
        (b"200 OK", b"101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade"),
        (b"Content-Type:", b"Content-Type"),
        (b"Content-Type:", b" Content-Type:"),
        (b"Content-Type:", b":"),
        (b": 5", b": -5"),
        (b": 5", b": 5, 5"),
        (b": 5", b": 5\r\nContent-Length: 6"),
        (b": 5", b": 99999999999999999999"),
        (b"Content-Length: 5", b"Transfer-Encoding: gzip, chunked"),
        (b"Content-Length: 5", b"X: " + b"x" * 70_000),
    ],
)
def test_what_is_no_answer_is_refused(old: bytes, new: bytes) -> None:
    sent = MEASURED.replace(old, new)
    assert sent != MEASURED
    with pytest.raises(GarbledAnswerError):
        AnswerReader().feed(sent.replace(b"\r\n\r\n", b"") if b"xxx" in new else sent)


@pytest.mark.parametrize(
    "chunk", [b"\r\n", b"-3\r\nhel", b"0x3\r\n", b"3\r\nhello\r\n", b"f" * 18 + b"\r\n", b"1" * 5000]
)
def test_chunks_that_are_none_are_refused(chunk: bytes) -> None:
    head = CHUNKED[: CHUNKED.index(b"\r\n\r\n") + 4]
    with pytest.raises(GarbledAnswerError):
        AnswerReader().feed(head + chunk)


@pytest.mark.parametrize(
    ("head", "body_bytes"), [(b"Content-Length: 134217729", 0), (b"Connection: close", 128 * 2**20 + 1)]
)
def test_an_answer_has_an_end(head: bytes, body_bytes: int) -> None:
    reader = AnswerReader()
    with pytest.raises(GarbledAnswerError, match="more than 134,217,728 bytes"):
        reader.feed(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + b"x" * body_bytes)


def test_trailers_have_an_end() -> None:
    with pytest.raises(GarbledAnswerError, match="more than"):
        AnswerReader().feed(CHUNKED.removesuffix(b"\r\n") + b"x" * 70_000)


def test_more_is_read_at_once_of_what_is_large() -> None:
    reader = AnswerReader()
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n")
    assert reader.wanted_bytes == 1024 * 1024
    assert AnswerReader().wanted_bytes < 1024 * 1024


def test_an_answer_that_was_read_leaves_nothing_to_the_garbage_collector() -> None:
    reader = AnswerReader()
    assert reader.feed(MEASURED) is not None
    parts = weakref.ref(reader._parts)
    del reader
    assert parts() is None
