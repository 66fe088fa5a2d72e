"""The document names every path, every message and every error, and is what the messages are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from statekeep_core._shared.state import messages as m
from statekeep_core._shared.state.errors import error_classes
from statekeep_core.server.endpoints import ENDPOINTS
from statekeep_core.server.openapi.document import openapi_document
from statekeep_core.server.openapi.reply_kinds import REPLIES

from core.tests.server.served import Served, run


def schemas() -> dict[str, Any]:
    found: dict[str, Any] = openapi_document()["components"]["schemas"]
    return found


def test_every_endpoint_is_in_it_with_its_request_and_its_replies() -> None:
    paths = openapi_document()["paths"]
    assert set(paths) == {*ENDPOINTS, "/health/live", "/health/ready"}
    assert {endpoint.request for endpoint in ENDPOINTS.values()} == set(REPLIES)
    operation = paths["/execution/v1/get"]["post"]
    whole, targets = operation["requestBody"]["content"]["application/json"]["schema"]["allOf"]
    assert whole == {"$ref": "#/components/schemas/Get"}
    assert {"$ref": "#/components/schemas/AssetAddress"} not in targets["properties"]["target"]["anyOf"]
    replies = operation["responses"]["200"]["content"]["application/json"]["schema"]["oneOf"]
    assert [reply["$ref"].rpartition("/")[2] for reply in replies] == ["Entry", "Absent"]


def test_every_reference_leads_somewhere_and_no_operation_shares_its_id() -> None:
    whole = openapi_document()
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
    assert schemas()["Problem"]["properties"]["code"]["enum"] == sorted(error_classes())


def test_an_operation_says_with_which_codes_it_may_be_refused() -> None:
    responses = openapi_document()["paths"]["/execution/v1/heartbeat"]["post"]["responses"]
    assert set(responses) == {"200", "401", "409", "413", "422", "500", "503"}
    [whole, narrower] = responses["409"]["content"]["application/problem+json"]["schema"]["allOf"]
    assert whole == {"$ref": "#/components/schemas/Problem"}
    assert narrower["properties"]["code"]["enum"] == ["overtaken", "superseded", "try_finished"]
    assert narrower["properties"]["status"] == {"const": 409}


def test_people_name_what_they_ask_about_and_a_try_may_mean_its_own_state() -> None:
    for prefix, is_required in (("/api/v1/", True), ("/execution/v1/", False)):
        body = openapi_document()["paths"][f"{prefix}clear"]["post"]["requestBody"]
        assert body["required"] is is_required
        narrower = body["content"]["application/json"]["schema"]["allOf"][1]
        assert ("target" in narrower.get("required", ())) is is_required


def test_the_server_gives_it_to_everybody(tmp_path: Path) -> None:
    async def scenario(served: Served) -> None:
        answered = await served.ask("/openapi.json", method="GET")
        assert answered.status == 200
        assert answered.document == json.loads(json.dumps(openapi_document()))

    run(tmp_path, scenario)


def test_every_answer_of_an_endpoint_is_said_to_name_its_request() -> None:
    for path in ENDPOINTS:
        for status, answer in openapi_document()["paths"][path]["post"]["responses"].items():
            assert answer["headers"]["X-Request-Id"]["required"], (path, status)
