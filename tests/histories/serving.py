"""Servers on one store, each behind a proxy that may mistreat what passes."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

from server_process import free_port

from tests.histories.late_proxy import LateProxy
from tests.loopback_proxy import HOST, LoopbackProxy
from tests.object_store.faulty_proxy import Fault, FaultyProxy

_LIMIT_SECONDS = 60.0


class Server:
    """`statekeep server` in a process of its own; it keeps its port over a restart."""

    def __init__(self, folder: Path, database_url: str, number: int) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._said = folder / f"server-{number}.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STATEKEEP")}
        self.environ = inherited | {
            "STATEKEEP_CONFIG": "",
            "STATEKEEP__DATABASE__URL": database_url,
            "STATEKEEP__SERVER__PORT": str(self.port),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def said(self) -> str:
        return self._said.read_text()

    @property
    def worker(self) -> str:
        """The credential that the first server of a store makes."""
        [credential] = re.findall(r"shown this once: (\S+)", self.said)
        return str(credential)

    def start(self) -> None:
        """Start it, and return when it takes requests."""
        with self._said.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "statekeep", "server"], stderr=log, env=self.environ
            )
        give_up_at = time.monotonic() + _LIMIT_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                raise AssertionError(f"the server did not start: {self.said}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as a power failure would."""
        self.signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait(_LIMIT_SECONDS)

    def stop(self) -> None:
        """End it as an operator would."""
        self.signal(signal.SIGTERM)
        assert self._process is not None
        self._process.wait(_LIMIT_SECONDS)

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def command(self, *arguments: str) -> str:
        """Run `statekeep server ...` on the same store, and return what it prints."""
        command = [sys.executable, "-m", "statekeep", "server", *arguments]
        ran = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, env=self.environ, timeout=_LIMIT_SECONDS
        )
        return ran.stdout.decode().strip()

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=1.0)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Faults(Protocol):
    """What the proxies ask what becomes of a request. Callable from any thread."""

    def __call__(self, number: int, head: bytes, /) -> Fault | None: ...
    def late_seconds(self, head: bytes) -> float | None: ...


class Servers:
    """Several servers on one store. ``urls`` go through the proxies, ``direct_urls`` do not."""

    def __init__(self, folder: Path, database_url: str, count: int, faults: Faults) -> None:
        self.each = [Server(folder, database_url, number) for number in range(count)]
        self._proxies: list[LoopbackProxy] = []
        try:
            for server in self.each:
                server.start()
        except BaseException:
            self.close()
            raise
        inner = [FaultyProxy(server.port, faults) for server in self.each]
        outer = [LateProxy(proxy.port, faults.late_seconds) for proxy in inner]
        self._proxies = [*outer, *inner]
        self.urls = [f"http://{HOST}:{proxy.port}" for proxy in outer]
        self.direct_urls = [server.url for server in self.each]
        self.worker = self.each[0].worker
        self.operator = self.each[0].command("credentials", "add", "histories", "--operator")

    def close(self) -> None:
        for proxy in self._proxies:
            proxy.go_away()
        for server in self.each:
            server.close()
