"""The PostgreSQL of the tests goes with those who started it, however they end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.postgresql.cluster import Cluster

pytestmark = pytest.mark.slow

HOLDER = """
import sys
from tests.postgresql.cluster import running_cluster
with running_cluster() as cluster:
    print(cluster.folder, flush=True)
    sys.stdin.read()
"""


def test_a_run_that_is_killed_leaves_no_database_and_no_folder() -> None:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    holder = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=-1, stdout=-1, text=True, env=environ)
    assert holder.stdin is not None
    assert holder.stdout is not None
    folder = Path(holder.stdout.readline().strip())
    postmaster = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    while folder.exists():
        time.sleep(0.02)
    with pytest.raises(ProcessLookupError):
        os.kill(postmaster, 0)


def test_each_database_is_new(postgres_cluster: Cluster) -> None:
    for _ in range(2):
        with psycopg.connect(postgres_cluster.conninfo(postgres_cluster.make_database())) as connection:
            assert connection.execute(
                "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            ).fetchone() == (0,)
            connection.execute("CREATE TABLE mine (x int)")
