"""A place whose store is behind a server, which somebody starts again whenever it is killed."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from server_process import free_port
from statekeep import config
from statekeep.client.opening import lock_directory

from tests.crash.external.place import ExternalPlace, Medium
from tests.crash.served.serve import order
from tests.crash.steps import Kill
from tests.crash.workplace import ROOT, wait_until

# What is not the past of tasks and assets; and instants that do not end as all others do.
_UNMOVED = ("store", "credentials", "signing_keys", "leases", "former_store_ids")
_INSTANT = re.compile(r".*_at|leased_until")

_COLUMNS = "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'"
_PG_COLUMNS = (
    "SELECT table_name::text, column_name::text FROM information_schema.columns"
    " WHERE table_schema = current_schema()"
)


class KeptServer:
    """A server in a process of its own. ``kills`` counts those that it was killed."""

    def __init__(self, folder: Path, environ: dict[str, str], steps: str = "") -> None:
        self.kills = 0
        self.orders = folder / "orders"
        self._said = folder / "server said"
        # Not among its arguments: by those are the processes of a place told.
        self._environ = {**environ, "ORDERS": str(self.orders), "STEPS": steps}
        self._is_closing = False
        self._process = self._started()
        self._keeper = threading.Thread(target=self._keep)
        self._keeper.start()

    def credential(self) -> str:
        """Return the one that it made at its first start."""
        [found] = re.findall(r"shown this once: (\S+)", self.said())
        return str(found)

    def said(self) -> str:
        return self._said.read_text()

    def kill(self) -> None:
        """Kill it now."""
        self._process.send_signal(signal.SIGKILL)

    def close(self) -> None:
        self._is_closing = True
        self._process.kill()
        self._keeper.join()

    def _started(self) -> subprocess.Popen[bytes]:
        with self._said.open("a") as said:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.crash.served.serve"],
                env=self._environ,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    def _keep(self) -> None:
        """As a service manager does."""
        while self._process.wait() == -signal.SIGKILL and not self._is_closing:
            self.kills += 1
            self._process = self._started()


class ServedPlace(ExternalPlace):
    """``database`` is a url, or "" for a file. Time passes in that all rows are moved back."""

    def __init__(self, path: Path, database: str = "", medium: Medium | None = None, steps: str = "") -> None:
        super().__init__(path, medium)
        self.store = database or self.store
        served = {
            **self.environ,
            "STATEKEEP__DATABASE__URL": self.store,
            "STATEKEEP__SERVER__PORT": str(free_port()),
            "STATEKEEP__STATE_STORE__ASSET_HISTORY_VERSIONS": "3",
        }
        self.server = KeptServer(path, served, steps)
        wait_until(lambda: "listening on" in self.server.said())
        operator = subprocess.run(
            [sys.executable, "-m", "statekeep", "server", "credentials", "add", "operator", "--operator"],
            env=served,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        del self.environ["STATEKEEP__DATABASE__URL"]
        self.environ |= {
            "STATEKEEP__API__URL": f"http://127.0.0.1:{served['STATEKEEP__SERVER__PORT']}",
            "STATEKEEP__API__CREDENTIAL": operator,
            "XDG_DATA_HOME": str(path / "data"),
        }
        self.locks = lock_directory(config.load(self.environ), self.environ)

    def close(self) -> None:
        super().close()
        self.server.close()

    def order(self, kill: Kill | None) -> None:
        """Have the server be killed at a step, in place of what was ordered before."""
        order(self.server.orders, kill)

    def let_pass(self, seconds: float) -> None:
        super().let_pass(seconds)
        with self.reader() as reader:
            reader.store.transact(lambda work: self._move_back(work.tx, int(seconds * 1_000_000)))

    def _move_back(self, tx: Any, by_us: int) -> None:
        columns = [
            (table, name)
            for table, name in tx.rows(_PG_COLUMNS if self.store.startswith("postgresql:") else _COLUMNS)
            if table not in _UNMOVED and _INSTANT.fullmatch(name)
        ]
        assert columns
        for table, name in columns:
            tx.run(f"UPDATE {table} SET {name} = {name} - ? WHERE {name} IS NOT NULL", (by_us,))
