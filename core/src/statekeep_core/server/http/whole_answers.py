"""One request and its response, whose head and body are sent together."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle


class WholeAnswer(RequestResponseCycle):
    """Sends head and body of a response at once: two packets cost each side a system call more.

    For an application that sends one start, with the length among its headers, and one body; and that puts
    into headers nothing that could end a line. To wait until that is read, it sends an empty one behind it.
    """

    _head: bytes = b""

    async def send(self, message: Any) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            self._head = self._head_of(message)
            self.response_started = True
            self.waiting_for_100_continue = False
            return
        self.transport.write(self._head if self.scope["method"] == "HEAD" else self._head + message["body"])
        self._head = b""
        if message.get("more_body"):
            return
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _head_of(self, message: Any) -> bytes:
        lines = [b"%b: %b\r\n" % header for header in message["headers"]]
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        return b"%b%b\r\n" % (STATUS_LINE[message["status"]], b"".join(lines))
