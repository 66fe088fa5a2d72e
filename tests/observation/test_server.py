"""A server of several processes on PostgreSQL, as whoever watches it sees it."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from server_process import ServerProcess, free_port, server_process

from tests.postgresql.cluster import Cluster

pytestmark = pytest.mark.slow

ASKED = 40


def read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        text: str = answer.read().decode()
    return text


def ask(server: ServerProcess, path: str, body: Any, proof: str, **headers: str) -> Any:
    """Ask over a connection of its own, so that any of the processes may get it."""
    request = urllib.request.Request(
        f"{server.url}/execution/v1/{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {proof}", **headers},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def page_with(url: str, is_complete: Callable[[str], bool]) -> str:
    """Read until what was answered is counted, too, which is a moment later."""
    give_up_at = time.monotonic() + 60
    while not is_complete(page := read(url)):
        assert time.monotonic() < give_up_at, page
    return page


def counted(page: str, sample_name: str, **labels: str) -> float:
    return sum(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == sample_name and labels.items() <= sample.labels.items()
    )


def test_several_processes_count_together_and_each_writes_lines_of_json(
    tmp_path: Path, postgres_cluster: Cluster
) -> None:
    port = free_port()
    with server_process(
        tmp_path,
        url=postgres_cluster.url(postgres_cluster.make_database()),
        workers="2",
        metrics_address=f"127.0.0.1:{port}",
        log_format="json",
        access_log="true",
    ) as server:
        task = {"kind": "TaskAddress", "dag_id": "d", "run_id": "r", "task_id": "t"}
        token = ask(server, "start", {"task": task}, server.worker)["token"]
        for number in range(ASKED):
            headers = {"Idempotency-Key": f"request-{number}"}
            ask(server, "set", {"key": f"k{number}", "value": number}, token, **headers)
        page = page_with(
            f"http://127.0.0.1:{port}/metrics",
            lambda page: counted(page, "statekeep_requests_total", operation="set", code="ok") == ASKED,
        )
        assert counted(page, "statekeep_tries_running") == 1
        assert counted(page, "statekeep_store_up") == 1
        assert counted(page, "statekeep_database_round_trips_total") > 0
        assert counted(page, "statekeep_group_requests_sum", queue="hot") == ASKED
        assert counted(page, "statekeep_request_duration_seconds_count", operation="start") == 1
        assert server.stop() == 0
    lines = [json.loads(line) for line in server.said if line.startswith("{")]
    assert [line for line in server.said if not line.startswith("{") and "shown this once" not in line] == []
    asked = {line["request_id"] for line in lines if line["event"] == "request"}
    assert {f"request-{number}" for number in range(ASKED)} <= asked
    assert {"starting", "ready", "stopping", "stopped"} <= {line["event"] for line in lines}
    assert token not in "".join(server.said)
