"""Customers are told what the settings say, once, and nothing of them is told to anybody else."""

import json
from typing import Any

import pytest

from cashback.domain.customers import Profile
from cashback.domain.domain_events import DomainEvent
from cashback.domain.notifications import NAMES, TEXTS, notification_of
from cashback.domain.scenarios import Channel
from cashback.domain.settings import DEFAULTS
from cashback.services.erase_customer import erase_customer
from cashback.services.import_orders import import_orders
from tests.simulation.faults import Fault
from tests.unit.builders import CUSTOMER, ORIGIN, STORE, line, paid, refund, units
from tests.unit.notifying import Notifying

PERSON: dict[str, Any] = {"name": "Anna Example", "email": "anna@example.com", "phone": "+491701234567"}
SMS = {"order_credited": {"enabled": True, "channel": "sms", "template": "{{userName}}: {{amount}}, {{balance}}"}}


def shop_with(notifications: Any = SMS, person: Any = PERSON) -> Notifying:
    shop = Notifying(notifications=notifications)
    if person is not None:
        shop.person(CUSTOMER, **person)
    return shop


def test_a_customer_is_told_of_what_was_credited() -> None:
    shop = shop_with()
    shop.paid("A-1")
    shop.tell(customer_id=CUSTOMER, order_id="A-1")
    shop.notify()
    assert shop.sender.sent == [("+491701234567", "Anna Example: 5.00 USD, 5.00 USD")]


def test_the_same_event_told_twice_is_one_message() -> None:
    shop = shop_with()
    for _ in range(3):
        shop.tell(customer_id=CUSTOMER)
        shop.notify()
    assert len(shop.sender.sent) == 1


def test_by_default_customers_hear_of_credits_and_payouts_in_our_words_and_of_nothing_else() -> None:
    shop = shop_with(DEFAULTS["notifications"])
    for number, (kind, status) in enumerate(NAMES):
        shop.tell(kind, f"evt-{number}", customer_id=CUSTOMER, status=status)
    shop.notify()
    assert shop.sender.sent == [
        ("anna@example.com", f"Hello Anna Example, {text}")
        for text in (
            "you received 5.00 USD cashback. Your balance is 0.00 USD.",
            "your payout of 5.00 USD is being prepared.",
            "your payout of 5.00 USD is on its way.",
            "your payout of 5.00 USD has arrived.",
            "your payout of 5.00 USD did not go through. Your balance is 0.00 USD.",
        )
    ]


def test_a_clawback_that_took_nothing_from_the_balance_is_not_said_to_have(capsys: pytest.CaptureFixture[str]) -> None:
    shop = shop_with({"order_reversed": {"enabled": True, "channel": "sms"}})
    capsys.readouterr()
    shop.tell("CashbackReversed", customer_id=CUSTOMER, amount={"amount": "0.00", "currency": "USD"})
    shop.notify()
    assert (shop.sender.sent, outcomes(capsys)) == ([], ["nothing_moved"])


def test_each_event_is_switched_by_itself() -> None:
    shop = shop_with({name: {"enabled": True, "channel": "sms"} for name in NAMES.values()} | {"order_credited": {}})
    for number, (kind, status) in enumerate(NAMES):
        amount = {"amount": "-5.00" if kind == "BalanceAdjusted" else "5.00", "currency": "USD"}
        shop.tell(kind, f"evt-{number}", customer_id=CUSTOMER, amount=amount, status=status)
    shop.notify()
    assert [text for _, text in shop.sender.sent][:4] == [
        "Hello Anna Example, you received 5.00 USD cashback. Your balance is 0.00 USD.",
        "Hello Anna Example, 5.00 USD cashback was taken back after a refund. Your balance is 0.00 USD.",
        "Hello Anna Example, 5.00 USD cashback was given back. Your balance is 0.00 USD.",
        "Hello Anna Example, your balance was changed by -5.00 USD to 0.00 USD.",
    ]


@pytest.mark.parametrize("notifications", [{}, {"order_credited": {"enabled": False}}, {"order_reversed": {}}], ids=str)
def test_what_is_off_is_not_said(notifications: Any) -> None:
    shop = shop_with(notifications)
    shop.tell(customer_id=CUSTOMER)
    shop.notify()
    assert shop.sender.sent == []


@pytest.mark.parametrize(
    ("channel", "person", "way"),
    [
        ("push", PERSON, None),
        ("sms", PERSON, (Channel.SMS, "+491701234567")),
        ("email", PERSON, (Channel.EMAIL, "anna@example.com")),
        (None, PERSON, (Channel.EMAIL, "anna@example.com")),
        (None, {"phone": "+49170"}, (Channel.SMS, "+49170")),
        (None, {"phone": "+49170", "push_endpoint": "arn:device"}, (Channel.PUSH, "arn:device")),
        (None, {}, None),
    ],
    ids=str,
)
def test_a_channel_that_is_not_named_is_the_first_that_reaches_the_person(
    channel: str | None, person: dict[str, Any], way: tuple[Channel, str] | None
) -> None:
    said = {"order_credited": {"channel": channel} if channel else {}}
    notification = notification_of(said, AWARDED)
    assert notification is not None
    assert notification.text == TEXTS["order_credited"]
    assert notification.way_to(Profile("1", "", "", **person)) == way


AWARDED = DomainEvent("e", "CashbackAwarded", "demo", "", {})


def outcomes(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line["customer"] for line in lines if line.get("event") == "event_told"]


