"""Webhooks to the shops: each event to each endpoint that hears of it, until it is taken or a day is over."""

import json
from contextlib import suppress
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from cashback.adapters.dynamo.due import DueIndex
from cashback.adapters.webhook_sender import Reply
from cashback.domain.due import DueKind
from cashback.domain.errors import NotFound, StateConflict
from cashback.domain.outgoing import PAUSES, DeliveryStatus
from cashback.domain.times import instant, moment
from cashback.edge.notifier import NotificationBatch
from cashback.services.close_store import close_store
from cashback.services.deliver_webhook import replay_delivery
from cashback.services.manage_endpoints import change_endpoint, delete_endpoint
from cashback.services.reconcile import overdue
from tests.simulation.faults import Crash, Fault
from tests.unit.builders import NOW, ORDER, ORIGIN, STORE
from tests.unit.notifying import SECRET, Notifying, signed

LOST = Reply(error="unreachable")


def test_an_event_is_posted_and_signed_in_the_standard_form() -> None:
    shop = Notifying()
    endpoint = shop.endpoint(url="https://shop.example.com/in?x=1")
    shop.tell()
    shop.notify()
    ((target, headers, body),) = shop.internet.posts
    assert (target.host, target.path) == ("shop.example.com", "/in?x=1")
    detail: dict[str, object] = {
        "event_id": "evt-1",
        "store_id": STORE,
        "occurred_at": NOW,
        "customer_id": "7001",
        "order_id": ORDER,
    }
    detail |= {"amount": {"amount": "5.00", "currency": "USD"}}
    assert json.loads(body) == {"type": "CashbackAwarded", "timestamp": NOW, "data": detail}
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == shop.delivery.delivery_id
    assert "." not in headers["webhook-id"]
    assert headers["webhook-timestamp"] == str(int(moment(NOW).timestamp()))
    assert headers["webhook-signature"] == signed(headers, body)
    assert shop.delivery.status is DeliveryStatus.DELIVERED
    assert (shop.delivery.endpoint_id, shop.delivery.attempts) == (endpoint.endpoint_id, 1)


def test_an_endpoint_hears_of_the_kinds_it_asked_for_and_of_all_where_it_asked_for_none() -> None:
    shop = Notifying()
    shop.endpoint("whe_all")
    shop.endpoint("whe_held", events=("OrderHeld",))
    shop.tell("OrderHeld", "evt-1")
    shop.tell("OrderRejected", "evt-2")
    shop.notify()
    heard = sorted((one.endpoint_id, one.kind) for one in shop.deliveries)
    assert heard == [("whe_all", "OrderHeld"), ("whe_all", "OrderRejected"), ("whe_held", "OrderHeld")]
    assert len({one.delivery_id for one in shop.deliveries}) == 3


def test_an_event_told_twice_is_delivered_once() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.tell()
    shop.tell()
    shop.notify()
    shop.tell()
    shop.notify()
    assert len(shop.internet.posts) == 1


def test_a_delivery_that_fails_is_tried_for_a_day_under_one_id() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.internet.reply = Reply(status=500)
    shop.tell()
    shop.notify()
    first = shop.delivery
    assert (first.status, first.attempts, first.last[-1].response_code) == (DeliveryStatus.PENDING, 1, 500)
    assert first.next_attempt_at == instant(moment(NOW) + timedelta(minutes=5))
    shop.pass_time(hours=30)
    assert len(shop.internet.posts) == len(PAUSES) + 1 == 9
    assert len({headers["webhook-id"] for _, headers, _ in shop.internet.posts}) == 1
    assert len({headers["webhook-timestamp"] for _, headers, _ in shop.internet.posts}) == 9
    assert sum(PAUSES, timedelta()) == timedelta(days=1)
    last = shop.delivery
    assert (last.status, last.reason, last.next_attempt_at) == (DeliveryStatus.FAILED, "attempts_exhausted", None)
    assert [one.response_code for one in last.last] == [500] * 9


def test_a_delivery_that_fails_at_first_is_taken_later() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.internet.reply = LOST
    shop.tell()
    shop.notify()
    assert shop.delivery.last[-1].error == "unreachable"
    assert shop.standing().failing_since == NOW
    shop.internet.reply = Reply(status=204)
    shop.pass_time(minutes=10)
    assert (shop.delivery.status, shop.delivery.attempts) == (DeliveryStatus.DELIVERED, 2)
    assert shop.standing().failing_since is None
    shop.pass_time(days=2)
    assert len(shop.internet.posts) == 2


