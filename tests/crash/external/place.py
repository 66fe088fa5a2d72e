"""A place whose values go to an object store: a folder, or an S3 server; plain, or encrypted."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.crash.external.job import Work
from tests.crash.external.objects import Evidence, gather, paths_in_folder, wrong_objects
from tests.crash.external.operate import OperatorPlan
from tests.crash.external.reading import Reader, observe
from tests.crash.external.supervise import Plan
from tests.crash.external.sweep import SweepPlan
from tests.crash.ledger import Ledger, Snapshot
from tests.crash.steps import Kill, kill_victim
from tests.crash.workplace import PATIENCE_SECONDS, Workplace

KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
# After so long an object that lost its last record may be deleted, and one that was leased is given again.
STEP_SECONDS = 360.0
DAY_SECONDS = 86_400.0
_LOOK_SECONDS = 0.005
_BACKEND = "tests.crash.external.killing_store.KillingObjectStore"


class Medium:
    """Where the objects of one place lie. ``folder`` is "" when that is no folder of this machine."""

    def __init__(
        self, url: str, list_paths: Callable[[], list[str]], folder: str = "", **options: str
    ) -> None:
        self.url = url
        self.paths = list_paths
        self.folder = folder
        self.options = options


ENCRYPTION_KEYS = f"k1:{base64.b64encode(bytes(range(32))).decode()}"


def in_folder(folder: Path) -> Medium:
    """Return the medium of a folder, which is made."""
    folder.mkdir()
    return Medium(f"file://{folder}", lambda: paths_in_folder(folder), str(folder))


class ExternalPlace(Workplace):
    """A workplace whose clock moves on with each run. ``kills`` counts those that really happened."""

    def __init__(self, path: Path, medium: Medium | None = None, encryption_keys: str = "") -> None:
        super().__init__(path)
        self.store = str(self.store_path)
        self.medium = medium or in_folder(path / "objects")
        self.ahead_seconds = 0.0
        self.kills = 0
        self.runs = 0
        backend = "statekeep.backends.EncryptedBackend" if encryption_keys else _BACKEND
        options = {"url": self.medium.url, "threshold_bytes": "1000", **self.medium.options}
        self.environ |= {f"STATEKEEP__OBJECT_STORE__{name.upper()}": text for name, text in options.items()}
        self.environ["STATEKEEP__WORKERS__STATE_BACKEND"] = backend
        if encryption_keys:
            self.environ["STATEKEEP__ENCRYPTION__KEYS"] = encryption_keys
            self.environ["STATEKEEP__ENCRYPTION__WRAPPED"] = _BACKEND

    # --- processes ---------------------------------------------------------------------------------------

    def work(self, seed: int, operations: int = 8) -> Work:
        """Return work on this place's objects."""
        return Work(seed, operations, folder=self.medium.folder)

    @contextmanager
    def swept_meanwhile(
        self, work: Work, kill: Kill | None = None, ahead_seconds: float = 2 * DAY_SECONDS
    ) -> Iterator[Work]:
        """Give work whose first upload is not committed before a sweep has run, and perhaps was killed."""
        gate = self.path / f"gate {self.runs}"
        os.mkfifo(gate)
        is_over = threading.Event()

        def sweep_while_it_waits() -> None:
            descriptor = _opened_once_read(gate, is_over)
            if descriptor is not None:
                self.run_sweep(kill, ahead_seconds)
                with suppress(BrokenPipeError):  # it was killed meanwhile
                    os.write(descriptor, b".")
                os.close(descriptor)

        with ThreadPoolExecutor(1) as pool:
            sweeping = pool.submit(sweep_while_it_waits)
            try:
                yield work._replace(gate=str(gate))
            finally:
                is_over.set()
            sweeping.result()

    def start_job(self, work: Work, kill: Kill | None = None, steps: str = "") -> subprocess.Popen[bytes]:
        plan = Plan(str(self.ledger.path), self.store, work, kill, self.ahead_seconds, steps)
        return self.start("-m", "tests.crash.external.supervise", json.dumps(plan))

    def run_job(self, work: Work, kill: Kill | None = None, *, steps: str = "") -> int:
        """Supervise the job once and return the supervisor's status, negative when a signal ended it."""
        return self._ended(self.start_job(work, kill, steps))

    def run_job_for(self, seconds: float, work: Work, victim: str) -> int:
        """Supervise the job and kill the victim after so many seconds, if it has not ended by then."""
        run = self.start_job(work)
        with suppress(subprocess.TimeoutExpired):
            run.wait(seconds)
        if run.returncode is None:
            kill_victim(victim, run.pid)
        return self._ended(run)

    def run_sweep(self, kill: Kill | None = None, ahead_seconds: float = 0.0, *, steps: str = "") -> int:
        """Sweep once in a process of its own, under a clock that is further ahead."""
        ahead = self.ahead_seconds + ahead_seconds
        plan = SweepPlan(self.store, ahead, kill=kill, folder=self.medium.folder, steps=steps)
        return self._ended(self.start("-m", "tests.crash.external.sweep", json.dumps(plan)))

    def run_operator(self, seed: int, kill: Kill | None = None, *, steps: str = "") -> int:
        """Have an operator rewind the asset."""
        plan = OperatorPlan(str(self.ledger.path), self.store, seed, self.ahead_seconds, kill, steps)
        return self._ended(self.start("-m", "tests.crash.external.operate", json.dumps(plan)))

    def _ended(self, run: subprocess.Popen[bytes]) -> int:
        status = run.wait(2 * PATIENCE_SECONDS)
        self.runs += 1
        self.kills += status in KILLED
        return status

    @contextmanager
    def observed(self) -> Iterator[None]:
        """Have an operator read all the time."""
        is_over = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            ledger = Ledger(self.ledger.path)
            rounds = pool.submit(observe, self.store, self.environ, self.ahead_seconds, ledger, is_over)
            try:
                yield
            finally:
                is_over.set()
            assert rounds.result() > 0

    # --- what is there -----------------------------------------------------------------------------------

    def reader(self) -> Reader:
        return Reader(self.store, self.environ, self.ahead_seconds)

    def snapshot(self) -> Snapshot:
        """Read everything, add it to the ledger, and let time pass. No supervisor may be at work."""
        with self.reader() as reader:
            for read in reader.reads("operator"):
                self.ledger.append(read)
            snapshot = reader.snapshot()
            wrong = wrong_objects(self.evidence(reader), after_sweep=False)
        assert wrong == [], wrong
        self.ledger.append(snapshot)
        self.let_pass(STEP_SECONDS)
        return snapshot

    def let_pass(self, seconds: float) -> None:
        """Let time pass, for the store and for workers."""
        self.ahead_seconds += seconds

    def evidence(self, reader: Reader) -> Evidence:
        """Return what the store knows of its objects, and what there is."""
        return gather(reader.store, reader.store_id, self.medium.paths())


def _opened_once_read(gate: Path, is_over: threading.Event) -> int | None:
    """Open a named pipe when somebody reads from it; return None when that does not come to be."""
    while not is_over.wait(_LOOK_SECONDS):
        with suppress(OSError):  # nobody reads
            return os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
    return None


# With the server of a bucket or without one, and whether it is to encrypt.
MakePlace = Callable[..., ExternalPlace]
