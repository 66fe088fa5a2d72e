"""What of a task's requests is traced, and what the supervisor is told of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from peer import CONTEXT, Peer, PeerConnection, echo_key
from statekeep._shared.state import messages as m
from statekeep._shared.state.wire import refusal_of
from statekeep.channel.client import ChannelClient
from statekeep.channel.frames import Frame
from statekeep.context import _supervised
from statekeep.errors import ConflictError, InternalFaultError, StatekeepError
from statekeep.tracing.configured import traced_channel
from statekeep.tracing.task import TracedChannel

TRACE, TRY_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{TRY_SPAN}-01"
KEY = "a-key"


class Traced:
    """A traced channel to a peer, and the spans that have ended."""

    def __init__(self, peer: Peer, *, with_keys: bool = False) -> None:
        self.peer = peer
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("test")
        self.channel = TracedChannel(
            ChannelClient(peer.address), TRACEPARENT, self.tracer, with_keys=with_keys
        )

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return tuple(self._exporter.get_finished_spans())


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    peer = Peer(tmp_path / "peer.sock", echo_key)
    yield peer
    peer.join()


def ids_of(span: ReadableSpan) -> tuple[str, str]:
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"


def test_a_request_is_a_span_under_its_try_and_names_itself_to_the_supervisor(peer: Peer) -> None:
    traced = Traced(peer)
    traced.channel.call(m.Get(KEY), "the-id")
    asyncio.run(traced.channel.acall(m.Get(KEY)))
    for span, frame in zip(traced.spans, peer.frames, strict=True):
        assert span.name == "statekeep Get"
        assert span.parent is not None
        assert f"{span.parent.span_id:016x}" == TRY_SPAN
        assert frame.traceparent == "00-{}-{}-01".format(*ids_of(span))
        assert ids_of(span)[0] == TRACE
    assert dict(traced.spans[0].attributes or {}) == {"statekeep.request_id": "the-id"}


def test_the_name_of_a_key_is_in_a_span_when_it_is_asked_for(peer: Peer) -> None:
    traced = Traced(peer, with_keys=True)
    traced.channel.call(m.Get(KEY))
    assert dict(traced.spans[0].attributes or {}) == {"statekeep.key": KEY}


def test_a_request_lies_under_the_span_that_the_tasks_code_is_in(peer: Peer) -> None:
    traced = Traced(peer)
    with traced.tracer.start_as_current_span("mine") as mine:
        traced.channel.call(m.Get(KEY))
    parent = traced.spans[0].parent
    assert parent is not None
    assert parent.span_id == mine.get_span_context().span_id


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConflictError(key=KEY, version=1, wanted=2), StatusCode.UNSET),
        (InternalFaultError(problem="p"), StatusCode.ERROR),
    ],
)
def test_a_refusal_is_told_by_its_code_alone(peer: Peer, error: StatekeepError, status: StatusCode) -> None:
    def refuse(connection: PeerConnection, frame: Frame) -> None:
        connection.reply(frame, refusal_of(error))

    peer.answer = refuse
    traced = Traced(peer)
    with pytest.raises(type(error)):
        traced.channel.call(m.Get(KEY))
    [span] = traced.spans
    assert dict(span.attributes or {}) == {"statekeep.code": error.code}
    assert span.status.status_code is status
    assert span.events == ()
    assert KEY not in str(span.status.description)


def test_a_supervisor_that_names_no_trace_is_sent_none(peer: Peer) -> None:
    _supervised(peer.address).task_state.get(KEY)
    assert [frame.traceparent for frame in peer.frames] == [""]


def test_a_task_whose_environment_cannot_trace_goes_on_untraced(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel: Any = ChannelClient(peer.address)
    for name in [
        name for name in sys.modules if name.startswith(("opentelemetry", "statekeep.tracing.task"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    assert traced_channel(channel, TRACEPARENT) is channel


def test_the_context_says_which_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not sampled, so that nothing is sent.
    greeting = CONTEXT._replace(trace=TRACEPARENT.removesuffix("1") + "0")
    peer = Peer(tmp_path / "traced.sock", echo_key, greeting=greeting)
    monkeypatch.setenv("STATEKEEP__TRACING__ENDPOINT", "http://127.0.0.1:9")  # where nobody listens
    try:
        _supervised(peer.address).task_state.get(KEY)
    finally:
        peer.join()
    assert peer.frames[0].traceparent.startswith(f"00-{TRACE}-")
