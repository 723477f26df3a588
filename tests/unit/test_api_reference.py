"""The reference of the API: open to everyone, whole, and unable to run or fetch anything."""

import base64
import json
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

from cashback.edge.api_reference import api_reference
from cashback.edge.pages import STYLE
from dev.openapi import DOCUMENT
from tests.unit.deployment import Deployment, Reply

DOCS, OPENAPI = "/v1/docs", "/v1/openapi.json"
SPEC: dict[str, Any] = json.loads(DOCUMENT.read_text())


class Seen(HTMLParser):
    """Every element of a page with its attributes, its texts, and whether all that was opened was closed."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def attributes(self, name: str) -> set[str | None]:
        return {given[name] for _, given in self.elements if name in given}


def read(deployment: Deployment, path: str = DOCS) -> Reply:
    return deployment.send("GET", path)


def test_it_is_open_to_everyone_and_asks_no_table(deployment: Deployment) -> None:
    calls = deployment.dynamo.faults.calls
    assert (read(deployment).status, read(deployment, OPENAPI).status) == (200, 200)
    assert deployment.dynamo.faults.calls == calls
    assert read(deployment).headers["Content-Type"] == ["text/html; charset=utf-8"]


def test_the_document_is_served_as_it_is_committed(deployment: Deployment) -> None:
    served = read(deployment, OPENAPI)
    assert served.headers["Content-Type"] == ["application/json; charset=utf-8"]
    assert served.text == DOCUMENT.read_text()


def test_only_reading_is_open(deployment: Deployment) -> None:
    for method in ("POST", "DELETE", "PATCH"):
        assert deployment.send(method, DOCS).status == 404


def test_nothing_on_the_page_may_run_or_come_from_elsewhere(deployment: Deployment) -> None:
    page = read(deployment)
    rules = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"][0].split("; "))
    digest = base64.b64encode(sha256(STYLE.encode()).digest()).decode()
    assert rules == {
        "default-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "style-src": f"'sha256-{digest}'",
    }
    assert page.headers["Referrer-Policy"] == ["no-referrer"]
    seen = Seen(page.text)
    tags = {tag for tag, _ in seen.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "svg"}
    assert not [name for _, given in seen.elements for name in given if name.startswith("on") or name == "style"]
    assert all(str(link).startswith("#") for link in seen.attributes("href") - {"openapi.json"})
    assert page.text.count("<style>") == 1
    assert f"<style>{STYLE}</style>" in page.text


def test_every_route_and_every_schema_is_listed_and_every_link_leads_somewhere(deployment: Deployment) -> None:
    seen = Seen(read(deployment).text)
    listed = {text for text in seen.texts if text.startswith("/")}
    assert listed == set(SPEC["paths"])
    operations = [one for item in SPEC["paths"].values() for name, one in item.items() if name != "servers"]
    places = {f"operation-{one['operationId']}" for one in operations}
    assert len(places) == len(operations)
    places |= {f"schema-{name}" for name in SPEC["components"]["schemas"]}
    assert seen.attributes("id") == places
    assert {str(link).removeprefix("#") for link in seen.attributes("href")} - {"openapi.json"} <= places


def test_texts_of_the_document_are_never_markup() -> None:
    evil = "<script>alert(1)</script>\"'&"
    schema = {"type": evil, "description": evil, "pattern": evil, "enum": [evil], "default": evil}
    fields = {"type": "object", "description": evil, "properties": {evil: schema, "b": {"type": "string", **schema}}}
    parameter = {"name": evil, "in": evil, "description": evil, "schema": schema}
    answer = {"description": evil, "content": {evil: {"schema": {"$ref": evil}}}}
    operation = {
        "operationId": evil,
        "summary": evil,
        "description": evil,
        "security": [{evil: []}],
        "x-required-role": evil,
        "parameters": [parameter],
        "requestBody": {"content": {evil: {"schema": {"type": "string", "pattern": evil}}}},
        "responses": {evil: answer},
    }
    document = {
        "info": {"title": evil, "version": evil, "description": evil},
        "paths": {evil: {"post": operation}},
        "components": {"schemas": {evil: fields, "c": {"const": evil}}},
    }
    page = api_reference(document, STYLE)
    known = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "a", "nav", "ul", "li", "span"}
    known |= {"main", "section", "code", "table", "thead", "tbody", "tr", "th", "td", "br"}
    assert {tag for tag, _ in Seen(page).elements} <= known
    assert "<script" not in page
