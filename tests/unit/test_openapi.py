"""docs/openapi.json is what the handlers say."""

import importlib
import json
from typing import Any

import pytest

from dev.openapi import DOCUMENT, FUNCTIONS, document
from dev.template import as_written

SPEC: dict[str, Any] = json.loads(DOCUMENT.read_text())
OPERATIONS = [
    (path, method, operation)
    for path, item in SPEC["paths"].items()
    for method, operation in item.items()
    if method != "servers"
]


def test_the_committed_document_is_what_the_handlers_say() -> None:
    assert DOCUMENT.read_text() == document(), "python -m dev.openapi writes it anew"


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
    if path.startswith("/webhooks"):
        assert operation["security"] == []
        return
    assert operation["security"] == [{"aws_iam": []} if path.startswith("/platform") else {"api_key": []}]
    statuses = set(operation["responses"])
    assert {"400", "401", "403", "404", "422", "429", "500", "503"} <= statuses
    # Of what is put there are two, because it may have been there; so of a customer, who is posted under an id.
    puts = method == "put" or (path, method) == ("/v1/customers", "post")
    assert len(statuses & {"200", "201", "204"}) == (2 if puts else 1)
    if "requestBody" in operation:
        assert {"409", "413", "415"} <= statuses


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(SPEC)
    for kind in ("schemas", "responses"):
        for part in text.split(f"#/components/{kind}/")[1:]:
            assert part.partition('"')[0] in SPEC["components"][kind]


def test_requests_in_the_document_refuse_unknown_fields() -> None:
    for _, _, operation in OPERATIONS:
        for content in operation.get("requestBody", {}).get("content", {}).values():
            name = content["schema"].get("$ref", "").rpartition("/")[2]
            assert not name or SPEC["components"]["schemas"][name]["additionalProperties"] is False
