"""docs/openapi.json is what the handlers say."""

import importlib
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cashback.domain.errors import SignatureMissing
from cashback.domain.names import EVENTS, SOURCES
from cashback.storefronts.events import TYPES
from cashback.storefronts.signatures import hints, read_claim
from dev.openapi import DOCUMENT, FUNCTIONS, document
from dev.openapi_webhooks import CONTRACT, component
from dev.project import ROOT
from dev.template import as_written

SPEC: dict[str, Any] = json.loads(DOCUMENT.read_text())
OPERATIONS = [
    (path, method, operation)
    for path, item in SPEC["paths"].items()
    for method, operation in item.items()
    if method != "servers"
]


PAGES = {"/v1/docs", "/v1/openapi.json"}
"""What everyone may read."""


def test_the_committed_document_is_what_the_handlers_say() -> None:
    assert DOCUMENT.read_text() == document(), "PYTHONPATH=layers/shared python -m dev.openapi writes it anew"


def test_every_route_of_the_template_is_documented() -> None:
    routes = {
        (event["Properties"]["Path"], event["Properties"]["Method"].lower())
        for resource in as_written()["Resources"].values()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "Api"
    }
    documented = {(path, method) for path, method, _ in OPERATIONS if not path.startswith("/webhooks")}
    assert documented == routes


def test_every_handler_is_behind_a_role_or_iam() -> None:
    for name in FUNCTIONS:
        for route in importlib.import_module(f"functions.{name}.app").api.routes:
            assert (route.role is None) == route.rule.startswith("/platform/"), route.rule


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=lambda part: str(part)[:60])
def test_every_operation_says_who_may_call_it_and_what_comes_back(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    if path.startswith("/webhooks") or path in PAGES:
        assert operation["security"] == []
        return
    assert operation["security"] == [{"aws_iam": []} if path.startswith("/platform") else {"api_key": []}]
    statuses = set(operation["responses"])
    assert {"400", "401", "403", "404", "422", "429", "500", "503"} <= statuses
    # Of what is put there are two, because it may have been there; so of a customer, who is posted under an id. Of
    # many members it is that they will be added.
    two = method == "put" or (path, method) in {("/v1/customers", "post"), ("/v1/groups/{group_id}/members", "post")}
    assert len(statuses & {"200", "201", "202", "204"}) == (2 if two else 1)
    # Whatever writes may be in conflict, and refuses a body that it cannot read, also where it has no use for one.
    assert ({"409", "413", "415"} <= statuses) == (method != "get")


def test_no_two_operations_have_one_id() -> None:
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert sorted(set(ids)) == sorted(ids)


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(SPEC)
    for kind in ("schemas", "responses"):
        for part in text.split(f"#/components/{kind}/")[1:]:
            assert part.partition('"')[0] in SPEC["components"][kind]


def test_requests_in_the_document_refuse_unknown_fields() -> None:
    for path, _, operation in OPERATIONS:
        if path.startswith("/webhooks"):
            continue
        for content in operation.get("requestBody", {}).get("content", {}).values():
            name = content["schema"].get("$ref", "").rpartition("/")[2]
            assert not name or SPEC["components"]["schemas"][name]["additionalProperties"] is False


# ---- webhooks


def webhook(source: str) -> dict[str, Any]:
    path: dict[str, Any] = SPEC["paths"][f"/webhooks/{{store_id}}/{source}"]
    return path


def test_every_source_is_delivered_to_a_server_of_its_own() -> None:
    documented = {path for path in SPEC["paths"] if path.startswith("/webhooks")}
    assert documented == {f"/webhooks/{{store_id}}/{source}" for source in SOURCES}
    for source in SOURCES:
        assert [server["url"] for server in webhook(source)["servers"]] == ["{webhook_url}"]
        assert webhook(source)["post"]["responses"].keys() == {"200", "400", "401", "413", "415", "503"}


def test_the_documented_contract_of_events_is_its_own_file() -> None:
    contract, schemas = json.loads(CONTRACT.read_text()), SPEC["components"]["schemas"]
    text = json.dumps({name: schemas[component(name)] for name in contract["$defs"]})
    assert json.loads(text.replace("#/components/schemas/event.", "#/$defs/")) == contract["$defs"]
    content = webhook("events")["post"]["requestBody"]["content"]
    assert content == {"application/json": {"schema": {"$ref": "#/components/schemas/Event"}}}
    assert {part["$ref"].rpartition("event.")[2] for part in schemas["Event"]["oneOf"]} == TYPES


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_a_sample_fits_the_documented_contract(kind: str) -> None:
    event = json.loads((ROOT / "events/events" / f"{kind.replace('.', '_')}.json").read_text())
    schema = {"$ref": "#/components/schemas/Event", "components": SPEC["components"]}
    contract = Draft202012Validator(schema)
    assert contract.is_valid(event)
    assert not contract.is_valid({**event, "type": "order.lost"})
    assert not contract.is_valid({**event, "more": 1})


@pytest.mark.parametrize("source", SOURCES)
def test_the_documented_headers_are_those_that_verify(source: str) -> None:
    headers = [part for part in webhook(source)["post"]["parameters"] if part["in"] == "header"]
    sent = {part["name"]: "v1,a" if part["name"] == "webhook-signature" else "1" for part in headers}
    assert read_claim(source, sent).source == source
    assert hints(source, sent) == ("" if source == EVENTS else "1", "1")
    for part in headers:
        if part["required"]:
            with pytest.raises(SignatureMissing):
                read_claim(source, {name: value for name, value in sent.items() if name != part["name"]})
