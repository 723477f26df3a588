"""A store is closed: it hears nothing more, nobody can act for it, and nothing of any customer is left."""

import json
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from cashback.adapters.dynamo import keys, store_keys
from cashback.adapters.dynamo.codec import from_item
from cashback.adapters.dynamo.deliveries import Deliveries
from cashback.adapters.dynamo.documents import order_of
from cashback.adapters.dynamo.endpoints import Endpoints
from cashback.adapters.dynamo.notices import Notices
from cashback.adapters.queues import encode
from cashback.domain.audit import Origin
from cashback.domain.contacts import contacts_of
from cashback.domain.domain_events import DomainEvent
from cashback.domain.due import DueKind, DueThing, hour_of
from cashback.domain.errors import Busy, NotFound
from cashback.domain.news import CustomerNews, Delivery
from cashback.domain.orders import Review
from cashback.domain.outgoing import Endpoint, delivery_of
from cashback.domain.times import Instant, instant, moment
from cashback.edge import clock, deps
from cashback.services import close_store as closing
from cashback.services.close_store import CLOSED, ERASING, QUIET_AFTER, WAITING, close_store, erase_store
from cashback.services.erase_customer import erase_customer
from cashback.services.record_customer import record_customer
from cashback.services.record_order import record_order
from cashback.services.review_order import hold_order, reject_order
from tests.unit.builders import NOW, line, paid
from tests.unit.deployment import Deployment, Reply, function
from tests.unit.test_worker import body_of, record, work

PATH = "/platform/stores/demo/close"
OPERATOR = Origin("iam:ops", "r-1", "203.0.113.7")
QUIET = instant(moment(NOW) + QUIET_AFTER)
PRIVATE = ("Ada Lovelace", "ada@example.com", "15550104477", "1990-05-17", "a secret word", "CONTACT", "FIND")
STEPS = 300


def after(**time: float) -> Instant:
    return instant(moment(NOW) + timedelta(**time))


def store(deployment: Deployment, customers: int = 5) -> str:
    """A store with customers of whom everything is held that can be, and a guest; return its admin key."""
    key = deployment.create_store(settings={"auto_processing": False})
    settings = deployment.stores.settings("demo")
    for n in range(customers):
        come(deployment, f"c{n}")
        record_order(deployment.books, settings, paid(line(), order_id=f"o{n}", customer_id=f"c{n}"), NOW)
        refused = Review("rejected", "key:anna", NOW, f"r{n}", "b")
        reject_order(deployment.books, settings, f"o{n}", "a secret word about Ada", refused)
    record_order(deployment.books, settings, paid(line(), order_id="guest", customer_id=None), NOW)
    record_order(deployment.books, settings, paid(line(), order_id="held", customer_id="c0"), NOW)
    doubt = replace(paid(line(), order_id="doubt", customer_id=None), contacts=contacts_of("ada@example.com", None))
    record_order(deployment.books, settings, doubt, NOW)
    if customers > 1:
        refused = Review("rejected", "key:anna", NOW, "doubt", "b")
        reject_order(deployment.books, settings, "doubt", "a secret word: whose is it?", refused)
    held = Review("held", "key:anna", NOW, "h", "b")
    hold_order(deployment.books, settings, "held", "a secret word", held)
    return key


def come(deployment: Deployment, customer_id: str) -> None:
    """A customer is told of, with all that can be known of a person."""
    told = CustomerNews(
        customer_id,
        NOW,
        "Ada Lovelace",
        "ada@example.com",
        True,
        "+4915550104477",
        False,
        "1990-05-17",
        tags=("a secret word",),
    )
    record_customer(deployment.books, "demo", told, NOW)


def close(deployment: Deployment, **more: Any) -> Reply:
    return deployment.operator("POST", PATH, {"reason": "asked by the shop", **more})


