"""A try on a real store, reached over a real socket: a supervisor without its processes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from peer import Peer, PeerConnection
from statekeep._shared.state import messages, wire
from statekeep.channel.client import ChannelClient
from statekeep.channel.frames import Frame
from statekeep.context import Context
from statekeep_core.embedded import open_store
from statekeep_core.policy import Policy

TASK = messages.TaskAddress("etl", "2026-01-01", "load")
OUTLET = messages.AssetAddress("orders", "s3://lake/orders")
INLET = messages.AssetAddress("customers")

_WORKER = messages.WorkerClaims("tests")
_OPERATOR = messages.OperatorClaims("tests")


class Store:
    """An embedded store that the test asks directly, too."""

    def __init__(self, path: Path, **policy: Any) -> None:
        self._store = open_store(path, Policy(**policy))
        self._one_at_a_time = threading.Lock()
        self._asked = 0

    def ask_plain(self, claims: Any, request: wire.Plain, request_id: str) -> wire.Plain:
        with self._one_at_a_time:
            return self._store.handle_group([(wire.to_plain(claims), request_id, request)])[0]

    def ask(self, claims: Any, request: Any) -> Any:
        self._asked += 1
        plain = self.ask_plain(claims, wire.to_plain(request), f"test-{self._asked}")
        return wire.raise_if_refused(wire.from_plain(plain, ignore_unknown=True))

    def as_operator(self, request: Any) -> Any:
        return self.ask(_OPERATOR, request)

    def start(self, task: messages.TaskAddress = TASK, **options: Any) -> messages.Started:
        start = messages.Start(task, (INLET,), (OUTLET,), holds_lock=True, rerun=True, **options)
        started = self.ask(_WORKER, start)
        assert isinstance(started, messages.Started)
        return started

    def close(self) -> None:
        self._store.close()


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
