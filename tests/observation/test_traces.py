"""Traces over real processes: a task, its supervisor, and the server."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from server_process import server_process
from statekeep_command import Statekeep

from tests.observation.collector import running_collector

pytestmark = pytest.mark.slow

SECRET = "secret-value-3f9c"
KEY = "hidden-key-77aa"
JOB = f"""
import asyncio, statekeep
state = statekeep.current_context().task_state
state.set({KEY!r}, {SECRET!r})
assert state.get({KEY!r}) == {SECRET!r}
asyncio.run(state.aincrement("n"))
"""
TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_one_trace_leads_from_the_accessor_to_the_store_and_holds_nothing_that_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        url, collector = stack.enter_context(running_collector())
        # The server goes by OpenTelemetry's own variable, the worker by its settings.
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        server = stack.enter_context(server_process(tmp_path))
        with tempfile.TemporaryDirectory(prefix="sk-", dir="/tmp") as temporary:
            statekeep = Statekeep(tmp_path, Path(temporary))
            del statekeep.environ["STATEKEEP__DATABASE__URL"]
            statekeep.environ |= {
                **server.settings(),
                "XDG_DATA_HOME": str(tmp_path / "data"),
                "OTEL_EXPORTER_OTLP_ENDPOINT": "",
                "STATEKEEP__TRACING__ENDPOINT": url,
                "TRACEPARENT": f"00-{TRACE}-b7ad6b7169203331-01",
            }
            ran = statekeep.run(sys.executable, "-c", JOB)
            assert ran.returncode == 0, ran.stderr
        server.stop()
        collector.wait_for("statekeep Set", "statekeep Get", "statekeep Increment", "set", "start", "finish")
        assert {span.trace_id for span in collector.spans} == {TRACE}
        stored = [path for span in collector.named("store") if "set" in (path := collector.above(span))[1]]
        assert stored == [
            [
                ("statekeep-server", "store"),
                ("statekeep-server", "set"),
                ("statekeep-supervisor", "POST /execution/v1/set"),
                ("statekeep-supervisor", "relay Set"),
                ("statekeep-task", "statekeep Set"),
                ("statekeep-supervisor", "try"),
                ("statekeep-supervisor", "statekeep run"),
            ]
        ]
        for name, above in [("start", "statekeep run"), ("finish", "try")]:
            [span] = collector.named(name)
            assert [each for _, each in collector.above(span)][2] == above
        everything = b"".join(collector.bodies)
        for hidden in (SECRET, KEY, server.worker, "eyJ"):
            assert hidden.encode() not in everything


def test_each_try_of_a_job_is_a_span(tmp_path: Path) -> None:
    with ExitStack() as stack:
        url, collector = stack.enter_context(running_collector())
        temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="sk-", dir="/tmp"))
        statekeep = Statekeep(tmp_path, Path(temporary))
        statekeep.run("false", options=("--retries", "1"), STATEKEEP__TRACING__ENDPOINT=url)
        tries = collector.named("try")
    assert sorted(span.attributes["statekeep.try_number"] for span in tries) == [1, 2]
