"""GET and PATCH of a store's settings, and how its engine is."""

from typing import Any

import pytest

from cashback.domain.orders import Order, Status, Step
from cashback.domain.settings import DEFAULTS
from cashback.domain.times import instant, moment
from cashback.edge.clock import now
from cashback.edge.store_models import SettingsRequest
from tests.unit.deployment import Deployment, Reply

STORE = "/v1/store"


@pytest.fixture
def admin(deployment: Deployment) -> str:
    return deployment.create_store()


def change(deployment: Deployment, admin: str, changes: Any, version: str = "1") -> Reply:
    return deployment.call("PATCH", STORE, changes, key=admin, if_match=version)


def refused(deployment: Deployment, admin: str, changes: Any) -> Reply:
    before = deployment.everything()
    reply = change(deployment, admin, changes)
    assert deployment.everything() == before
    return reply


def add_order(deployment: Deployment, order_id: str, status: Status, at: str) -> None:
    steps = (Step(status, "x", at, "engine"),)
    order = Order(order_id, "shopify", first_seen_at=at, rev=1, status=status, reason="x", history=steps)
    assert deployment.books.orders.save("demo", order) is None


def ago(seconds: int) -> str:
    return instant(moment(now()).fromtimestamp(moment(now()).timestamp() - seconds, tz=moment(now()).tzinfo))


def test_a_new_store_has_the_default_settings(deployment: Deployment, admin: str) -> None:
    reply = deployment.call("GET", STORE, key=admin)
    store = reply.expect(200)
    assert {name: store[name] for name in DEFAULTS} == {**DEFAULTS, "min_order": "0.00"}
    assert (store["version"], reply.headers["ETag"]) == (1, ['"1"'])
    assert reply.headers["Content-Type"] == ["application/json; charset=utf-8"]


def test_every_setting_is_accepted_and_answered(deployment: Deployment, admin: str) -> None:
    changes = {
        "name": "Another name",
        "timezone": "Asia/Tokyo",
        "currency": "USD",
        "cashback_enabled": False,
        "auto_processing": False,
        "award_on": "completed",
        "base_rate": "0.1",
        "tiers": [
            {"name": "Gold", "min_spent": "1000.00", "rate": "0.1"},
            {"name": "Silver", "min_spent": "100.00", "rate": "0.07"},
        ],
        "product_rates": [{"sku": "A", "rate": "0"}, {"tag": "sale", "rate": "0.01"}],
        "delivery_type_rates": {"pickup": "0.06"},
        "source_rates": {"app": "0.08"},
        "customer_tag_rates": {"vip": "0.2"},
        "earn_on": {"shipping": True, "tax": False},
        "exclusions": {"skus": ["X"], "customer_tags": ["staff"]},
        "min_order": "5.00",
        "max_award": "50.00",
        "hold_over_award": "40.00",
        "hold_over_total": "1000.00",
        "clawback": "allow_negative",
        "guest_claim_days": 14,
        "adjust_limit": "20.00",
        "four_eyes": True,
        "app_sources": ["Mobile"],
        "notifications": {"order_credited": {"enabled": True, "channel": "sms", "template": "Hello {amount}"}},
        "alerts": {"email": "shop@example.com", "webhook_url": "https://shop.example.com/alerts", "holds_over": "5.00"},
        "pending_alarm_hours": 48,
    }
    assert set(changes) == {*SettingsRequest.model_fields, "name", "timezone", "currency"}
    changed = change(deployment, admin, changes).expect(200)
    assert {name: changed[name] for name in changes} == changes
    assert changed["version"] == 2
    stored = deployment.call("GET", STORE, key=admin).expect(200)
    assert {name: stored[name] for name in changes} == changes
    settings = deployment.stores.settings("demo")
    assert [tier.name for tier in settings.tiers] == ["Silver", "Gold"]
    assert settings.max_award == 5_000


