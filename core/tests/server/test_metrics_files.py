"""What workers count has its room on the disk from the beginning: a full disk later ends none of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_COUNTS = """
import os, sys
from statekeep_core.server.observation import observation_of
from statekeep_core import config
observation_of(config.load({"STATEKEEP_CONFIG": "", "STATEKEEP__SERVER__METRICS": "true"}).server, os.environ)
print("counting", os.environ.get("PROMETHEUS_MULTIPROC_DIR"))
"""


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
    made = {path.name.rpartition("_")[0]: path.stat() for path in tmp_path.iterdir()}
    assert sorted(made) == ["counter", "gauge_livesum", "gauge_mostrecent", "histogram"]
    assert [name for name, stat in made.items() if stat.st_blocks * 512 < stat.st_size] == []


def test_a_worker_that_gets_no_room_counts_alone(tmp_path: Path) -> None:
    assert counting(tmp_path / "gone").stdout == "counting None\n"