def erase(deployment: Deployment, now: Instant = NOW) -> list[str]:
    """Take steps as a sweep does; what each said."""
    said: list[str] = []
    while not said or said[-1] == ERASING:
        said.append(erase_store(deployment.books, deps.api_keys(), "demo", now))
        assert len(said) < STEPS, "it does not end"
    return said


def closed(deployment: Deployment, customers: int = 5) -> str:
    """A store that was closed just now; return its admin key."""
    key = store(deployment, customers)
    close_store(deployment.books, "demo", "asked", OPERATOR, NOW)
    return key


def left(deployment: Deployment) -> list[str]:
    items = [from_item(item) for item in deployment.everything()]
    orders = [order_of(item) for item in items if item["sk"] == "ORDER"]
    everything = repr(items) + repr(orders)
    return [word for word in PRIVATE if word in everything]


def acts(deployment: Deployment, what: str) -> list[Any]:
    return [item for item in deployment.dynamo.items("State") if item.get("what") == {"S": what}]


def shard_of(customer_id: str) -> str:
    return keys.customers_listed("demo", customer_id)


def due(deployment: Deployment, now: Instant) -> list[DueThing]:
    return list(deps.due().due(hour_of(NOW), now))


# ---- closing


def test_a_store_is_closed_once_with_its_reason_and_says_since_when(deployment: Deployment) -> None:
    deployment.create_store()
    path = "/platform/stores/demo"
    assert deployment.operator("GET", path).expect(200)["closed_at"] is None
    first = close(deployment).expect(200)
    before = deployment.everything()
    assert close(deployment, reason="again").expect(200) == first
    assert deployment.everything() == before
    assert deployment.operator("GET", path).expect(200) == first
    assert first["closed_at"] is not None
    (act,) = acts(deployment, "store_closed")
    assert (act["after"], act["actor"]) == (
        {"S": '{"reason":"asked by the shop"}'},
        {"S": "iam:arn:aws:iam::000000000000:user/ops"},
    )


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": 5}, {"reason": "x", "when": "now"}])
def test_a_store_is_not_closed_without_a_reason(deployment: Deployment, body: Any) -> None:
    deployment.create_store()
    before = deployment.everything()
    assert deployment.operator("POST", PATH, body).status == 422
    assert deployment.everything() == before


def test_a_store_that_is_not_there_is_404(deployment: Deployment) -> None:
    assert close(deployment).status == 404
    assert deployment.everything() == []


def test_the_erasure_is_due_from_the_moment_of_the_closing_on_until_it_is_done(deployment: Deployment) -> None:
    closed(deployment, 1)
    assert DueThing(NOW, "demo", DueKind.STORE, "demo") in due(deployment, NOW)
    erase(deployment)
    assert DueThing(NOW, "demo", DueKind.STORE, "demo") in due(deployment, NOW)
    assert erase(deployment, QUIET)[-1] == CLOSED
    assert due(deployment, NOW) == []


def test_settings_cannot_be_changed_nor_secrets_or_keys_made_once_a_store_is_closed(deployment: Deployment) -> None:
    key = closed(deployment)
    before = deployment.everything()
    for reply in (
        deployment.call("PATCH", "/v1/store", {"name": "New"}, key=key, if_match="1"),
        deployment.operator("POST", "/platform/stores/demo/webhook-secrets", {"source": "shopify"}),
        deployment.operator("POST", "/platform/stores/demo/api-keys", {"name": "x", "role": "admin"}),
    ):
        assert (reply.status, reply.code) == (409, "state_conflict")
    assert deployment.everything() == before


def test_a_change_of_settings_that_a_closing_overtakes_opens_nothing(deployment: Deployment) -> None:
    deployment.alone = False
    key = deployment.create_store()
    faults = deployment.dynamo.faults

    def meanwhile(_index: int, operation: str) -> None:
        if operation == "TransactWriteItems":
            faults.before_call = None
            close(deployment).expect(200)

    faults.before_call = meanwhile
    late = deployment.call("PATCH", "/v1/store", {"name": "New"}, key=key, if_match="1")
    assert (late.status, late.code) == (409, "version_conflict")
    assert deployment.stores.document("demo").closed_at is not None