@pytest.mark.row("S32")
def test_a_redirect_is_a_failure() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.internet.reply = Reply(status=307)
    shop.tell()
    shop.notify()
    assert shop.delivery.status is DeliveryStatus.PENDING


def test_a_message_that_comes_again_makes_no_second_attempt() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.internet.reply = LOST
    shop.tell()
    shop.notify()
    shop.sweep()
    for _ in range(2):
        said = {"type": "attempt", "store_id": STORE, "delivery_id": shop.delivery.delivery_id}
        shop.told.send(json.dumps(said))
    shop.notify()
    assert len(shop.internet.posts) == 1


def test_a_lost_message_is_made_up_for_by_the_sweeper() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.tell()
    event = shop.told.event(5)
    assert event is not None
    shop.told.messages.clear()
    queued = shop.told.sent
    NotificationBatch(shop.queue, shop.desk, clock=shop.clock.now).run(event)
    assert shop.told.sent == queued + 1
    shop.told.messages.clear()
    shop.pass_time(minutes=5)
    assert shop.delivery.status is DeliveryStatus.DELIVERED


def test_a_delivery_whose_message_waits_is_not_reminded_of_at_every_sweep() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.internet.reply = LOST
    shop.tell()
    shop.notify()
    shop.clock.advance(timedelta(minutes=5))
    for _ in range(6):
        shop.sweep()
        shop.clock.advance(timedelta(minutes=5))
    assert len(shop.told.messages) == 2
    shop.notify()
    assert shop.delivery.attempts == 2


def test_a_delivery_of_which_every_message_is_lost_is_overdue() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.internet.reply = LOST
    shop.tell()
    shop.notify()
    for _ in range(27):
        shop.told.messages.clear()
        shop.sweep()
        shop.clock.advance(timedelta(minutes=5))
    now = instant(shop.clock.now())
    assert [thing.kind for thing in overdue(DueIndex(shop.books.orders.table), now)] == [DueKind.DELIVERY]


def test_whoever_is_cut_off_in_an_attempt_leaves_it_to_the_next() -> None:
    shop = Notifying()
    shop.endpoint()
    crashed: list[int] = []

    def crash(*_: object) -> Reply:
        crashed.append(1)
        raise KeyboardInterrupt

    post = shop.internet.post
    shop.internet.post = crash  # type: ignore[assignment,method-assign]
    shop.tell()
    with pytest.raises(KeyboardInterrupt):
        shop.notify()
    shop.told.messages.clear()
    shop.internet.post = post  # type: ignore[method-assign]
    assert (shop.delivery.attempts, shop.delivery.last) == (1, ())
    shop.pass_time(minutes=10)
    assert (shop.delivery.status, shop.delivery.attempts, len(shop.internet.posts)) == (DeliveryStatus.DELIVERED, 2, 1)


def test_the_last_attempt_cut_off_is_taken_for_lost() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.internet.reply = LOST
    shop.tell()
    shop.notify()
    standing = shop.delivery
    cut_off = replace(standing, tries=len(PAUSES) + 1, rev=standing.rev + 1)
    assert shop.outgoing.deliveries.save(STORE, cut_off)
    shop.pass_time(minutes=10)
    assert (shop.delivery.status, shop.delivery.reason) == (DeliveryStatus.FAILED, "attempts_exhausted")
    assert len(shop.internet.posts) == 1


def test_three_answers_of_gone_in_a_row_disable_an_endpoint() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.internet.reply = Reply(status=410)
    for number in range(2):
        shop.tell(event_id=f"evt-{number}")
        shop.notify()
    shop.internet.reply = Reply(status=500)
    shop.tell(event_id="evt-2")
    shop.notify()
    shop.internet.reply = Reply(status=410)
    for number in range(3, 5):
        shop.tell(event_id=f"evt-{number}")
        shop.notify()
    assert shop.standing().enabled
    shop.tell(event_id="evt-5")
    shop.notify()
    assert (shop.standing().enabled, shop.standing().disabled_reason) == (False, "gone")
    posted = len(shop.internet.posts)
    shop.tell(event_id="evt-6")
    shop.pass_time(minutes=10)
    assert len(shop.internet.posts) == posted
    assert {one.reason for one in shop.deliveries} == {"endpoint_disabled"}


