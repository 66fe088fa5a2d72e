"""A real S3 server on this machine: SeaweedFS, one binary that a package of the dev environment carries.

Not a mock: conditional puts, multipart uploads and bulk deletes are its own. It listens on the loopback
only and keeps its data in one folder.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.store import S3Store

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"
BUCKET = "statekeep"
WORKER = {"access_key_id": "WORKER", "secret_access_key": "worker-secret"}
_OWNER = {"access_key_id": "OWNER", "secret_access_key": "owner-secret"}
_READY_SECONDS = 60
_POLL_SECONDS = 0.2
# Every part of the server has a port, and one more for its inner calls.
_PARTS = ("master.port", "volume.port", "filer.port", "s3.port")
_COMMAND = str(Path(sys.executable).with_name("weed"))


class S3Server:
    """A server that takes writes. ``worker`` may use the bucket; it may not create one."""

    def __init__(self, port: int) -> None:
        self.port = port

    def options(self, port: int | None = None) -> dict[str, Any]:
        """Return the options of a backend; ``port`` is the server's own, or that of a proxy before it."""
        return {"endpoint": f"http://{HOST}:{port or self.port}", "region": "us-east-1", **WORKER}

    def store(self, credentials: dict[str, str] = WORKER, prefix: str | None = None) -> S3Store:
        """Return a client of its own, for looking behind the backend's back."""
        return S3Store(
            BUCKET,
            prefix=prefix,
            endpoint=f"http://{HOST}:{self.port}",
            region="us-east-1",
            access_key_id=credentials["access_key_id"],
            secret_access_key=credentials["secret_access_key"],
            client_options={"allow_http": True, "timeout": timedelta(seconds=5)},
            retry_config={"max_retries": 0},
        )


@contextmanager
def running_s3_server(folder: Path) -> Iterator[S3Server]:
    """Start a server whose data lies in a folder, wait until it takes writes, and stop it at the end."""
    identities = [_identity("owner", _OWNER, "Admin"), _identity("worker", WORKER, "Read", "Write", "List")]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}), encoding="utf-8")
    ports = _free_ports(2 * len(_PARTS))
    names = [name for part in _PARTS for name in (part, f"{part}.grpc")]
    command = [_COMMAND, "server", f"-dir={folder}", f"-ip={HOST}", f"-ip.bind={HOST}", "-filer", "-s3"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    command += [f"-s3.config={folder}/s3.json", "-master.volumeSizeLimitMB=256", "-volume.max=20"]
    command += [f"-{name}={port}" for name, port in zip(names, ports, strict=True)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        server = S3Server(dict(zip(names, ports, strict=True))["s3.port"])
        _wait_for_writes(server, process, folder / "server.log")
        yield server
    finally:
        process.kill()
        process.wait()


def _identity(name: str, credentials: dict[str, str], *actions: str) -> dict[str, Any]:
    keys = {"accessKey": credentials["access_key_id"], "secretKey": credentials["secret_access_key"]}
    return {"name": name, "credentials": [keys], "actions": list(actions)}


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _wait_for_writes(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """The server answers soon, its volumes take writes seconds later. The owner's first makes the bucket."""
    store = server.store(_OWNER)
    give_up_at = time.monotonic() + _READY_SECONDS
    while True:
        try:
            obstore.put(store, "is-it-ready", b"yes")
        except obstore.exceptions.BaseError:
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError(f"the S3 server did not start:\n{log.read_text()[-2000:]}") from None
            time.sleep(_POLL_SECONDS)
        else:
            return
