"""A real API server on loopback, in a process of its own that the test may kill and start again."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LIMIT_SECONDS = 60


class ServerProcess:
    """`statekeep server` on a store of the test's own. It keeps its port over a restart.

    The store is a file in the folder, unless ``url`` names one. With ``beside`` it is another server's.
    """

    def __init__(
        self, folder: Path, *, url: str = "", beside: ServerProcess | None = None, **options: str
    ) -> None:
        self.store = folder / "served" / "state.db"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STATEKEEP")}
        self.environ = inherited | {
            "STATEKEEP_CONFIG": "",
            "STATEKEEP__DATABASE__URL": url or str(self.store),
            "STATEKEEP__SERVER__PORT": str(self.port),
            **{f"STATEKEEP__SERVER__{name.upper()}": value for name, value in options.items()},
        }
        self.said: list[str] = []
        self.worker = self.operator = ""
        self._process: subprocess.Popen[str] | None = None
        if beside is not None:
            self.environ["STATEKEEP__DATABASE__URL"] = beside.environ["STATEKEEP__DATABASE__URL"]
        self.start()
        if beside is not None:
            self.worker, self.operator = beside.worker, beside.operator
            return
        [self.worker] = re.findall(r"shown this once: (\S+)", "\n".join(self.said))
        self.operator = self.add_credential("operator", "--operator")

    def start(self) -> None:
        """Start the server and return when it takes requests."""
        process = subprocess.Popen(
            [sys.executable, "-m", "statekeep", "server"], stderr=subprocess.PIPE, text=True, env=self.environ
        )
        self._process = process
        assert process.stderr is not None
        for line in process.stderr:
            self.said.append(line.rstrip())
            if "listening on" in line:
                return
        raise AssertionError(f"the server did not start: {self.said}")

    def kill(self) -> None:
        """End it as a power failure would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it as an operator would, and return its exit status."""
        return self._end(signal.SIGTERM)

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(_LIMIT_SECONDS)

    def close(self) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self.kill()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def command(self, *arguments: str) -> str:
        """Run `statekeep server ...` beside it, and return what it prints."""
        return subprocess.run(
            [sys.executable, "-m", "statekeep", "server", *arguments],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environ,
            timeout=_LIMIT_SECONDS,
        ).stdout.strip()

    def add_credential(self, name: str, *options: str) -> str:
        return self.command("credentials", "add", name, *options)

    def settings(self, credential: str | None = None) -> dict[str, str]:
        """Return the variables with which a worker, or whoever has the credential, uses this server."""
        return {
            "STATEKEEP__API__URL": self.url,
            "STATEKEEP__API__CREDENTIAL": credential or self.worker,
        }

    def _end(self, number: int) -> int:
        self.signal(number)
        assert self._process is not None
        assert self._process.stderr is not None
        status = self.wait()
        self.said += self._process.stderr.read().splitlines()
        self._process.stderr.close()
        return status


@contextmanager
def server_process(
    folder: Path, *, url: str = "", beside: ServerProcess | None = None, **options: str
) -> Iterator[ServerProcess]:
    """Give a server that takes requests, and end it."""
    server = ServerProcess(folder, url=url, beside=beside, **options)
    try:
        yield server
    finally:
        server.close()


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
