"""Canaries in every field that holds personal data, driven through everything: they turn up where the design puts them,
and nowhere else; after the erasure nowhere at all (invariant 19)."""

import itertools
import json
import pkgutil
import re
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any
from urllib.request import urlopen

import pytest
from stdnum import iban

from cashback.adapters import dynamo
from cashback.adapters.dynamo.packing import Packing
from cashback.domain.domain_events import (
    BALANCE_ADJUSTED,
    CASHBACK_AWARDED,
    INCENTIVE_REQUEST_STATUS_CHANGED,
    PAYOUT_STATUS_CHANGED,
)
from dev.client import Answer, Store, wait_until
from tests.e2e.deployed import FUNCTIONS, DeployedStack
from tests.e2e.groups import finished
from tests.e2e.payouts import PAYOUTS, REQUESTS, turn
from tests.e2e.scenarios import Buyer, Purchase, ago, make, tell, texts_to
from tests.e2e.shop import Sale, Shop

NAME, EMAIL, PHONE = "Zoe Kanariq", "zoe.kanariq@example.com", "+4915550199887"
NOTE = 'kanariq note\r\n{"level":"ERROR","event":"kanariq"}\x1b[31m red'
IBAN, ACCOUNT_NUMBER = "DE75512108001245126199", "000987650012"
BANK = {"type": "bank", "holder": NAME, "iban": IBAN, "swift": "COBADEFFXXX"}
HOME = {"type": "bank", "holder": NAME, "account_number": ACCOUNT_NUMBER, "routing_number": "111000025"}
WALLET = {"type": "digital", "provider": "PayPal", "handle": "kanariq.pay@example.com"}
CANARIES = ("kanariq", "15550199887", IBAN.lower(), ACCOUNT_NUMBER)
"""In small letters, as they are looked for."""

MAY_HOLD = {
    ("State", "C", "PROFILE", "name"): "who somebody is",
    ("State", "C", "PROFILE", "email"): "where they get messages",
    ("State", "C", "PROFILE", "phone"): "where they get messages",
    ("State", "C", "NOTE", "comment"): "what an admin said of a posting, beside the entry so that it can be erased",
    ("State", "O", "ORDER", "reason"): "why a reviewer held or rejected an order",
    ("State", "O", "ORDER", "detail"): "what reviewers said",
    ("State", "R", "REQUEST", "document"): "its description, and why it was cancelled",
    ("State", "Y", "PAYOUT", "document"): "who is paid and what for, and why it failed",
    ("State", "Y", "AUDIT", "document"): "the payout before and after each change",
}
"""What holds a canary until the erasure, by table, kind of partition, kind of sort key and attribute."""

MASKED = re.compile(r"\*+.{4}")
NUMBERS = ("iban", "account_number", "routing_number", "swift", "handle")
PATIENCE = 120
"""Seconds for what was held up to be worked through, on a machine that is busy."""
HELD_UP = ("action_worker", "group_job_worker", "notifier")


def found_in(text: str) -> list[str]:
    lowered = text.lower()
    return [canary for canary in CANARIES if canary in lowered]


@contextmanager
def paused(stack: DeployedStack, *functions: str) -> Iterator[None]:
    """Let what is told to these functions lie in their queues."""
    stack.pause(*functions)
    try:
        yield
    finally:
        stack.resume(*functions)


def queued(stack: DeployedStack) -> dict[str, list[str]]:
    """The messages of every queue, dead letters too, without taking them."""
    with urlopen(f"{stack.aws.url}/_ministack/sqs/messages") as answer:
        accounts = json.load(answer)["messages"]
    return {
        url.rpartition("/")[2]: [json.dumps(message) for message in messages]
        for regions in accounts.values()
        for queues in regions.values()
        for url, messages in queues.items()
    }


@cache
def packings() -> list[Packing[Any]]:
    """How attributes are packed, wherever that is."""
    modules = [import_module(f"{dynamo.__name__}.{module.name}") for module in pkgutil.iter_modules(dynamo.__path__)]
    return [one for module in modules for one in vars(module).values() if isinstance(one, Packing)]