def test_five_days_of_failures_disable_an_endpoint_and_one_success_forgives_them() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.internet.reply = LOST
    shop.tell(event_id="evt-0")
    shop.notify()
    shop.clock.advance(timedelta(days=4.5))
    shop.internet.reply = Reply(status=200)
    shop.tell(event_id="evt-1")
    shop.notify()
    shop.internet.reply = LOST
    shop.tell(event_id="evt-2")
    shop.notify()
    shop.clock.advance(timedelta(days=4.9))
    shop.tell(event_id="evt-3")
    shop.notify()
    assert shop.standing().enabled
    shop.clock.advance(timedelta(hours=3))
    shop.tell(event_id="evt-4")
    shop.notify()
    assert shop.standing().disabled_reason == "failing"


def test_an_endpoint_that_is_switched_on_again_starts_anew() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.internet.reply = Reply(status=410)
    for number in range(3):
        shop.tell(event_id=f"evt-{number}")
        shop.notify()
    change_endpoint(shop.outgoing, STORE, "whe_1", {"enabled": True}, None, ORIGIN, shop.now)
    standing = shop.standing()
    assert (standing.enabled, standing.gone, standing.failing_since, standing.disabled_reason) == (True, 0, None, None)
    shop.tell(event_id="evt-3")
    shop.notify()
    assert shop.standing().enabled


@pytest.mark.parametrize(("url", "enabled"), [("https://mended.example.com/", True), (None, False)])
def test_another_address_is_not_held_to_what_the_one_before_failed(url: str | None, enabled: bool) -> None:
    shop = Notifying()
    shop.endpoint()
    shop.internet.reply = LOST
    shop.tell(event_id="evt-0")
    shop.notify()
    shop.clock.advance(timedelta(days=5))
    change = {"url": url or shop.standing().url}
    change_endpoint(shop.outgoing, STORE, "whe_1", change, None, ORIGIN, shop.now)
    shop.tell(event_id="evt-1")
    shop.notify()
    assert shop.standing().enabled is enabled


def test_what_is_on_its_way_to_a_deleted_endpoint_ends_there() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.internet.reply = LOST
    shop.tell()
    shop.notify()
    delete_endpoint(shop.outgoing, STORE, "whe_1", ORIGIN, shop.now)
    shop.pass_time(minutes=10)
    assert (shop.delivery.status, shop.delivery.reason) == (DeliveryStatus.FAILED, "endpoint_deleted")
    assert len(shop.internet.posts) == 1
    with pytest.raises(StateConflict):
        replay_delivery(shop.outgoing, STORE, shop.delivery.delivery_id, ORIGIN, shop.now)


def test_a_closed_store_is_told_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    shop = Notifying()
    shop.endpoint()
    shop.internet.reply = LOST
    shop.tell()
    shop.notify()
    close_store(shop.books, STORE, "over", ORIGIN, shop.now)
    shop.tell(event_id="evt-2")
    shop.notify()
    assert len(shop.deliveries) == 1
    assert shop.told.messages == shop.dead.messages == []
    assert '"kind":"CashbackAwarded","skipped":"store_closed"' in capsys.readouterr().out
    said = {"type": "attempt", "store_id": STORE, "delivery_id": shop.delivery.delivery_id}
    shop.clock.advance(timedelta(minutes=10))
    shop.told.send(json.dumps(said))
    shop.notify()
    assert shop.delivery.reason == "store_closed"
    assert len(shop.internet.posts) == 1


def test_an_event_of_a_store_that_nobody_knows_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    shop = Notifying()
    shop.tell(store_id="nobody")
    shop.notify()
    assert shop.told.messages == shop.dead.messages == []
    assert '"skipped":"store_unknown"' in capsys.readouterr().out


