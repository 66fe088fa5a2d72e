"""Where workers count: with room from the beginning, no more of it than workers, and not for longer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from statekeep_core.server.telemetry.metrics_files import VARIABLE, shared_by_workers

_COUNTS = """
import os, sys
from statekeep_core.server.telemetry.observation import observation_of
from statekeep_core import config
observation_of(config.load({"STATEKEEP_CONFIG": "", "STATEKEEP__SERVER__METRICS": "true"}).server, os.environ)
print("counting", os.environ.get("PROMETHEUS_MULTIPROC_DIR"))
"""

_REFUSES = """
import os, signal, sys
from pathlib import Path
from statekeep_core.server.telemetry.metrics_files import set_aside
from statekeep_core.traffic import NO_TRAFFIC
folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]
place = set_aside(Path(folder))
from statekeep_core.server.telemetry.metrics import Metrics
metrics = Metrics(folder, place)
for _ in range(2):
    metrics.queue_refused("all")
if sys.argv[1] == "tell":
    print(metrics.page().decode())
    sys.exit()
metrics.sample({"all": 7}, NO_TRAFFIC)
print(place, flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


def refusing(folder: Path, then: str) -> subprocess.Popen[str]:
    """Start a worker that counts two refusals, and then tells the page or waits to be killed."""
    return subprocess.Popen(
        [sys.executable, "-c", _REFUSES, then],
        env=os.environ | {VARIABLE: str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def refused_and_waiting(page: str) -> list[str]:
    names = ("statekeep_queue_refused_total{", "statekeep_queue_waiting{")
    return [line for line in page.splitlines() if line.startswith(names)]


def counting(folder: Path) -> subprocess.CompletedProcess[str]:
    """Make the metrics of a worker in a process of its own: the client looks at its variable only once."""
    return subprocess.run(
        [sys.executable, "-c", _COUNTS],
        env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot set room aside")
def test_every_file_of_a_worker_has_all_its_room(tmp_path: Path) -> None:
    assert counting(tmp_path).stdout == f"counting {tmp_path}\n"
    made = {path.name.rpartition("_")[0]: path.stat() for path in tmp_path.glob("*.db")}
    assert sorted(made) == ["counter", "gauge_livesum", "gauge_mostrecent", "histogram"]
    assert [name for name, stat in made.items() if stat.st_blocks * 512 < stat.st_size] == []


def test_a_worker_that_gets_no_room_counts_alone(tmp_path: Path) -> None:
    assert counting(tmp_path / "gone").stdout == "counting None\n"


def test_who_follows_a_killed_worker_goes_on_with_its_counts_and_files(tmp_path: Path) -> None:
    for _ in range(2):
        assert refusing(tmp_path, "die").communicate(timeout=60)[0] == "1\n"
        made = sorted(path.name for path in tmp_path.iterdir())
    page = refusing(tmp_path, "tell").communicate(timeout=60)[0]
    assert refused_and_waiting(page) == ['statekeep_queue_refused_total{queue="all"} 6.0']
    assert sorted({*made, *(path.name for path in tmp_path.iterdir())}) == made


def test_workers_at_once_have_places_of_their_own(tmp_path: Path) -> None:
    first, second = refusing(tmp_path, "die"), refusing(tmp_path, "die")
    assert first.stdout is not None
    assert second.stdout is not None
    assert sorted([first.stdout.readline(), second.stdout.readline()]) == ["1\n", "2\n"]
    page = refusing(tmp_path, "tell").communicate(timeout=60)[0]
    assert refused_and_waiting(page) == [
        'statekeep_queue_refused_total{queue="all"} 6.0',
        'statekeep_queue_waiting{queue="all"} 14.0',
    ]
    for process in (first, second):
        process.communicate(timeout=60)


_HOLDS = """
import os, sys
from statekeep_core.server.telemetry.metrics_files import shared_by_workers
with shared_by_workers(os.environ):
    worker = os.fork()
    if worker == 0:
        sys.stdin.read()
        os._exit(0)
    print(worker, os.environ["PROMETHEUS_MULTIPROC_DIR"], flush=True)
    os.waitpid(worker, 0)
"""


def folder_made_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[Path]]:
    """Return the folder of a server that starts now, and all that there are while it runs."""
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    environ: dict[str, str] = {}
    with shared_by_workers(environ):
        return Path(environ[VARIABLE]), sorted(folder.iterdir())


def test_a_start_removes_the_folder_of_a_killed_server_when_its_last_worker_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDS],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        worker, _, left = parent.stdout.readline().strip().partition(" ")
        other = tmp_path / "statekeep-metrics-of-nobody"
        other.write_text("no folder")
        assert Path(left) in folder_made_in(tmp_path, monkeypatch)[1]
        parent.kill()
        parent.wait(timeout=60)
        # The orphan still counts there.
        assert Path(left) in folder_made_in(tmp_path, monkeypatch)[1]
        os.kill(int(worker), signal.SIGKILL)
    give_up_at = time.monotonic() + 60
    while True:
        own, all_there = folder_made_in(tmp_path, monkeypatch)
        if all_there == sorted([own, other]):
            break
        assert time.monotonic() < give_up_at
    assert list(tmp_path.iterdir()) == [other]
