"""A try with an outlet and an inlet, and others who look on."""

from typing import Any

import pytest
from statekeep_core._shared.state import messages as m

from core.tests.conftest import TASK, WORKER, Client

FLIGHTS = m.AssetAddress("flights", "s3://lake/flights")
PLANES = m.AssetAddress("planes")
OPERATOR = m.OperatorClaims("ann")


class LiveTry:
    """A running try that asks for itself; ``outlet`` and ``inlet`` are the ids of its assets."""

    def __init__(self, client: Client, task: m.TaskAddress = TASK, **options: Any) -> None:
        self._client = client
        started = client.ask(WORKER, m.Start(task, inlets=(PLANES,), outlets=(FLIGHTS,), **options))
        self.claims = m.TryClaims(started.instance_id, started.try_number)
        ids = {grant.name: grant.asset_id for grant in started.grants}
        self.outlet: int = ids["flights"]
        self.inlet: int = ids["planes"]

    def ask(self, request: Any) -> Any:
        return self._client.ask(self.claims, request)

    def keys(self, target: m.Target = None) -> list[str]:
        return [entry.key for entry in self.ask(m.ListEntries(target)).entries]

    def finish(self, *, succeeded: bool = True) -> Any:
        return self.ask(m.Finish(succeeded))


class Operator:
    """A person who reads and corrects state outside any try."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def ask(self, request: Any) -> Any:
        return self._client.ask(OPERATOR, request)

    def keys(self, target: m.Target) -> list[str]:
        return [entry.key for entry in self.ask(m.ListEntries(target)).entries]


@pytest.fixture
def live_try(client: Client) -> LiveTry:
    return LiveTry(client)


@pytest.fixture
def operator(client: Client) -> Operator:
    return Operator(client)