def unpacked(value: bytes) -> str:
    """A compressed attribute as text."""
    for packing in packings():
        with suppress(zlib.error):
            return zlib.decompressobj(zdict=packing._dictionary).decompress(value).decode()
    return value.decode(errors="replace")


def texts(value: Any) -> Iterator[str]:
    """Every text in an attribute."""
    if isinstance(value, bytes):
        yield unpacked(value)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)
    else:
        yield str(value)


def stored(stack: DeployedStack) -> Iterator[tuple[tuple[str, str, str, str], str]]:
    """Every text of both tables, whichever store's, by table, kind of partition, kind of sort key, and attribute."""
    for table in (stack.ledger_table, stack.state_table):
        for page in stack.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            for item in page["Items"]:
                kind = f"{item['pk']['S']}##".split("#")[2]
                for name, value in item.items():
                    for text in texts(value):
                        yield (table.split("-")[1], kind, item["sk"]["S"].partition("#")[0], name), text


def holders(stack: DeployedStack) -> set[tuple[str, str, str, str]]:
    """Where canaries are."""
    return {place for place, text in stored(stack) if found_in(text)}


def ibans(text: str) -> list[str]:
    """What looks like an account number of any country, and is one by its check digits."""
    return [one for one in re.findall(r"\b[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}\b", text) if iban.is_valid(one)]


@dataclass(frozen=True)
class Story:
    """A shop whose people are canaries, what it refused, and what lay in the queues meanwhile."""

    shop: Shop
    customers: Sequence[str]
    refused: Sequence[Answer]
    messages: Mapping[str, Sequence[str]]