def test_what_is_left_out_stays_and_null_switches_a_limit_off(deployment: Deployment, admin: str) -> None:
    change(deployment, admin, {"max_award": "10", "four_eyes": True}).expect(200)
    changed = change(deployment, admin, {"max_award": None}, '"2"').expect(200)
    assert (changed["max_award"], changed["four_eyes"]) == (None, True)


def test_null_is_refused_where_a_setting_cannot_be_off(deployment: Deployment, admin: str) -> None:
    for name in ("base_rate", "tiers", "clawback", "min_order", "earn_on", "exclusions", "notifications", "name"):
        assert refused(deployment, admin, {name: None}).status == 422


def test_if_match_is_required_and_its_quotes_are_not(deployment: Deployment, admin: str) -> None:
    reply = deployment.call("PATCH", STORE, {"name": "N"}, key=admin)
    assert (reply.status, reply.code) == (400, "if_match_required")
    for bad in ("*", "one", "", '"1', "W/1", "-1", '"1", "2"'):
        reply = deployment.call("PATCH", STORE, {"name": "N"}, key=admin, if_match=bad)
        assert (reply.status, reply.code) == (400, "if_match_format")
    change(deployment, admin, {"name": "N"}, '"1"').expect(200)
    change(deployment, admin, {"name": "O"}, "2").expect(200)


@pytest.mark.row("57")
def test_a_stale_version_is_409(deployment: Deployment, admin: str) -> None:
    change(deployment, admin, {"name": "One"}).expect(200)
    reply = change(deployment, admin, {"name": "Two"})
    assert (reply.status, reply.code) == (409, "version_conflict")
    assert deployment.stores.settings("demo").name == "One"


def test_of_two_changes_at_once_one_is_409(deployment: Deployment, admin: str) -> None:
    deployment.alone = False
    faults = deployment.dynamo.faults
    replies: list[Reply] = []

    def meanwhile(_index: int, operation: str) -> None:
        if operation == "TransactWriteItems":
            faults.before_call = None
            replies.append(change(deployment, admin, {"name": "Second"}))

    faults.before_call = meanwhile
    late = change(deployment, admin, {"name": "First"})
    assert (replies[0].status, late.status, late.code) == (200, 409, "version_conflict")
    assert deployment.stores.settings("demo").name == "Second"


@pytest.mark.row("S38")
def test_every_version_is_kept_and_audited(deployment: Deployment, admin: str) -> None:
    change(deployment, admin, {"base_rate": "0.1"}).expect(200)
    assert deployment.stores.settings("demo", 1).base_rate != deployment.stores.settings("demo", 2).base_rate
    (line,) = [item for item in deployment.dynamo.items("State") if item.get("what", {}).get("S") == "settings_changed"]
    assert (line["before"]["S"], line["after"]["S"]) == ('{"base_rate":"0.05"}', '{"base_rate":"0.1"}')


