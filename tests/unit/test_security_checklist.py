"""Lines of the security checklist that hold of all modules at once, read off the code or off every write there is."""

import ast
import re
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cashback.domain.ledger import Kind
from cashback.domain.rules import calculate
from cashback.edge.models import Request
from dev.project import ROOT
from tests.simulation.dynamo import SimulatedDynamo
from tests.simulation.test_every_call import STORIES, told
from tests.unit.builders import Shop, line, news, paid, refund, units
from tests.unit.deployment import Deployment
from tests.unit.test_models import family

LAYER = ROOT / "layers/shared/cashback"
MEBIBYTE = 1_048_576


def sources() -> list[Path]:
    return [*LAYER.rglob("*.py"), *(ROOT / "functions").rglob("*.py")]


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text()))


@pytest.mark.row("S11")
def test_partitions_are_spelled_by_the_modules_of_keys_alone() -> None:
    spelling = {
        path.name
        for path in sources()
        for node in nodes(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.match(r"[SK]#", node.value)
    }
    assert spelling <= {path.name for path in LAYER.rglob("*keys.py")}
    assert spelling


@pytest.mark.row("S2")
@pytest.mark.parametrize("path", [path for path in sources() if "hmac" in path.read_text()], ids=lambda path: path.stem)
def test_where_digests_are_made_none_is_compared_by_an_operator(path: Path) -> None:
    compared = [ast.unparse(node) for node in nodes(path) if isinstance(node, ast.Compare)]
    assert not [text for text in compared if re.search(r"digest|signature\b|\bmac\b", text)]


PRIVATE = {"body", "headers", "payload", "email", "phone", "name", "token", "secret", "iban", "holder", "note", "text"}


@pytest.mark.row("S21")
def test_no_line_of_the_log_has_a_field_for_what_is_private() -> None:
    calls = [
        node
        for path in sources()
        for node in nodes(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"log", "metric"}
    ]
    named = {keyword.arg for call in calls for keyword in call.keywords}
    assert {"store", "order", "code"} <= named
    assert not named & PRIVATE


@pytest.mark.row("S14")
@pytest.mark.parametrize("model", family(Request), ids=lambda model: model.__name__)
def test_no_request_says_who_makes_it(model: type[Request]) -> None:
    assert not {"actor", "created_by", "requested_by", "reviewed_by", "updated_by"} & set(model.model_fields)


@pytest.mark.row("S14")
def test_whatever_a_person_posts_names_the_key_and_stands_in_the_audit_with_the_money(deployment: Deployment) -> None:
    admin = deployment.create_store()
    deployment.call("POST", "/v1/customers", {"customer_id": "c1"}, key=admin).expect(201)
    path = "/v1/customers/c1/adjustments"
    for n, amount in enumerate(("5.00", "-2.00", "-90.00")):
        deployment.call("POST", path, {"amount": amount}, key=admin, idempotency_key=f"k{n}", x_actor="anna")
    entries = deployment.dynamo.items("Ledger")
    assert [entry["status"]["S"] for entry in entries].count("POSTED") == 2
    assert all(re.fullmatch(r"anna \(key:key_\w+\)", entry["actor"]["S"]) for entry in entries)


def spied(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Every write of every transaction, and every single one: its kind and what it says."""
    seen: list[tuple[str, dict[str, Any]]] = []
    transact = SimulatedDynamo.transact_write_items

    def together(self: SimulatedDynamo, **request: Any) -> Any:
        seen.extend(next(iter(action.items())) for action in request["TransactItems"])
        return transact(self, **request)

    def alone(kind: str) -> Callable[..., Any]:
        write = getattr(SimulatedDynamo, f"{kind.lower()}_item")

        def single(self: SimulatedDynamo, **request: Any) -> Any:
            seen.append((kind, request))
            return write(self, **request)

        return single

    monkeypatch.setattr(SimulatedDynamo, "transact_write_items", together)
    for kind in ("Put", "Update", "Delete"):
        monkeypatch.setattr(SimulatedDynamo, f"{kind.lower()}_item", alone(kind))
    return seen


@pytest.mark.row("S13", "S37")
@pytest.mark.parametrize("name", STORIES)
def test_money_moves_only_under_a_condition_on_what_was_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = spied(monkeypatch)
    told(STORIES[name][0])
    entries = [(kind, request) for kind, request in seen if request["TableName"] == "Ledger"]
    accounts = [
        (kind, request)
        for kind, request in seen
        if (request.get("Key") or request["Item"])["sk"]["S"] in {"ACCOUNT", "ORDER"}
    ]
    assert entries
    assert {kind for kind, _ in entries} == {"Put"}
    assert all(request["ConditionExpression"] == "attribute_not_exists(pk)" for _, request in entries)
    assert accounts
    assert not [request for _, request in accounts if not request.get("ConditionExpression")]


@pytest.mark.row("S38")
def test_every_award_can_be_calculated_again_from_the_version_that_it_names() -> None:
    shop = Shop(base_rate="0.05")
    for n, rate in enumerate(("0.05", "0.1", "0.0333")):
        shop.change(base_rate=rate)
        shop.hear(paid(line("1", 9_999 + n), order_id=f"A-{n}"))
    shop.hear(news(None, refund("r", units("1", 1, 5_000)), order_id="A-1"))
    earned = [entry for entry in shop.entries["7001"].values() if entry.kind is Kind.ORDER]
    assert [entry.rule_version for entry in earned] == [1, 2, 3]
    for entry in earned:
        order = shop.orders[entry.order_id or ""]
        assert order.facts.body is not None
        terms = shop.books.stores.settings("demo", entry.rule_version)
        assert calculate(order.facts.body, terms).award == entry.amount


COSTLY = {
    "34": '{"max_award": 1e300000}',
    "35": '{"name": ' + "9" * 5_000 + "}",
    "37": '{"name": ' + "[" * 2_000 + "]" * 2_000 + "}",
    "38": '{"app_sources": [' + '"a",' * 199_999 + '"a"]}',
    "deeper": "[" * 500_000,
    "wider": '{"a":[' + "1," * 200_000 + "1]}",
    "longer": '{"name": ' + "9" * 900_000 + "}",
}


@pytest.mark.row("34", "35", "37", "38", "S33")
@pytest.mark.parametrize("what", COSTLY)
def test_what_is_costly_to_read_is_refused_in_little_time_and_memory(deployment: Deployment, what: str) -> None:
    """The quickest of some tries, which tells what it costs on a machine that does other things too."""
    admin = deployment.create_store()

    def refused() -> float:
        began = time.process_time()
        reply = deployment.send("PATCH", "/v1/store", COSTLY[what], {"if_match": "1"}, authorizer=context)
        assert reply.status in {400, 422}
        return time.process_time() - began

    context = {"store_id": "demo", "api_key_id": "key_1", "role": "admin"}
    assert admin
    before = deployment.everything()
    assert min(refused() for _ in range(5)) < 0.05
    tracemalloc.start()
    refused()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * MEBIBYTE
    assert deployment.everything() == before


@pytest.mark.row("S28", "S29")
def test_no_answer_lets_a_page_of_another_origin_read_it(deployment: Deployment) -> None:
    admin = deployment.create_store()
    asked = {"origin": "https://evil.example", "access_control_request_method": "GET"}
    for reply in (
        deployment.call("GET", "/v1/store", key=admin, **asked),
        deployment.call("GET", "/v1/nothing", key=admin, **asked),
        deployment.call("OPTIONS", "/v1/store", key=admin, **asked),
    ):
        assert not [name for name in reply.headers if name.lower().startswith("access-control")]
    balance = deployment.call("GET", "/v1/orders", key=admin)
    assert balance.headers["Content-Type"] == ["application/json; charset=utf-8"]
    assert balance.headers["Cache-Control"] == ["no-store"]
