"""A server whose log nobody reads answers, and ends when it is told to."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from pathlib import Path

import pytest
from server_process import ServerProcess, server_process

from tests.postgresql.cluster import Cluster

pytestmark = pytest.mark.slow

# Each has a line of more than 300 bytes, together several times what a pipe holds.
CONNECTIONS = 6
REQUESTS_EACH = 100


def ask(
    connection: http.client.HTTPConnection, operation: str, proof: str, body: object
) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {proof}"}
    connection.request("POST", f"/execution/v1/{operation}", json.dumps(body), headers)
    answer = connection.getresponse()
    document: dict[str, object] = json.load(answer)
    assert answer.status == 200, document
    return document


def ask_much(server: ServerProcess) -> None:
    task = {"kind": "TaskAddress", "dag_id": "d", "run_id": "r", "task_id": "t"}
    token = server.worker
    for number in range(CONNECTIONS):
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
            if not number:
                token = str(ask(connection, "start", token, {"task": task})["token"])
            for _ in range(REQUESTS_EACH):
                ask(connection, "get", token, {"key": "k"})


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_whose_log_nobody_reads_answers_and_ends(
    workers: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = ""
    if workers != "1":
        cluster: Cluster = request.getfixturevalue("postgres_cluster")
        url = cluster.url(cluster.make_database())
    with server_process(tmp_path, url=url, workers=workers, log_format="json", access_log="true") as server:
        ask_much(server)
        assert server.stop() == 0
    lines = [json.loads(line) for line in server.said if line.startswith("{")]
    asked = [line for line in lines if line["event"] == "request"]
    assert 0 < len(asked) < CONNECTIONS * REQUESTS_EACH
