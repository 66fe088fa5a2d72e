"""A try on a real store, reached over a real socket: a supervisor without its processes.

The store is a file in this process, or behind a server in another.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from peer import Peer, PeerConnection
from server_process import ServerProcess
from statekeep._shared.state import messages, wire
from statekeep.channel.client import ChannelClient
from statekeep.channel.frames import Frame
from statekeep.client.http import HttpClient
from statekeep.client.store_client import draw_request_id
from statekeep.context import Context
from statekeep_core.embedded import open_store
from statekeep_core.policy import Policy

TASK = messages.TaskAddress("etl", "2026-01-01", "load")
OUTLET = messages.AssetAddress("orders", "s3://lake/orders")
INLET = messages.AssetAddress("customers")

_WORKER = messages.WorkerClaims("tests")
_OPERATOR = messages.OperatorClaims("tests")
# By which each start takes over from the one before, where no lock is seen.
_SECRET = "0" * 32
_PATIENCE_SECONDS = 60.0


class Store(ABC):
    """A store that the test asks directly, too."""

    @abstractmethod
    def ask_plain(self, claims: Any, request: wire.Plain, request_id: str) -> wire.Plain:
        """Return the reply. Callable from any thread."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it."""

    def ask(self, claims: Any, request: Any) -> Any:
        plain = self.ask_plain(claims, wire.to_plain(request), draw_request_id())
        return wire.raise_if_refused(wire.from_plain(plain, ignore_unknown=True))

    def as_operator(self, request: Any) -> Any:
        return self.ask(_OPERATOR, request)

    def start(self, task: messages.TaskAddress = TASK, **options: Any) -> messages.Started:
        secrets = {"holder": _SECRET, "holds_lock_of": (_SECRET,)}
        start = messages.Start(
            task, (INLET,), (OUTLET,), holds_lock=True, rerun=True, **{**secrets, **options}
        )
        started = self.ask(_WORKER, start)
        assert isinstance(started, messages.Started)
        return started


class EmbeddedStore(Store):
    """A new file in this process."""

    def __init__(self, path: Path, **policy: Any) -> None:
        self._store = open_store(path, Policy(**policy))
        self._one_at_a_time = threading.Lock()

    def ask_plain(self, claims: Any, request: wire.Plain, request_id: str) -> wire.Plain:
        with self._one_at_a_time:
            return self._store.handle_group([(wire.to_plain(claims), request_id, request)])[0]

    def close(self) -> None:
        self._store.close()


class StoreBehindServer(Store):
    """What a server in another process has."""

    def __init__(self, server: ServerProcess) -> None:
        self._client = HttpClient(
            [server.url],
            server.operator,
            patience_seconds=_PATIENCE_SECONDS,
            answer_seconds=_PATIENCE_SECONDS,
            say=print,
        )

    def ask_plain(self, claims: Any, request: wire.Plain, request_id: str) -> wire.Plain:
        return self._client.ask(wire.to_plain(claims), request, request_id)

    def close(self) -> None:
        self._client.close()


class EmbeddedTry:
    """One try that is running, its peer, and its context as the task process has it.

    ``backends``: those that its values go through.
    """

    def __init__(
        self, store: Store, path: Path, task: messages.TaskAddress = TASK, backends: Any = None
    ) -> None:
        self.store = store
        started = store.start(task)
        self.claims = messages.TryClaims(started.instance_id, started.try_number)
        described = messages.Context(
            task,
            started.ti_id,
            started.try_number,
            started.grants,
            started.max_value_bytes,
            store_id=started.store_id,
            state_backend="given.by.the.Test" if backends is not None else "",
        )
        self.peer = Peer(path, self._answer, greeting=described)
        client = ChannelClient(self.peer.address)
        self.context = Context(client.context(), client, backends)

    def finish(self, *, succeeded: bool = True) -> Any:
        return self.store.ask(self.claims, messages.Finish(succeeded))

    def _answer(self, connection: PeerConnection, frame: Frame) -> None:
        reply = self.store.ask_plain(self.claims, frame.message, frame.request_id or "")
        connection.reply_plain(frame, reply)
