"""The document names every path, every message and every error, and is what the messages are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.errors import error_classes
from statekeep_core.server.endpoints import ENDPOINTS
from statekeep_core.server.openapi import document
from statekeep_core.server.reply_kinds import REPLIES

from core.tests.server.served import Served, run


def schemas() -> dict[str, Any]:
    found: dict[str, Any] = document()["components"]["schemas"]
    return found


def test_every_endpoint_is_in_it_with_its_request_and_its_replies() -> None:
    paths = document()["paths"]
    assert set(paths) == {*ENDPOINTS, "/health/live", "/health/ready"}
    assert {endpoint.request for endpoint in ENDPOINTS.values()} == set(REPLIES)
    operation = paths["/execution/v1/get"]["post"]
    assert operation["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Get"
    }
    replies = operation["responses"]["200"]["content"]["application/json"]["schema"]["oneOf"]
    assert [reply["$ref"].rpartition("/")[2] for reply in replies] == ["Entry", "Absent"]


def test_every_reference_leads_somewhere_and_no_operation_shares_its_id() -> None:
    whole = document()
    for part in json.dumps(whole).split('"$ref": "#/')[1:]:
        found: Any = whole
        for name in part.partition('"')[0].split("/"):
            found = found[name]
    ids = [operation["operationId"] for path in whole["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids))


def test_a_schema_has_the_messages_fields_and_requires_those_without_a_default() -> None:
    schema = schemas()["Set"]
    assert set(schema["properties"]) == {*m.Set._fields, "kind"}
    assert schema["required"] == ["key", "value"]
    assert schema["additionalProperties"] is False
    assert schemas()["Started"]["required"] == ["kind", "instance_id", "ti_id", "try_number", "lease_seconds"]


def test_every_code_is_in_it() -> None:
    problem = document()["components"]["responses"]["Problem"]["content"]["application/problem+json"]
    assert problem["schema"]["properties"]["code"]["enum"] == sorted(error_classes())


def test_the_server_gives_it_to_everybody(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        answered = await served.ask("/openapi.json", method="GET")
        assert answered.status == 200
        assert answered.document == json.loads(json.dumps(document()))

    run(tmp_path, scenario)
