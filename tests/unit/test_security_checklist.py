"""Lines of the security checklist that hold of all modules at once, read off the code or off every write there is."""

import ast
import re
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cashback.domain.api_keys import Role
from cashback.domain.incentive_requests import RequestStatus
from cashback.domain.ledger import Kind
from cashback.domain.payouts import PayoutStatus
from cashback.domain.rules import calculate
from cashback.edge.models import Request
from cashback.services.adjust_balance import Adjustment, adjust_balance
from dev.project import ROOT
from tests.simulation.dynamo import SimulatedDynamo
from tests.simulation.test_every_call import STORIES, told
from tests.unit.builders import CUSTOMER, NOW, Shop, line, news, paid, refund, units
from tests.unit.cpu import readings
from tests.unit.deployment import Deployment
from tests.unit.jobs import JobShop
from tests.unit.people import tell
from tests.unit.test_models import family
from tests.unit.test_payout_money import Desk, approved

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
    before = len(deployment.writes)
    for n, amount in enumerate(("5.00", "-2.00", "-90.00")):
        deployment.call("POST", path, {"amount": amount}, key=admin, idempotency_key=f"k{n}", x_actor="anna")
    entries = deployment.dynamo.items("Ledger")
    assert [entry["status"]["S"] for entry in entries].count("POSTED") == 2
    assert all(re.fullmatch(r"anna \(key:key_\w+\)", entry["actor"]["S"]) for entry in entries)
    written = deployment.writes[before:]
    # An entry is the line of the audit that money has; a refusal has one too.
    noted = [one.call for one in written if one.table == "Ledger"]
    assert noted == [one.call for one in written if one.key[1] == "ACCOUNT"]
    assert len(set(noted)) == 3


@pytest.mark.row("S14")
def test_the_audit_is_written_by_the_very_transaction_that_makes_the_change(deployment: Deployment) -> None:
    admin = deployment.create_store()
    begun = len(deployment.writes)
    body = {"name": "till", "role": "viewer"}

    def assert_one_transaction(changed: str) -> None:
        nonlocal begun
        written, begun = deployment.writes[begun:], len(deployment.writes)
        assert len({one.call for one in written}) == 1
        partitions = [str(one.key[0]).split("#") for one in written]
        assert {parts[2] for parts in partitions if parts[0] == "S"} == {"AUDIT", changed}

    deployment.call("PATCH", "/v1/store", {"base_rate": "0.1"}, key=admin, if_match="1").expect(200)
    assert_one_transaction("CFG")
    made = deployment.call("POST", "/v1/api-keys", body, key=admin).expect(201)
    assert_one_transaction("KEYS")
    deployment.call("DELETE", f"/v1/api-keys/{made['api_key_id']}", key=admin).expect(204)
    assert_one_transaction("KEYS")


type Writes = list[tuple[str, dict[str, Any]]]
"""What one call writes: of each write its kind and what it says."""


def spied(monkeypatch: pytest.MonkeyPatch) -> list[Writes]:
    """The writes of every call, those of a transaction together."""
    seen: list[Writes] = []
    transact = SimulatedDynamo.transact_write_items

    def together(self: SimulatedDynamo, **request: Any) -> Any:
        seen.append([next(iter(action.items())) for action in request["TransactItems"]])
        return transact(self, **request)

    def alone(kind: str) -> Callable[..., Any]:
        write = getattr(SimulatedDynamo, f"{kind.lower()}_item")

        def single(self: SimulatedDynamo, **request: Any) -> Any:
            seen.append([(kind, request)])
            return write(self, **request)

        return single

    monkeypatch.setattr(SimulatedDynamo, "transact_write_items", together)
    for kind in ("Put", "Update", "Delete"):
        monkeypatch.setattr(SimulatedDynamo, f"{kind.lower()}_item", alone(kind))
    return seen


def adjust(shop: Shop, amount: int) -> None:
    asked = Adjustment(amount, None, "key:anna", f"by {amount}", NOW)
    adjust_balance(shop.books, shop.settings, CUSTOMER, asked, Role.ADMIN)


def adjusted() -> None:
    shop = Shop()
    tell(shop)
    adjust(shop, 500)
    adjust(shop, -200)