def test_a_change_that_changes_nothing_makes_no_version(deployment: Deployment, admin: str) -> None:
    same = change(deployment, admin, {"auto_processing": True, "min_order": "0"})
    assert same.expect(200)["version"] == 1
    assert change(deployment, admin, {}).expect(200)["version"] == 1


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"base_rate": "1.01"}, ("base_rate", "rate_range")),
        ({"base_rate": "-0.01"}, ("base_rate", "rate_range")),
        ({"base_rate": "0.123456789012"}, ("base_rate", "rate_range")),
        ({"base_rate": "5%"}, ("base_rate", "rate_range")),
        ({"base_rate": "\u0660.\u0661"}, ("base_rate", "rate_range")),
        ({"base_rate": True}, ("base_rate", "rate_range")),
        ({"tiers": [{"name": "a", "min_spent": "1", "rate": "2"}]}, ("tiers.0.rate", "rate_range")),
        ({"tiers": [{"name": "a", "min_spent": "-1", "rate": "0"}]}, ("tiers.0.min_spent", "amount_negative")),
        ({"tiers": [{"name": "a", "min_spent": "1", "rate": "0"}] * 2}, ("tiers", "duplicate")),
        ({"tiers": [{"name": "a", "rate": "0"}]}, ("tiers.0.min_spent", "required")),
        ({"product_rates": [{"rate": "0.1"}]}, ("product_rates.0", "one_attribute")),
        ({"product_rates": [{"sku": "a", "tag": "b", "rate": "0.1"}]}, ("product_rates.0", "one_attribute")),
        ({"award_on": "shipped"}, ("award_on", "enum")),
        ({"clawback": "none"}, ("clawback", "enum")),
        ({"guest_claim_days": 0}, ("guest_claim_days", "out_of_range")),
        ({"guest_claim_days": 366}, ("guest_claim_days", "out_of_range")),
        ({"guest_claim_days": 10**15}, ("guest_claim_days", "out_of_range")),
        ({"min_order": "1.005"}, ("min_order", "amount_precision")),
        ({"min_order": "-1"}, ("min_order", "amount_negative")),
        ({"timezone": "Mars/Phobos"}, ("timezone", "timezone_unknown")),
        ({"timezone": "UTC+25"}, ("timezone", "timezone_unknown")),
        ({"timezone": "../../etc/passwd"}, ("timezone", "timezone_unknown")),
        ({"timezone": "europe/berlin"}, ("timezone", "timezone_unknown")),
        ({"currency": "EUR"}, ("currency", "currency_fixed")),
        ({"alerts": {"webhook_url": "http://x"}}, ("alerts.webhook_url", "url_format")),
        ({"alerts": {"email": "nobody"}}, ("alerts.email", "email_format")),
        ({"alerts": {"webhook_url": "https://127.0.0.1/"}}, ("alerts.webhook_url", "url_host")),
        ({"alerts": {"webhook_url": "https://x.example.com:8443/"}}, ("alerts.webhook_url", "url_format")),
        ({"alerts": {"holds_over": "-1"}}, ("alerts.holds_over", "amount_negative")),
        ({"alerts": {"holds_over": "1.005"}}, ("alerts.holds_over", "amount_precision")),
        (
            {"notifications": {"order_credited": {"channel": "pigeon"}}},
            ("notifications.order_credited.channel", "enum"),
        ),
        ({"notifications": {"order_lost": {"channel": "sms"}}}, ("notifications", "enum")),
        (
            {"notifications": {"order_reversed": {"template": "Hello {{userNam}}"}}},
            ("notifications.order_reversed.template", "placeholder_unknown"),
        ),
        (
            {"notifications": {"order_credited": {"template": "Hello {{userName}"}}},
            ("notifications.order_credited.template", "placeholder_unknown"),
        ),
        (
            {"notifications": {"balance_adjusted": {"template": "{{promoCode}}"}}},
            ("notifications.balance_adjusted.template", "promo_code_missing"),
        ),
        (
            {"notifications": {"order_credited": {"template": ""}}},
            ("notifications.order_credited.template", "length"),
        ),
        (
            {"notifications": {"order_credited": {"enabled": "yes"}}},
            ("notifications.order_credited.enabled", "type"),
        ),
        ({"exclusions": {"skus": ["a"] * 1_001}}, ("exclusions.skus", "too_many_items")),
        ({"exclusions": {"nothing": []}}, ("exclusions", "field_unknown")),
        ({"earn_on": {"shipping": "yes"}}, ("earn_on.shipping", "type")),
        ({"name": ""}, ("name", "length")),
        ({"name": "a" * 201}, ("name", "length")),
        ({"version": 7}, ("body", "field_unknown")),
        ({"store_id": "other"}, ("body", "field_unknown")),
    ],
    ids=str,
)
@pytest.mark.row("58", "59", "75")
def test_a_setting_that_is_not_acceptable_is_422(
    deployment: Deployment, admin: str, changes: dict[str, Any], fault: tuple[str, str]
) -> None:
    reply = refused(deployment, admin, changes)
    assert (reply.status, reply.code) == (422, fault[1])
    assert reply.faults == [fault]