def ask(shop: Shop, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    sent = {"idempotency-key": uuid.uuid4().hex, **headers}
    return shop.store.api(method, path, body, headers={name.replace("_", "-"): value for name, value in sent.items()})


def shopify(shop: Shop) -> tuple[Sale, Sale]:
    """An order to approve and one to reject, of people whom the shop has told of, and one of a guest."""
    person = {"first_name": "Zoe", "last_name": "Kanariq", "email": EMAIL, "phone": PHONE}
    address = {"name": NAME, "address1": "Kanariq street 1", "phone": PHONE}
    known, unknown, guest = Sale(phone=PHONE), Sale(), Sale(customer_id=None)
    told = {"id": known.customer_id, **person, "note": NOTE, "updated_at": "2026-02-03T10:00:00Z"}
    shop.tell("customers/create", told)
    more: dict[str, Any] = {"customer": told, "email": EMAIL, "billing_address": address, "shipping_address": address}
    shop.tell("orders/paid", known.body(at=1, note=NOTE, **more))
    shop.tell("orders/paid", unknown.body(at=1, note=NOTE))
    shop.tell("orders/paid", guest.body(at=1, note=NOTE, email=EMAIL, phone=PHONE, contact_email=EMAIL))
    return known, unknown


def reviewed(shop: Shop, known: Sale, unknown: Sale) -> None:
    """What reviewers write on them."""
    shop.approve(known, "10.00", comment=NOTE).expect(200)
    ask(shop, "POST", f"{unknown.path}/hold", {"reason": NOTE}).expect(200)
    ask(shop, "POST", f"{unknown.path}/release", {}).expect(200)
    ask(shop, "POST", f"{unknown.path}/reject", {"reason": NOTE}).expect(200)


def gathered(shop: Shop, customer_id: str) -> dict[str, Any]:
    """A job of a group that many were to be added to by their addresses."""
    group_id = ask(shop, "POST", "/v1/groups", {"name": "Club"}).expect(201)["group_id"]
    path, rows = f"/v1/groups/{group_id}", f"email\n{EMAIL}\nnobody.kanariq@example.com\n".encode()
    ask(shop, "POST", f"{path}/members", rows, content_type="text/csv").expect(200)
    many = rows + b"".join(b"%d.kanariq@example.com\n" % n for n in range(1_000))
    ask(shop, "POST", f"{path}/members", many, content_type="text/csv").expect(202)
    ask(shop, "PUT", f"{path}/members/{customer_id}").expect(201)
    told = {"apply_type": "relative", "amount": "1.00"}
    job: dict[str, Any] = ask(shop, "POST", f"{path}/cashback", told).expect(202)
    return job


def paid(shop: Shop, customer_id: str) -> None:
    """Payouts that succeed and fail, and a request that is cancelled."""
    arrived, returned = withdraw(shop, customer_id), withdraw(shop, customer_id)
    turn(shop, arrived, "on_process", external_reference="ref-1").expect(200)
    turn(shop, returned, "failed", reason=NOTE).expect(200)
    cancelled = withdraw(shop, customer_id, pay=False)
    ask(shop, "POST", f"{REQUESTS}/{cancelled}/cancel", {"reason": NOTE}).expect(200)
    columns = "reference,payout_id,amount,currency,status,occurred_at"
    rows = [f"{ref},,5.00,USD,{status},{ago()}" for ref, status in (("ref-1", "SUCCESS"), ("kanariq-2", "kanariq"))]
    report = "\n".join([columns, *rows]).encode()
    told = ask(shop, "POST", f"{PAYOUTS}/reconcile", report, content_type="text/csv").expect(200)
    assert len(told["updated"]) == 1


def drive(shop: Shop) -> Story:
    """Everything that personal data go through, with a look into the queues before their workers."""
    stack, buyer = shop.stack, Buyer(phone=PHONE, name=NAME)
    hello = {"send_message": {"channel": "sms", "text": "Hello {{userName}}"}, "credit_cashback": {"amount": "1.00"}}
    make(shop, "order.paid", actions=hello)
    ask(shop, "POST", "/v1/webhook-endpoints", {"url": "https://shop.example.com/in"}).expect(201)
    with paused(stack, "credit_worker"):
        with paused(stack, *HELD_UP):
            known, unknown = shopify(shop)
            bought = Purchase(buyer)
            tell(shop, bought.event("paid", customer={**buyer.body, "email": EMAIL}), bought.event("cancelled"))
            own = {"customer_id": "C-9", "name": NAME, "email": EMAIL, "email_verified": True, "phone": PHONE}
            ask(shop, "POST", "/v1/customers", {**own, "phone_verified": True}).expect(201)
            ask(shop, "PATCH", "/v1/customers/C-9", {"name": f"{NAME} II"}).expect(200)
            reviewed(shop, known, unknown)
            customer_id = str(known.customer_id)
            adjust = f"/v1/customers/{customer_id}/adjustments"
            ask(shop, "POST", adjust, {"amount": "50.00", "comment": NOTE}).expect(201)
            ask(shop, "POST", adjust, {"amount": "-500.00", "comment": NOTE}).expect(409)
            for owner, account in itertools.product((customer_id, "C-9"), (BANK, HOME, WALLET)):
                ask(shop, "POST", f"/v1/customers/{owner}/payment-accounts", account).expect(201)
            job = gathered(shop, customer_id)
            paid(shop, customer_id)
            messages = held_up(stack, "Notifications", "ScenarioActions", "GroupJobs")
        messages |= held_up(stack, "Credits")
    finished(shop, job, seconds=PATIENCE)
    customers = (customer_id, str(unknown.customer_id), buyer.customer_id, "C-9")
    return Story(shop, customers, refusals(shop), messages)


def held_up(stack: DeployedStack, *names: str) -> dict[str, list[str]]:
    """What lies in these queues, once something does in each; and in the dead letters."""

    def look() -> dict[str, list[str]]:
        found = {url.split("-")[1]: messages for url, messages in queued(stack).items()}
        chosen = {name: found[name] for name in names}
        dead = {name: messages for name, messages in found.items() if name.endswith("Dlq")}
        return chosen | dead if all(chosen.values()) else {}

    return wait_until(look, seconds=PATIENCE)


def withdraw(shop: Shop, customer_id: str, *, pay: bool = True) -> str:
    """A payout of a new request, or the approved request alone."""
    asked = {"customer_id": customer_id, "program": "Friends", "amount": "5.00", "from_balance": True}
    request_id = str(shop.store.post(REQUESTS, {**asked, "description": NOTE}).expect(201)["incentive_request_id"])
    shop.store.post(f"{REQUESTS}/{request_id}/approve").expect(200)
    if not pay:
        return request_id
    made = shop.store.post(PAYOUTS, {"incentive_request_id": request_id, "description": NOTE})
    return str(made.expect(201)["payout_id"])


def refusals(shop: Shop) -> list[Answer]:
    """Canaries where they do not belong: nothing of them is repeated."""
    calls: Sequence[tuple[str, str, Any, dict[str, str]]] = (
        ("POST", "/v1/customers", {"customer_id": "C-9", "name": "Kanariq III"}, {}),
        ("POST", "/v1/customers", {"customer_id": "kanariq#1"}, {}),
        ("POST", "/v1/customers", {"customer_id": "C-10", "kanariq": NOTE}, {}),
        ("POST", "/v1/customers", {"customer_id": "C-10", "email": "kanariq"}, {}),
        ("POST", "/v1/customers", {"customer_id": "C-10", "birthday": "kanariq"}, {}),
        ("POST", "/v1/customers", b'{"customer_id": "kanariq', {}),
        ("POST", "/v1/customers", b"kanariq", {"content-type": "text/kanariq"}),
        ("POST", "/v1/customers", {"customer_id": "C-11"}, {"x-actor": "kanariq\xe9"}),
        ("POST", "/v1/customers", {"customer_id": "C-11"}, {"idempotency-key": "kanariq 1"}),
        ("POST", "/v1/customers/C-9/adjustments", {"amount": "kanariq"}, {"idempotency-key": "1"}),
        ("POST", "/v1/customers/C-9/adjustments", {"amount": "1.00", "comment": NOTE * 100}, {"idempotency-key": "2"}),
        ("POST", "/v1/customers/C-9/payment-accounts", {**BANK, "iban": "DE76512108001245126199"}, {}),
        ("POST", "/v1/customers/C-9/payment-accounts", {**BANK, "swift": "KANARIQX"}, {}),
        ("POST", "/v1/customers/C-9/payment-accounts", {**WALLET, "handle": NOTE}, {}),
        ("GET", "/v1/orders?kanariq=1", None, {}),
        ("GET", "/v1/orders?customer_id=kanariq%20", None, {}),
        ("GET", "/v1/orders?cursor=kanariq", None, {}),
        ("GET", "/v1/orders/kanariq%20", None, {}),
        ("GET", "/v1/customers/kanariq", None, {}),
        ("GET", "/v1/payouts?limit=5&status=kanariq", None, {}),
        ("PATCH", "/v1/store", {"name": NOTE * 100}, {"if-match": "kanariq"}),
        (
            "POST",
            "/v1/payouts/reconcile",
            b"kanariq,reference\n1,2\n",
            {"content-type": "text/csv", "idempotency-key": "3"},
        ),
    )
    answers = [shop.store.api(method, path, body, headers=headers) for method, path, body, headers in calls]
    unsigned = {"x-shopify-hmac-sha256": "kanariq", "x-shopify-topic": "kanariq", "content-type": "application/json"}
    answers.append(shop.store.deliver("shopify", b'{"note": "kanariq"}', unsigned))
    assert [answer.status for answer in answers if answer.status < 400] == []
    # A webhook that is signed and says nothing: the worker alone finds out.
    for body in (b'{"kanariq": ', {"id": NOTE, "note": "kanariq"}, {"id": 1, "line_items": NOTE}):
        shop.verdicts(shop.send("orders/paid", body))
    return answers


@pytest.fixture(scope="module")
def story(stack: DeployedStack, make_store: Callable[..., Store]) -> Story:
    everything = {name: {"channel": "sms"} for name in ("order_credited", "balance_adjusted", "payout_failed")}
    return drive(Shop(stack, make_store(settings={"auto_processing": False, "notifications": everything})))


def shown(story: Story) -> Iterator[tuple[str, str]]:
    """What every role is shown of these people, by path; but for what an admin asks to see unmasked."""
    shop = story.shop
    ids = [one["payout_id"] for one in shop.store.api("GET", f"{PAYOUTS}?limit=50").expect(200)["items"]]
    paths = [f"{PAYOUTS}?limit=50", f"{PAYOUTS}?q=kanariq&limit=50", f"{REQUESTS}?limit=50", "/v1/webhook-deliveries"]
    paths += [f"{PAYOUTS}/{one}{more}" for one in ids for more in ("", "/history")]
    for customer_id in story.customers:
        own = f"/v1/customers/{customer_id}"
        paths += [own, f"{own}/payment-accounts", f"{own}/transactions"]
    for store in (shop.with_key("viewer"), shop.with_key("operator"), shop.store):
        for path in paths:
            yield path, json.dumps(store.api("GET", path).expect(200), ensure_ascii=False)
    for customer_id in story.customers:
        path = f"/v1/customers/{customer_id}/export"
        yield path, json.dumps(shop.store.api("GET", path).expect(200), ensure_ascii=False)


def numbers(value: Any) -> Iterator[str]:
    """The fields of an answer that name an account."""
    if isinstance(value, dict):
        yield from (part for name, part in value.items() if name in NUMBERS and isinstance(part, str))
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from numbers(part)


@pytest.mark.row("S19", "S21", "S34", "81", "91", "P19")
def test_personal_data_are_where_they_belong_and_nowhere_else(story: Story) -> None:
    stack = story.shop.stack
    assert holders(stack) == MAY_HOLD.keys()
    assert [place for place, text in stored(stack) if ibans(text)] == []

    assert [text for texts_of in story.messages.values() for text in texts_of if found_in(text) or ibans(text)] == []
    told = {name: " ".join(texts_of) for name, texts_of in story.messages.items()}
    for kind in (CASHBACK_AWARDED, BALANCE_ADJUSTED, INCENTIVE_REQUEST_STATUS_CHANGED, PAYOUT_STATUS_CHANGED):
        assert kind in told["Notifications"]
    assert NAME in str(texts_to(stack, PHONE))

    assert [answer for answer in story.refused if found_in(answer.body.decode())] == []

    for function in FUNCTIONS:
        lines = stack.lines(function, "")
        assert [line for line in lines if found_in(line) or ibans(line)] == []
        # One line each, whatever was in what it tells of.
        logged = [line.rstrip("\n") for line in lines if line.startswith("{")]
        assert [line for line in logged if "\n" in line or "\x1b" in line or not json.loads(line)] == []
    assert stack.lines("customers_api", story.shop.store.store_id)


@pytest.mark.row("S20", "91")
def test_an_account_is_shown_by_its_last_four_characters(story: Story) -> None:
    for path, text in shown(story):
        assert not [one for one in (IBAN, ACCOUNT_NUMBER, WALLET["handle"]) if one in text], path
        assert ibans(text) == []
        found = list(numbers(json.loads(text)))
        assert all(MASKED.fullmatch(one) for one in found), (path, found)
        assert found or "payment-accounts" not in path or story.customers.index(path.split("/")[3]) in {1, 2}


@pytest.mark.row("S22", "S23", "P19")
def test_an_erasure_leaves_nothing_of_a_person(story: Story) -> None:
    shop = story.shop
    for customer_id in story.customers:
        shop.store.api("DELETE", f"/v1/customers/{customer_id}").expect(204)
    wait_until(lambda: holders(shop.stack) == set(), seconds=30)
    for path, text in shown(story):
        assert not found_in(text), path