def test_a_closing_that_a_change_of_settings_overtakes_closes_over_it(deployment: Deployment) -> None:
    key = deployment.create_store()
    faults = deployment.dynamo.faults

    def meanwhile(_index: int, operation: str) -> None:
        if operation == "TransactWriteItems":
            faults.before_call = None
            deployment.call("PATCH", "/v1/store", {"name": "New"}, key=key, if_match="1").expect(200)

    faults.before_call = meanwhile
    made = close(deployment).expect(200)
    assert (made["name"], made["version"], made["closed_at"] is None) == ("New", 2, False)
    assert len(acts(deployment, "store_closed")) == 1


# ---- what a closed store hears


def test_the_events_of_a_closed_store_are_ignored_and_read_the_settings_once(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    closed(deployment)
    before, calls = deployment.everything(), deployment.dynamo.faults.calls
    capsys.readouterr()
    records = [record("shopify", body_of("shopify/order_paid")) for _ in range(3)]
    assert function("event_worker").handler({"Records": records}, None) == {"batchItemFailures": []}
    said = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [line["reason"] for line in said if "event" in line] == ["store_closed"] * 3
    assert deployment.everything() == before
    assert deployment.dynamo.faults.calls == calls + 1


def test_a_shops_request_stands_in_the_audit_once_for_the_operator_and_closes_nothing(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    key = deployment.create_store()
    body = body_of("shopify/shop_redact")
    capsys.readouterr()
    first = record("shopify", body, "shop/redact", clock.now())
    assert function("event_worker").handler({"Records": [first]}, None) == {"batchItemFailures": []}
    (said,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (said["event"], said["level"], said["RedactRequests"]) == ("redact_requested", "WARN", 1)
    before = deployment.everything()
    again = work(capsys, "shopify", body)
    later = Delivery("demo", "shopify", "", "d-2", QUIET, body)
    message = {**record("shopify", b"{}"), "body": encode(later)}
    assert function("event_worker").handler({"Records": [message]}, None) == {"batchItemFailures": []}
    assert (again["event"], deployment.everything()) == ("event_unchanged", before)
    (item,) = [
        item
        for item in deployment.call("GET", "/v1/audit", key=key).expect(200)["items"]
        if item["what"] == "redact_requested"
    ]
    assert (item["target"], item["after"]) == ("demo", {"shop_domain": "quay-street.myshopify.com"})
    assert deployment.stores.document("demo").closed_at is None


def test_another_shops_request_does_not_hide_the_own_one(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.create_store()
    body = body_of("shopify/shop_redact")
    for told in (body.replace(b"quay-street", b"other"), body):
        assert work(capsys, "shopify", told)["event"] == "redact_requested"
    assert len(acts(deployment, "redact_requested")) == 2


# ---- erasing


def test_nothing_of_any_customer_is_left_and_no_key_or_secret(deployment: Deployment) -> None:
    key = closed(deployment)
    assert left(deployment) == list(PRIVATE)
    assert erase(deployment)[-1] == WAITING
    assert left(deployment) == []
    assert deployment.call("GET", "/v1/store", key=key).status == 401
    for source in ("shopify", "woocommerce", "events"):
        assert deps.secrets().read("demo", source, 0) == ()
    assert acts(deployment, "store_erased") == []
    assert erase(deployment, QUIET)[-1] == CLOSED
    (done,) = acts(deployment, "store_erased")
    assert (done["at"], done["actor"]) == ({"S": QUIET}, {"S": "engine"})
    before = deployment.everything()
    assert erase(deployment, after(days=9)) == [CLOSED]
    assert deployment.everything() == before


def test_no_endpoint_delivery_or_notice_is_left_however_many_there_are(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "AT_ONCE", 2)
    closed(deployment, 1)
    for store_id in ("demo", "other"):
        tell(deployment, store_id)
    assert erase(deployment)[-4:] == [ERASING] * 3 + [WAITING]
    left = {item["pk"]["S"] for item in deployment.everything()} & set(told_of("demo") + told_of("other"))
    assert left == set(told_of("other"))
    tell(deployment, "demo")
    assert erase(deployment, QUIET)[-1] == CLOSED
    assert not {item["pk"]["S"] for item in deployment.everything()} & set(told_of("demo"))


def tell(deployment: Deployment, store_id: str) -> None:
    """An endpoint was told of five events, and customers of as many."""
    table = deployment.books.orders.table
    endpoint = Endpoint("whe_1", "https://shop.example.com", b"sealed", NOW, "key:anna", "body", NOW)
    assert Endpoints(table).save(store_id, endpoint)
    for n in range(5):
        event = DomainEvent(f"evt-{n}", "CashbackAwarded", store_id, NOW, {})
        assert Deliveries(table).save(store_id, delivery_of(event, "whe_1", NOW))
        assert Notices(table).begin(store_id, event.event_id, NOW)


def told_of(store_id: str) -> list[str]:
    return [store_keys.endpoints(store_id), store_keys.deliveries(store_id), store_keys.notices(store_id)]


def test_another_store_is_not_touched(deployment: Deployment) -> None:
    other = deployment.create_store("other")
    closed(deployment)
    erase(deployment)
    erase(deployment, QUIET)
    assert deployment.call("GET", "/v1/store", key=other).expect(200)["store_id"] == "other"
    assert len(deps.secrets().read("other", "shopify", 0)) == 1


def test_many_customers_are_erased_in_steps(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "AT_ONCE", 2)
    closed(deployment, 40)
    assert erase(deployment)[-1] == WAITING
    assert left(deployment) == []
    assert len(acts(deployment, "customer_erased")) == 40


def test_a_customer_who_came_while_the_store_was_closing_is_erased_too(deployment: Deployment) -> None:
    closed(deployment, 1)
    erase(deployment)
    come(deployment, "late")
    assert erase(deployment, after(hours=1)) == [WAITING]
    assert left(deployment) != []
    assert erase(deployment, QUIET)[-1] == CLOSED
    assert left(deployment) == []
    assert len(acts(deployment, "store_erased")) == 1


def test_a_key_and_a_secret_that_were_made_while_the_store_was_closed_go_with_the_next_step(
    deployment: Deployment,
) -> None:
    closed(deployment, 1)
    erase(deployment)
    table = deployment.stores.table
    table.commit(table.put({"pk": "S#demo#SEC", "sk": "shopify", "current_secret": b"key|demo|x"}))
    assert erase(deployment, after(minutes=5)) == [WAITING]
    assert table.partition(store_keys.webhook_secrets("demo")) == []


def test_a_customer_who_cannot_be_erased_now_keeps_no_other_and_is_tried_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed(deployment, 40)
    first, *others = sorted(one for one in (f"c{n}" for n in range(40)) if shard_of(one) == shard_of("c1"))
    assert others

    def stubborn(books: Any, store_id: str, customer_id: str, *more: Any, **how: Any) -> Any:
        if customer_id == first:
            raise Busy("contended")
        return erase_customer(books, store_id, customer_id, *more, **how)

    monkeypatch.setattr(closing, "erase_customer", stubborn)
    with pytest.raises(Busy):
        erase(deployment)
    profiles = {one.customer_id: one.erased_at for one in deployment.books.customers.get_many("demo", [first, *others])}
    assert profiles == {first: None, **dict.fromkeys(others, NOW)}
    monkeypatch.setattr(closing, "erase_customer", erase_customer)
    assert erase(deployment)[-1] == WAITING
    assert left(deployment) == []


def test_a_store_that_is_not_closed_is_never_erased(deployment: Deployment) -> None:
    store(deployment)
    before = deployment.everything()
    with pytest.raises(NotFound):
        erase(deployment)
    assert deployment.everything() == before
