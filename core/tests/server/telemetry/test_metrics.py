"""What is counted, over the real application and store."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import MappingProxyType

from prometheus_client.parser import text_string_to_metric_families
from statekeep_core._shared.state.messages import Swept
from statekeep_core.server.http.metrics_page import MetricsApplication, MetricsPage
from statekeep_core.server.telemetry.metrics import Metrics
from statekeep_core.server.telemetry.observing import Observers
from statekeep_core.traffic import Traffic

from core.tests.server.served import TASK, Served, run

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(page: bytes) -> Samples:
    return {
        (sample.name.removeprefix("statekeep_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def counted(found: Samples, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


def observed(metrics: Metrics) -> Observers:
    return Observers([metrics])


def test_requests_tries_queues_and_groups_are_counted(tmp_path: Path) -> None:
    metrics = Metrics()

    async def scenario(served: Served) -> None:
        token = await served.started()
        for _ in range(3):
            await served.ask("/execution/v1/set", {"key": "k", "value": 1}, token)
        await served.ask("/execution/v1/set", {"key": "k", "value": 1, "if_version": 99}, token)
        await served.ask("/execution/v1/get", {"key": "k"}, "wrong")
        assert (await served.ask("/nothing/at/all")).status == 404
        page = MetricsPage(metrics, served.engine)
        found = samples((await page.response()).body)
        assert counted(found, "tries_running") == 1
        assert counted(found, "store_up") == 1
        await served.ask("/execution/v1/finish", {"succeeded": True}, token)
        found = samples(metrics.page())
        assert counted(found, "requests_total", operation="set", code="ok") == 3
        assert counted(found, "requests_total", operation="set", code="conflict") == 1
        assert counted(found, "requests_total", operation="get", code="unauthenticated") == 1
        assert counted(found, "requests_total", operation="unknown", code="not_found") == 1
        assert counted(found, "request_duration_seconds_count", operation="set") == 4
        assert counted(found, "tries_started_total") == 1
        assert counted(found, "tries_finished_total", status="succeeded") == 1
        assert counted(found, "group_requests_sum", queue="all") >= 6
        assert counted(found, "queue_waiting", queue="all") == 0

    run(tmp_path, scenario, observers=observed(metrics))


def test_a_refusal_of_a_full_queue_is_counted(tmp_path: Path) -> None:
    metrics = Metrics()

    async def scenario(served: Served) -> None:
        token = await served.started()
        asked = [served.ask("/execution/v1/get", {"key": "k"}, token) for _ in range(9)]
        refused = [answered for answered in await asyncio.gather(*asked) if answered.status == 503]
        assert len(refused) == counted(samples(metrics.page()), "queue_refused_total", queue="all") > 0

    run(tmp_path, scenario, observers=observed(metrics), waiting_limit=3)


def test_what_is_counted_elsewhere_is_taken_over_once() -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics.sample({"hot": 7}, Traffic(5, MappingProxyType({"LockNotAvailable": 2})))
    metrics.sample({"hot": 0}, Traffic(6, MappingProxyType({"LockNotAvailable": 2})))
    metrics.swept(Swept(4, 3, 2))
    found = samples(metrics.page())
    assert counted(found, "database_round_trips_total") == 6
    assert counted(found, "database_errors_total", error="LockNotAvailable") == 2
    assert counted(found, "queue_waiting", queue="hot") == 0
    assert counted(found, "sweep_removed_total", what="task_entries") == 4


def test_a_store_that_does_not_answer_is_down(tmp_path: Path) -> None:
    metrics = Metrics()

    async def scenario(served: Served) -> None:
        page = MetricsPage(metrics, served.engine)
        await served.engine.close()
        assert counted(samples((await page.response()).body), "store_up") == 0

    run(tmp_path, scenario)


def test_the_metrics_are_an_operators_to_read_and_of_nobody_who_is_not_asked_for_them(tmp_path: Path) -> None:
    metrics = Metrics()
    observers = observed(metrics)

    async def scenario(served: Served) -> None:
        assert (await served.ask("/metrics", method="GET")).status == 404
        served.app.metrics_page = MetricsPage(metrics, served.engine)
        token = await served.started()
        for proof, status in [(None, 401), (served.worker, 403), (token, 403)]:
            assert (await served.ask("/metrics", proof=proof, method="GET")).status == status
        start, body = await served.raw("/metrics", proof=served.operator, method="GET")
        assert start["status"] == 200
        assert b"statekeep_requests_total" in body

    run(tmp_path, scenario, observers=observers)


def test_an_address_of_their_own_shows_the_metrics_and_nothing_else(tmp_path: Path) -> None:
    metrics = Metrics()

    async def scenario(served: Served) -> None:
        served.app = MetricsApplication(MetricsPage(metrics, served.engine))  # type: ignore[assignment]  # asked in the same way
        start, body = await served.raw("/metrics", method="GET")
        assert (start["status"], b"statekeep_store_up 1.0" in body) == (200, True)
        for path, method in [("/metrics", "POST"), ("/execution/v1/start", "POST"), ("/", "GET")]:
            start, _ = await served.raw(path, {"task": TASK}, method=method)
            assert start["status"] == 404

    run(tmp_path, scenario, observers=observed(metrics))
