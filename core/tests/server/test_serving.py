"""What a server does for itself before it serves; how it serves is shown in tests/server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from statekeep_core import config
from statekeep_core._shared.state.errors import InvalidRequestError, StoreUnusableError, ValueTooLargeError
from statekeep_core.server import listening
from statekeep_core.server.serving import Post, bodies_of, serve_at

_LIMITED = """
import resource
from statekeep_core.server.serving import allow_descriptors
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
hard = min(hard, 4_096)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
allow_descriptors()
allow_descriptors()
print(resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard))
"""


def test_a_server_may_have_as_many_connections_as_its_user_allows() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _LIMITED], check=True, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout == "True\n"


def test_a_body_has_the_time_and_the_room_of_the_settings() -> None:
    messages = iter([{"type": "http.request", "body": b"a" * 2_000, "more_body": True}] * 3)

    async def receive() -> Any:
        return next(messages, None) or await asyncio.Event().wait()

    given = {"server.body_seconds": "0.05", "server.max_body_bytes": "1024"}
    options = config.load({}, given).server
    with pytest.raises(InvalidRequestError, match=r"within 0\.05 s"):
        asyncio.run(bodies_of(options, max_value_bytes=10_000).read(receive, None))
    with pytest.raises(ValueTooLargeError, match=f"{1_000_000 + 65_536:,}"):
        asyncio.run(bodies_of(options, max_value_bytes=1_000_000).read(receive, 2_000_000))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere two sockets cannot be bound to one address")
def test_an_address_that_another_program_took_meanwhile_is_refused_as_at_the_start(tmp_path: Path) -> None:
    environ = {"STATEKEEP_CONFIG": "", "STATEKEEP__DATABASE__URL": str(tmp_path / "state.db")}
    ready: list[bool] = []
    with listening.bound(config.load(environ, {"server.port": "0"}).server) as first:
        port = first.getsockname()[1]
        options = config.load(environ, {"server.port": str(port)}).server
        with listening.bound(options) as ours:
            first.listen()
            post = Post(ours, lambda: ready.append(True))
            with pytest.raises(StoreUnusableError, match=f"127.0.0.1:{port} cannot be used"):
                serve_at(post, options, environ, lambda line: None)
    assert ready == []