def test_switching_to_automatic_warns_of_what_still_waits(deployment: Deployment, admin: str) -> None:
    assert change(deployment, admin, {"auto_processing": False}).expect(200)["warnings"] == []
    add_order(deployment, "1", Status.PENDING, now())
    changed = change(deployment, admin, {"auto_processing": True}, "2").expect(200)
    assert [warning["code"] for warning in changed["warnings"]] == ["orders_still_pending"]


def test_alerts_to_an_address_that_no_endpoint_has_are_warned_of(deployment: Deployment, admin: str) -> None:
    endpoints, url = "/v1/webhook-endpoints", "https://shop.example.com/alerts"
    made = deployment.call("POST", endpoints, {"url": f"{url}/other"}, key=admin).expect(201)
    place = f"{endpoints}/{made['webhook_endpoint_id']}"
    assert _warned(deployment, admin, {"alerts": {"webhook_url": url}}, "1") == ["alerts_endpoint_missing"]
    assert _warned(deployment, admin, {"auto_processing": False}, "2") == ["alerts_endpoint_missing"]
    deployment.call("PATCH", place, {"url": url}, key=admin).expect(200)
    assert _warned(deployment, admin, {"auto_processing": True}, "3") == []
    deployment.call("PATCH", place, {"enabled": False}, key=admin).expect(200)
    assert _warned(deployment, admin, {"auto_processing": False}, "4") == ["alerts_endpoint_missing"]
    assert _warned(deployment, admin, {"alerts": {}}, "5") == []


def _warned(deployment: Deployment, admin: str, changes: Any, version: str) -> list[str]:
    return [warning["code"] for warning in change(deployment, admin, changes, version).expect(200)["warnings"]]


def test_an_engine_is_active_when_nothing_is_wrong(deployment: Deployment, admin: str) -> None:
    status = deployment.call("GET", f"{STORE}/status", key=admin).expect(200)
    assert status == {"status": "active", "causes": [], "queue_delay_seconds": 0}


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"auto_processing": False}, "manual_mode"), ({"cashback_enabled": False}, "cashback_disabled")],
)
def test_an_engine_is_paused_by_its_store(
    deployment: Deployment, admin: str, changes: dict[str, Any], code: str
) -> None:
    paused_at = change(deployment, admin, changes).expect(200)["updated_at"]
    change(deployment, admin, {"name": "Later"}, "2").expect(200)
    status = deployment.call("GET", f"{STORE}/status", key=admin).expect(200)
    assert status["status"] == "paused"
    assert status["causes"] == [{"code": code, "count": 1, "since": paused_at}]


def test_failures_of_the_last_hour_are_an_error(deployment: Deployment, admin: str) -> None:
    change(deployment, admin, {"auto_processing": False}).expect(200)
    recent = ago(60)
    add_order(deployment, "1", Status.FAILED, recent)
    add_order(deployment, "2", Status.FAILED, ago(3_700))
    add_order(deployment, "3", Status.FAILED, ago(10))
    status = deployment.call("GET", f"{STORE}/status", key=admin).expect(200)
    assert status["status"] == "error"
    assert status["causes"][0] == {"code": "orders_failed", "count": 2, "since": recent}
    assert status["causes"][1]["code"] == "manual_mode"


def test_failures_of_another_store_do_not_count(deployment: Deployment, admin: str) -> None:
    other = deployment.create_store("other")
    add_order(deployment, "1", Status.FAILED, now())
    assert deployment.call("GET", f"{STORE}/status", key=other).expect(200)["status"] == "active"


def test_a_late_event_speaks_for_a_quarter_of_an_hour(deployment: Deployment, admin: str) -> None:
    deployment.stores.note_delay("demo", 120, ago(60))
    assert deployment.call("GET", f"{STORE}/status", key=admin).expect(200)["queue_delay_seconds"] == 120
    deployment.stores.note_delay("demo", 300, ago(16 * 60))
    assert deployment.call("GET", f"{STORE}/status", key=admin).expect(200)["queue_delay_seconds"] == 0