def test_whoever_cannot_be_told_is_left_out_with_a_code(capsys: pytest.CaptureFixture[str]) -> None:
    shop = shop_with()
    shop.person("7002", name="Ben", email="ben@example.com")
    shop.person("7003", **PERSON)
    erase_customer(shop.books, STORE, "7003", shop.now, ORIGIN, shop.now)
    capsys.readouterr()
    for number, customer_id in enumerate((None, "4711", "7002", "7003")):
        shop.tell(event_id=f"evt-{number}", customer_id=customer_id)
        shop.notify()
    assert outcomes(capsys) == ["no_customer", "customer_unknown", "no_recipient", "customer_erased"]
    assert shop.sender.sent == []


def test_an_imported_order_notifies_nobody_until_the_shop_tells_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    shop = shop_with()
    body = {
        "id": "9",
        "financial_status": "paid",
        "currency": "USD",
        "created_at": "2026-03-01T10:00:00Z",
        "updated_at": "2026-03-01T10:00:00Z",
        "total_price": "100.00",
        "customer": {"id": int(CUSTOMER)},
        "line_items": [{"id": 1, "price": "100.00", "quantity": 1}],
    }
    (made,) = import_orders(shop.books, shop.shop.settings, "shopify", [json.dumps(body)], shop.now)
    assert (made.outcome, made.order_id) == ("recorded", "9")
    capsys.readouterr()
    shop.tell(customer_id=CUSTOMER, order_id="9")
    shop.notify()
    assert (shop.sender.sent, outcomes(capsys)) == ([], ["imported"])
    shop.hear(paid(line("1"), refunds=[refund("r1", units("1"))], order_id="9", second=1))
    capsys.readouterr()
    shop.tell(event_id="evt-2", customer_id=CUSTOMER, order_id="9")
    shop.notify()
    assert (len(shop.sender.sent), outcomes(capsys)) == (1, ["sent"])


def test_nothing_of_a_person_is_in_the_log_in_a_notice_or_in_a_delivery(capsys: pytest.CaptureFixture[str]) -> None:
    shop = shop_with()
    shop.endpoint()
    capsys.readouterr()
    shop.tell(customer_id=CUSTOMER)
    shop.notify()
    (written,) = [item for item in shop.shop.dynamo.items("State") if "#NTF" in item["pk"]["S"]]
    told = capsys.readouterr().out + repr(written) + repr(shop.internet.posts) + repr(shop.delivery)
    assert "sent" in told
    for word in ("Anna", "anna@", "+49"):
        assert word not in told


@pytest.mark.parametrize(
    ("code", "outcome"),
    [("OptedOut", "recipient_opted_out"), ("InternalServerError", "message_unconfirmed")],
)
def test_what_is_refused_or_uncertain_is_never_sent_again(
    capsys: pytest.CaptureFixture[str], code: str, outcome: str
) -> None:
    shop = shop_with()
    if code == "OptedOut":
        shop.sender.refuses = code
    else:
        shop.sender.faults = type(shop.faults)(script={1: Fault.ERROR_AFTER})
    shop.tell(customer_id=CUSTOMER)
    shop.notify()
    shop.sender.refuses = None
    shop.tell(customer_id=CUSTOMER)
    shop.notify()
    assert outcomes(capsys)[-2:] == [outcome, "already"]
    assert len(shop.sender.sent) == (0 if code == "OptedOut" else 1)


def test_what_was_not_sent_is_sent_later() -> None:
    shop = shop_with()
    shop.sender.refuses = "Throttled"
    shop.tell(customer_id=CUSTOMER)
    shop.notify()
    assert shop.sender.sent == []
    shop.sender.refuses = None
    shop.clock.advance(120)
    shop.notify()
    assert len(shop.sender.sent) == 1


@pytest.mark.parametrize("retries", [0, 2])
@pytest.mark.parametrize("fault", [Fault.LOST_AFTER, Fault.ERROR_AFTER])
def test_one_lost_answer_keeps_no_message_from_being_sent(fault: Fault, retries: int) -> None:
    counting = shop_with()
    counting.tell(customer_id=CUSTOMER)
    counting.faults.calls = 0
    counting.notify()
    unsure: list[int] = []
    for call in range(counting.faults.calls):
        shop = shop_with()
        shop.shop.dynamo.sdk_retries = retries
        shop.tell(customer_id=CUSTOMER)
        shop.faults.calls, shop.faults.script = 0, {call: fault}
        for _ in range(3):
            shop.notify()
            shop.clock.advance(900)
        assert len(shop.sender.sent) <= 1
        if shop.faults.fired and not shop.sender.sent:
            unsure.append(call)
    assert not unsure


def test_what_was_taken_back_and_begun_by_somebody_else_is_not_taken_from_them() -> None:
    shop = shop_with()
    notices = shop.desk.notices
    mine = notices.begin(STORE, "event", shop.now)
    assert mine is not None
    notices.take_back(STORE, "event", mine, shop.now)
    theirs = notices.begin(STORE, "event", shop.now)
    assert theirs is not None
    notices.take_back(STORE, "event", mine, shop.now)
    assert notices.begin(STORE, "event", shop.now) is None
    notices.end(STORE, "event", theirs, "sent", shop.now)
    notices.take_back(STORE, "event", mine, shop.now)
    assert notices.begin(STORE, "event", shop.now) is None


@pytest.mark.parametrize("fault", [Fault.ERROR_BEFORE, Fault.ERROR_AFTER, Fault.THROTTLE])
def test_a_fault_in_any_call_sends_no_message_twice(fault: Fault) -> None:
    number, fired = 0, True
    while fired:
        number += 1
        shop = shop_with()
        shop.endpoint()
        shop.tell(customer_id=CUSTOMER)
        shop.faults.script = {shop.faults.calls + number: fault}
        shop.notify()
        fired = shop.faults.fired.total() > 0
        shop.faults.script = {}
        for _ in range(3):
            shop.clock.advance(1_000)
            shop.notify()
        assert len(shop.sender.sent) <= 1
    assert number > 8
    assert len(shop.sender.sent) == 1
