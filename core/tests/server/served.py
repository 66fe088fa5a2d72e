"""The application on a real store, asked in process: ASGI without a socket."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

from statekeep_core.embedded import open_store
from statekeep_core.metastore.credentials import OPERATOR, WORKER
from statekeep_core.policy import Policy
from statekeep_core.server.access import Access, add_credential, add_signing_key
from statekeep_core.server.http.app import Application
from statekeep_core.server.http.bodies import Bodies
from statekeep_core.server.sqlite_engine import SqliteEngine
from statekeep_core.server.telemetry.observing import NOBODY, Observers

TASK = {"kind": "TaskAddress", "dag_id": "etl", "run_id": "2026-01-01", "task_id": "load"}


class Answered(NamedTuple):
    status: int
    headers: dict[str, str]
    document: Any
    body: bytes


class Served:
    """Gives an application in a loop of its own. ``worker`` and ``operator`` are credentials of it."""

    def __init__(
        self,
        folder: Path,
        *,
        bodies: Bodies | None = None,
        waiting_limit: int = 100,
        token_seconds: float = 900,
        observers: Observers = NOBODY,
    ) -> None:
        self.moved_seconds = 0.0
        path = folder / "state.db"
        self.engine = SqliteEngine(
            lambda: open_store(path, Policy()),
            waiting_limit=waiting_limit,
            observers=observers,
        )
        self.access = Access(
            self.engine, token_seconds=token_seconds, now=lambda: time.time() + self.moved_seconds
        )
        self.app = Application(self.engine, self.access, bodies, observers)

    async def __aenter__(self) -> Served:
        await self.engine.open()
        await self.engine.transact(add_signing_key)
        self.worker = await self.engine.transact(lambda work: add_credential(work, "w", WORKER, None))
        self.operator = await self.engine.transact(lambda work: add_credential(work, "o", OPERATOR, None))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.close()

    async def ask(
        self, path: str, body: Any = None, proof: str | None = None, *, method: str = "POST", **headers: str
    ) -> Answered:
        """Send one request, whose body is JSON or bytes, and return what is answered."""
        content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        sent = [(name.replace("_", "-").encode(), text.encode("latin-1")) for name, text in headers.items()]
        if proof is not None:
            sent.append((b"authorization", f"Bearer {proof}".encode()))
        return await self.exchange(method, path, sent, [content])

    async def raw(
        self, path: str, body: Any = None, *, proof: str | None = None, method: str = "POST"
    ) -> tuple[Any, bytes]:
        """As :meth:`ask`, for what is answered with something else than JSON: the head, and the body."""
        headers = [] if proof is None else [(b"authorization", f"Bearer {proof}".encode())]
        return await self._sent(method, path, headers, [json.dumps({} if body is None else body).encode()])

    async def exchange(
        self, method: str, path: str, headers: list[tuple[bytes, bytes]], parts: list[bytes | None]
    ) -> Answered:
        """Send a body in parts; None: the client goes away instead."""
        start, body = await self._sent(method, path, headers, parts)
        found = {name.decode(): text.decode() for name, text in start["headers"]}
        return Answered(start["status"], found, json.loads(body), body)

    async def _sent(
        self, method: str, path: str, headers: list[tuple[bytes, bytes]], parts: list[bytes | None]
    ) -> tuple[Any, bytes]:
        sent: list[Any] = []
        await self.app(
            {"type": "http", "method": method, "path": path, "headers": headers}, _giving(parts), _into(sent)
        )
        start, body, *_ = sent  # a large one has an empty one behind it
        return start, body["body"]

    async def started(self, **options: Any) -> str:
        """Start a try and return its token."""
        answered = await self.ask("/execution/v1/start", {"task": TASK, **options}, self.worker)
        assert answered.status == 200, answered.document
        return str(answered.document["token"])


def run(folder: Path, scenario: Callable[[Served], Coroutine[Any, Any, None]], **options: Any) -> None:
    """Run a scenario on an application of its own."""

    async def running() -> None:
        async with Served(folder, **options) as served:
            await scenario(served)

    asyncio.run(running())


def _giving(parts: list[bytes | None]) -> Callable[[], Awaitable[Any]]:
    left = list(parts)

    async def receive() -> Any:
        if not left:
            await asyncio.Event().wait()  # a client that sends no more
        part = left.pop(0)
        if part is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    return receive


def _into(sent: list[Any]) -> Callable[[Any], Awaitable[None]]:
    async def send(message: Any) -> None:
        sent.append(message)

    return send
