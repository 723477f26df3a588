"""The shop is alarmed of what fails, is held or waits too long: once for each cause and hour."""

import json
from typing import Any

import pytest

from cashback.adapters.webhook_sender import Reply
from cashback.domain.alerts import TEXTS, AlertCause
from cashback.domain.orders import Mode
from cashback.services.close_store import close_store
from cashback.services.watch_pending import watch_pending
from tests.unit.builders import ORIGIN, STORE
from tests.unit.notifying import Notifying

EMAIL = "shop@example.com"
URL = "https://shop.example.com/alerts"


def shop_with(**alerts: Any) -> Notifying:
    return Notifying(notifications={}, alerts=alerts)


def money(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def test_a_failed_order_alarms_the_shop_by_both_ways() -> None:
    shop = shop_with(email=EMAIL, webhook_url=URL)
    shop.endpoint(url=URL, events=("OrderHeld",))
    shop.tell("OrderFailed", order_id="A-1")
    shop.notify()
    ((to, text),) = shop.sender.sent
    assert to == EMAIL
    assert text.startswith("An order could not be processed.\norder_id: A-1\n")
    ((_, _, body),) = shop.internet.posts
    said = json.loads(body)
    assert (said["type"], said["data"]["cause"], said["data"]["order_id"]) == ("StoreAlert", "orders_failed", "A-1")


def test_of_one_cause_the_shop_hears_once_an_hour() -> None:
    shop = shop_with(email=EMAIL, webhook_url=URL)
    shop.endpoint(url=URL, events=("OrderPending",))
    for number in range(5):
        shop.tell("OrderFailed", f"evt-{number}", order_id=f"A-{number}")
    shop.tell("OrderHeld", "evt-5", order_id="A-5")
    shop.notify()
    assert len(shop.sender.sent) == len(shop.internet.posts) == 2
    shop.clock.advance(3_600)
    shop.tell("OrderFailed", "evt-6", occurred_at=shop.now)
    shop.notify()
    assert len(shop.sender.sent) == len(shop.internet.posts) == 3


def test_an_event_that_comes_again_hours_later_alarms_nobody_again() -> None:
    shop = shop_with(email=EMAIL, webhook_url=URL)
    shop.endpoint(url=URL, events=("OrderPending",))
    for _ in range(3):
        shop.tell("OrderFailed")
        shop.notify()
        shop.clock.advance(3_600)
    assert len(shop.sender.sent) == len(shop.internet.posts) == 1


@pytest.mark.parametrize(
    ("least", "amount", "alarmed"),
    [(None, "0.01", 1), ("10.00", "10.00", 0), ("10.00", "10.01", 1), ("10.00", "9.99", 0), ("10.00", None, 1)],
)
def test_only_a_hold_over_the_threshold_alarms(least: str | None, amount: str | None, alarmed: int) -> None:
    shop = shop_with(email=EMAIL, **({"holds_over": least} if least else {}))
    shop.tell("OrderHeld", amount=money(amount) if amount else None)
    shop.notify()
    assert len(shop.sender.sent) == alarmed


def test_without_an_address_nobody_is_alarmed(capsys: pytest.CaptureFixture[str]) -> None:
    shop = shop_with()
    shop.tell("OrderFailed")
    shop.notify()
    unknown = shop_with(webhook_url=URL)
    unknown.endpoint(url="https://other.example.com/")
    unknown.tell("OrderFailed", customer_id=None)
    unknown.notify()
    assert shop.sender.sent == unknown.sender.sent == []
    assert '"alert_webhook":"endpoint_missing"' in capsys.readouterr().out
    assert [one.kind for one in unknown.deliveries] == ["OrderFailed"]


def test_an_email_that_was_not_sent_is_sent_later_and_the_webhook_not_again() -> None:
    shop = shop_with(email=EMAIL, webhook_url=URL)
    shop.endpoint(url=URL, events=("OrderHeld",))
    shop.sender.refuses = "TooManyRequestsException"
    shop.tell("OrderFailed")
    shop.notify()
    shop.sender.refuses = None
    shop.clock.advance(120)
    shop.notify()
    assert (len(shop.sender.sent), len(shop.internet.posts)) == (1, 1)


def test_a_disabled_endpoint_alarms_the_shop() -> None:
    shop = shop_with(email=EMAIL)
    shop.endpoint()
    shop.internet.reply = Reply(status=410)
    for number in range(3):
        shop.tell("OrderRejected", f"evt-{number}")
        shop.notify()
    ((_, text),) = shop.sender.sent
    assert "webhook_endpoint_id: whe_1" in text


def test_a_disabled_endpoint_alarms_the_shop_although_the_mail_had_to_wait(capsys: pytest.CaptureFixture[str]) -> None:
    shop = shop_with(email=EMAIL)
    shop.endpoint()
    shop.internet.reply = Reply(status=410)
    for number in range(3):
        shop.sender.refuses = "TooManyRequestsException"
        shop.tell("OrderRejected", f"evt-{number}")
        shop.notify()
    shop.sender.refuses = None
    for _ in range(3):
        shop.clock.advance(3_600)
        shop.notify()
    assert len(shop.sender.sent) == 1
    assert capsys.readouterr().out.count('"EndpointsDisabled":1') == 1


# ---- what no event tells


def waiting(hours: float, **alerts: Any) -> Notifying:
    shop = Notifying(notifications={}, alerts=alerts, auto_processing=False)
    assert shop.paid("A-1").terms.mode is Mode.MANUAL  # type: ignore[union-attr]
    shop.clock.advance(hours * 3_600)
    return shop


def watched(shop: Notifying) -> bool:
    return watch_pending(shop.books, lambda: shop.queue, STORE, shop.now)


def test_an_old_pending_order_alarms_the_shop_once_an_hour() -> None:
    shop = waiting(24.1, email=EMAIL)
    for _ in range(3):
        assert watched(shop)
    shop.notify()
    ((_, text),) = shop.sender.sent
    assert text.startswith("Orders have been waiting for review")
    shop.clock.advance(3_600)
    assert watched(shop)
    shop.notify()
    assert len(shop.sender.sent) == 2


def test_an_old_pending_order_of_a_shop_whose_clock_is_ahead_is_told_of() -> None:
    shop = Notifying(notifications={}, alerts={"email": EMAIL}, auto_processing=False)
    shop.paid("A-1", created_at="2026-12-24T00:00:00.000000Z")
    shop.clock.advance(25 * 3_600)
    assert watched(shop)


def test_an_old_pending_order_is_told_of_where_the_shop_wants_no_alarm() -> None:
    shop = waiting(48)
    assert watched(shop)
    assert shop.told.messages == []


def test_a_young_pending_order_or_none_is_not_told_of() -> None:
    assert not watched(waiting(23.9, email=EMAIL))
    assert not watched(shop_with(email=EMAIL))
    decided = waiting(48, email=EMAIL)
    decided.shop.approve("A-1")
    assert not watched(decided)
    closed = waiting(48, email=EMAIL)
    close_store(closed.books, STORE, "over", ORIGIN, closed.now)
    assert not watched(closed)


def test_a_closed_store_is_not_alarmed(capsys: pytest.CaptureFixture[str]) -> None:
    shop = waiting(48, email=EMAIL)
    assert watched(shop)
    close_store(shop.books, STORE, "over", ORIGIN, shop.now)
    shop.notify()
    assert shop.sender.sent == []
    assert shop.told.messages == shop.dead.messages == []
    assert '"cause":"pending_old","skipped":"store_closed"' in capsys.readouterr().out


def test_every_cause_has_words() -> None:
    assert set(TEXTS) == set(AlertCause)
