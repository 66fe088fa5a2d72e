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
from typing import Any

from statekeep import TaskScope
from statekeep._shared.state import messages as m
from statekeep.sweeping.expiry import expire

from tests.crash.external.job import BRIEF_KEYS, Work
from tests.crash.external.judging import judge_all
from tests.crash.external.objects import TEMPORARY, Evidence, gather, paths_in_folder, wrong_objects
from tests.crash.external.operate import OperatorPlan
from tests.crash.external.reading import ASSET_ADDRESS, TASK_ADDRESS, Reader, observe
from tests.crash.external.supervise import Plan
from tests.crash.external.sweep import SweepPlan, sweep
from tests.crash.external.values import text_of
from tests.crash.ledger import Ledger, Snapshot
from tests.crash.steps import Kill, Killer, kill_victim
from tests.crash.supervise import TASK
from tests.crash.workplace import PATIENCE_SECONDS, Workplace

KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
# What comes back after a kill is due for disposal by then, and what is leased, too.
_STEP_SECONDS = 360.0
_DAY_SECONDS = 86_400.0
# Longer than task state is kept after a success, and an asset after its deactivation.
_RETENTION_DAYS = 40
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
        self, work: Work, kill: Kill | None = None, ahead_seconds: float = 2 * _DAY_SECONDS
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
        plan = Plan(str(self.ledger.path), str(self.store_path), work, kill, self.ahead_seconds, steps)
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

    def start_sweep(
        self, kill: Kill | None = None, ahead_seconds: float = 0.0, *, steps: str = ""
    ) -> subprocess.Popen[bytes]:
        ahead = self.ahead_seconds + ahead_seconds
        plan = SweepPlan(str(self.store_path), ahead, kill=kill, folder=self.medium.folder, steps=steps)
        return self.start("-m", "tests.crash.external.sweep", json.dumps(plan))

    def run_sweep(self, kill: Kill | None = None, ahead_seconds: float = 0.0, *, steps: str = "") -> int:
        return self._ended(self.start_sweep(kill, ahead_seconds, steps=steps))

    def run_operator(self, seed: int, kill: Kill | None = None, *, steps: str = "") -> int:
        """Have an operator rewind the asset."""
        plan = OperatorPlan(
            str(self.ledger.path), str(self.store_path), seed, self.ahead_seconds, kill, steps
        )
        return self._ended(self.start("-m", "tests.crash.external.operate", json.dumps(plan)))

    def _ended(self, run: subprocess.Popen[bytes]) -> int:
        status = run.wait(2 * PATIENCE_SECONDS)
        self.note(status)
        return status

    def note(self, status: int) -> None:
        """Count a process that has ended."""
        self.runs += 1
        self.kills += status in KILLED

    @contextmanager
    def observed(self) -> Iterator[None]:
        """Have an operator read all the time."""
        is_over = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            ledger = Ledger(self.ledger.path)
            rounds = pool.submit(observe, self.store_path, self.environ, self.ahead_seconds, ledger, is_over)
            try:
                yield
            finally:
                is_over.set()
            assert rounds.result() > 0

    # --- what is there -----------------------------------------------------------------------------------

    def reader(self) -> Reader:
        return Reader(self.store_path, self.environ, self.ahead_seconds)

    def snapshot(self) -> Snapshot:
        """Read everything, add it to the ledger, and let time pass. No supervisor may be at work."""
        with self.reader() as reader:
            for read in reader.reads("operator"):
                self.ledger.append(read)
            snapshot = reader.snapshot()
            wrong = wrong_objects(self.evidence(reader), after_sweep=False)
        assert wrong == [], wrong
        self.ledger.append(snapshot)
        self.ahead_seconds += _STEP_SECONDS
        return snapshot

    def leave_orphan(self) -> None:
        """Put an object there that no record will name, as a task does that dies before its commit."""
        scope = TaskScope(*TASK)
        storage_key = f"a~{os.urandom(13).hex()}"
        with self.reader() as reader:
            backend = reader.backends.writer()
            assert backend is not None
            told: dict[str, Any] = {"scope": scope, "storage_key": storage_key}
            backend.serialize_task_state_to_ref(
                value=json.dumps(text_of("a", 0, 3_000)), key=storage_key, ti_id=scope.ti_id, **told
            )

    def end_job(self, seed: int) -> None:
        """Run the job to its success."""
        status = self.run_job(self.work(seed))
        assert status == 0, f"{status}: {self.said()[-3000:]}"
        assert self.left_behind() == []
        self.snapshot()

    def check(self) -> None:
        """Sweep once, later, and judge: what is left is what the records name, and no promise was broken."""
        self._sweep_after(2 * _DAY_SECONDS)
        with self.reader() as reader:
            brief = [entry.key for entry in reader.entries(TASK_ADDRESS) if entry.key in BRIEF_KEYS]
        assert brief == [], brief
        self.snapshot()
        violations = judge_all(self.ledger.read())
        assert violations == [], violations
        assert self._temporary_files() == []

    def check_retention(self) -> None:
        """Let the task's state expire and the asset be swept; no object outlives the last record of it."""
        with self.reader() as reader:
            reader.transport.call(m.Deactivate(ASSET_ADDRESS), "deactivate")
        self._sweep_after(_RETENTION_DAYS * _DAY_SECONDS)
        with self.reader() as reader:
            assert reader.entries(TASK_ADDRESS) == []
            named = [path for path in self.evidence(reader).named if "/task/" in path]
        assert named == [], named

    def _sweep_after(self, seconds: float) -> None:
        """Have the store remove what has expired, then sweep once; see that just what is named is there."""
        self.ahead_seconds += seconds
        with self.reader() as reader:
            expire(reader.transport.call)
        self.ahead_seconds += _STEP_SECONDS  # an object may be deleted 5 minutes after its last record went
        for path in self._temporary_files():  # their age goes by the disk's clock
            os.utime(path, times=(0, 0))
        self.sweep_here()
        with self.reader() as reader:
            wrong = wrong_objects(self.evidence(reader))
        assert wrong == [], wrong

    def sweep_here(self) -> None:
        """Sweep in this process, undisturbed."""
        plan = SweepPlan(str(self.store_path), self.ahead_seconds, page_objects=1_000)
        report = sweep(plan, self.environ, Killer(None))
        assert report.is_complete, report
        assert report.failures == (), report

    def evidence(self, reader: Reader) -> Evidence:
        """Return what the store knows of its objects, and what there is."""
        return gather(reader.store, reader.store_id, self.medium.paths())

    def _temporary_files(self) -> list[Path]:
        folder = Path(self.medium.folder or self.path / "nowhere", TEMPORARY)
        return list(folder.iterdir()) if folder.exists() else []


def _opened_once_read(gate: Path, is_over: threading.Event) -> int | None:
    """Open a named pipe when somebody reads from it; return None when that does not come to be."""
    while not is_over.wait(_LOOK_SECONDS):
        with suppress(OSError):  # nobody reads
            return os.open(gate, os.O_WRONLY | os.O_NONBLOCK)
    return None


# With the server of a bucket or without one, and whether it is to encrypt.
MakePlace = Callable[..., ExternalPlace]