def test_a_delivery_is_replayed_whatever_became_of_it() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.tell()
    shop.notify()
    again = replay_delivery(shop.outgoing, STORE, shop.delivery.delivery_id, ORIGIN, shop.now)
    assert (again.status, again.next_attempt_at) == (DeliveryStatus.PENDING, shop.now)
    shop.notify()
    assert (shop.delivery.status, shop.delivery.attempts, len(shop.delivery.last)) == (DeliveryStatus.DELIVERED, 2, 2)
    assert len({headers["webhook-id"] for _, headers, _ in shop.internet.posts}) == 1
    with pytest.raises(NotFound):
        replay_delivery(shop.outgoing, STORE, "whd_0", ORIGIN, shop.now)


def test_a_replayed_delivery_has_another_day() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.internet.reply = LOST
    shop.tell()
    shop.notify()
    shop.pass_time(hours=30)
    replay_delivery(shop.outgoing, STORE, shop.delivery.delivery_id, ORIGIN, shop.now)
    shop.pass_time(hours=30)
    assert (shop.delivery.status, shop.delivery.attempts) == (DeliveryStatus.FAILED, 18)


def test_a_replay_on_the_last_day_is_kept_until_it_is_over() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.tell()
    shop.notify()
    shop.internet.reply = LOST
    shop.clock.advance(timedelta(days=29, hours=23))
    replay_delivery(shop.outgoing, STORE, shop.delivery.delivery_id, ORIGIN, shop.now)
    begun = shop.clock.now()
    for _ in range(60):
        shop.pass_time(minutes=30)
        (item,) = (item for item in shop.shop.dynamo.items("State") if item["pk"]["S"].endswith("#DLV"))
        assert int(item["expires_at_epoch"]["N"]) >= shop.clock.now().timestamp()
    assert shop.delivery.last[-1].at >= instant(begun + timedelta(hours=23))


def test_a_replay_during_an_attempt_begins_anew_and_the_answer_still_counts_for_the_endpoint() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.tell()
    post = shop.internet.post

    def replaying(*given: Any) -> Reply:
        shop.internet.post = post  # type: ignore[method-assign]
        replay_delivery(shop.outgoing, STORE, shop.delivery.delivery_id, ORIGIN, shop.now)
        shop.told.messages.clear()
        return LOST

    shop.internet.post = replaying  # type: ignore[assignment,method-assign]
    shop.notify()
    assert shop.standing().failing_since == NOW
    assert (shop.delivery.status, shop.delivery.tries) == (DeliveryStatus.PENDING, 0)
    shop.pass_time(minutes=5)
    assert (shop.delivery.status, shop.standing().failing_since) == (DeliveryStatus.DELIVERED, None)


def test_after_a_rotation_both_secrets_sign_for_a_day() -> None:
    shop = Notifying()
    shop.endpoint()
    other = SECRET.replace("a", "b", 1)
    change_endpoint(shop.outgoing, STORE, "whe_1", {}, other, ORIGIN, shop.now)
    shop.tell(event_id="evt-1")
    shop.notify()
    shop.clock.advance(timedelta(days=1))
    shop.tell(event_id="evt-2")
    shop.notify()
    (_, first, body), (_, second, later) = shop.internet.posts
    assert first["webhook-signature"] == f"{signed(first, body, other)} {signed(first, body)}"
    assert second["webhook-signature"] == signed(second, later, other)


def test_no_secret_stands_in_the_tables_as_it_is() -> None:
    shop = Notifying()
    shop.endpoint()
    shop.tell()
    shop.notify()
    assert SECRET not in repr(shop.shop.dynamo.items("State"))
    assert SECRET.encode() not in b"".join([shop.standing().sealed])


@pytest.mark.parametrize("fault", [Fault.ERROR_BEFORE, Fault.ERROR_AFTER, Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
def test_a_fault_in_any_call_loses_no_delivery(fault: Fault) -> None:
    """Each call in turn fails once; the delivery is made all the same, and under one id."""
    number = 0
    fired = True
    while fired:
        number += 1
        shop = Notifying()
        shop.endpoint()
        shop.tell()
        shop.faults.script = {shop.faults.calls + number: fault}
        with suppress(Crash):
            shop.notify()
        fired = shop.faults.fired.total() > 0
        shop.faults.script = {}
        shop.pass_time(hours=1)
        assert shop.delivery.status is DeliveryStatus.DELIVERED, number
        assert len({headers["webhook-id"] for _, headers, _ in shop.internet.posts}) == 1
    assert number > 10