def paid_out() -> None:
    """One that is turned down, one that arrives, comes back and arrives late where less is left than it takes."""
    desk = Desk()
    adjust(desk.shop, 1_000)
    desk.decide(desk.ask(100), RequestStatus.REJECTED)
    payout_id = desk.pay(approved(desk, 400))
    for status in (PayoutStatus.SUCCESS, PayoutStatus.FAILED):
        desk.turn(payout_id, status)
    adjust(desk.shop, -900)
    for status in (PayoutStatus.SUCCESS, PayoutStatus.FAILED):
        desk.turn(payout_id, status)


def moved_for_a_group() -> None:
    shop = JobShop((0, 0))
    for amount in ("5.00", "-3.00"):
        job = shop.start(amount, key=amount)
        shop.drain()
        assert shop.job(job).finished_at


MOVES: dict[str, tuple[Callable[[], object], set[str]]] = {
    **{name: (partial(told, steps), {"order"}) for name, (steps, _) in STORIES.items()},
    "adjusted": (adjusted, {"manual"}),
    "paid out": (paid_out, {"payout", "recovery"}),
    "a group": (moved_for_a_group, {"group"}),
}
"""What moves money, and of which kind some of it is."""

PINNED = "version = :version"
ENOUGH = "available >= :need"
HELD = "reserved >= :release"
NOTHING_OWED = "(attribute_not_exists(shortfall) OR shortfall = :zero)"


def total(entries: list[dict[str, Any]], name: str) -> int:
    return sum(int(entry.get(name, {"N": "0"})["N"]) for entry in entries)


def assert_guarded(entries: list[dict[str, Any]], account: dict[str, Any]) -> None:
    """Fail if the account may change under these entries although what they were decided from has changed."""
    kinds = {entry["kind"]["S"] for entry in entries}
    parts, values = set(account["ConditionExpression"].split(" AND ")), account["ExpressionAttributeValues"]
    available, reserved = total(entries, "amount"), total(entries, "reserved")
    assert {"attribute_exists(pk)", "attribute_not_exists(merged_into)"} <= parts
    if kinds & {"merge", "recovery"} or total(entries, "owed"):
        assert PINNED in parts, kinds
    if kinds & {"manual", "group"}:
        assert "attribute_not_exists(erased_at)" in parts, kinds
    if available < 0:
        assert parts & {PINNED, ENOUGH}, kinds
    if available < 0 and PINNED not in parts:
        assert int(values[":need"]["N"]) == -available
    if reserved < 0 and "merge" not in kinds:
        assert HELD in parts, kinds
        assert int(values[":release"]["N"]) == -reserved
    if "order" in kinds or ("payout" in kinds and (available > 0 or reserved > 0)):
        assert parts & {PINNED, NOTHING_OWED}, kinds


@pytest.mark.row("S13", "S37")
@pytest.mark.parametrize("name", MOVES)
def test_money_moves_only_under_a_condition_on_what_was_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    move, expected = MOVES[name]
    seen = spied(monkeypatch)
    move()
    kinds: set[str] = set()
    for writes in seen:
        put = [request for kind, request in writes if request["TableName"] == "Ledger" and kind == "Put"]
        assert len(put) == sum(request["TableName"] == "Ledger" for _, request in writes)
        assert all(request["ConditionExpression"] == "attribute_not_exists(pk)" for request in put)
        entries = [request["Item"] for request in put if request["Item"]["status"]["S"] == "POSTED"]
        kinds |= {entry["kind"]["S"] for entry in entries}
        changed = set()
        for kind, request in writes:
            place = request.get("Key") or request["Item"]
            condition = request.get("ConditionExpression")
            if place["sk"]["S"] == "ORDER" or (place["sk"]["S"] == "ACCOUNT" and kind == "Put"):
                assert condition in {"attribute_not_exists(pk)", "rev = :rev"}
            elif place["sk"]["S"] == "ACCOUNT" and kind == "Update":
                customer = place["pk"]["S"].rpartition("#")[2]
                changed.add(customer)
                assert_guarded([one for one in entries if one["pk"]["S"].endswith(f"#{customer}")], request)
        assert {one["pk"]["S"].rpartition("#")[2] for one in entries} <= changed
    assert expected <= kinds


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
    admin = deployment.create_store()

    def refused() -> None:
        reply = deployment.send("PATCH", "/v1/store", COSTLY[what], {"if_match": "1"}, authorizer=context)
        assert reply.status in {400, 422}

    context = {"store_id": "demo", "api_key_id": "key_1", "role": "admin"}
    assert admin
    before = deployment.everything()
    assert readings(refused) < 10
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
