"""Keeps one PostgreSQL running for as long as somebody holds the other end of its standard input.

A process of its own, so that a test run that is killed leaves no PostgreSQL and no folder behind. Run as
``python keeper.py BINARIES FOLDER USER [NAME=VALUE...]``, with an empty USER for whoever runs it; takes
``start``, ``stop`` and ``kill``, a line each, and says ``done`` after each.
"""

import contextlib
import shutil
import signal
import subprocess
import sys
from pathlib import Path

# Durability across a power failure is not what tests prove, and fsync takes most of their time.
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "log_min_messages": "warning",
    # So that what is tested is this release's own setting of it.
    "synchronous_commit": "off",
}


def main() -> None:
    binaries, folder, user, *settings = sys.argv[1:]
    server: subprocess.Popen[bytes] | None = None
    # Ctrl-C at a terminal reaches the whole group; the test run decides when this ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for line in sys.stdin:
            if line.strip() == "start":
                # One that was killed has children who keep the next from starting until they notice.
                if server is None or server.poll() is not None:
                    server = _start(Path(binaries), Path(folder), user or None, settings)
            elif server is not None:
                _end(server, signal.SIGINT if line.strip() == "stop" else signal.SIGKILL)
            print("done", flush=True)
    finally:
        if server is not None:
            _end(server, signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


def _start(binaries: Path, folder: Path, account: str | None, settings: list[str]) -> subprocess.Popen[bytes]:
    data = folder / "data"
    if not data.exists():
        subprocess.run(
            [
                binaries / "initdb",
                *("--pgdata", data, "--username", "postgres", "--auth", "trust", "--no-sync"),
                *("--encoding", "UTF8", "--locale", "C"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            user=account,
        )
    options = [f"-c{name}={value}" for name, value in _SETTINGS.items()] + [f"-c{text}" for text in settings]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [binaries / "postgres", "-D", data, "-k", folder, *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,
            user=account,
        )


def _end(server: subprocess.Popen[bytes], sent: signal.Signals) -> None:
    """Send a signal to the server and wait; its children go when it is gone."""
    with contextlib.suppress(ProcessLookupError):
        server.send_signal(sent)
    server.wait()


if __name__ == "__main__":
    main()
