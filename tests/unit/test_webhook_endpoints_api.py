"""The routes of outgoing webhooks: endpoints, their secrets, deliveries and replays."""

import json
from typing import Any, get_args

import pytest

from cashback.domain.domain_events import KINDS, DomainEvent
from cashback.domain.outgoing import Attempt, attempted, begun, delivery_of, sealed_for
from cashback.edge import deps
from cashback.edge.clock import now
from cashback.edge.webhook_models import EventKind
from tests.unit.deployment import Deployment, Reply

ENDPOINTS = "/v1/webhook-endpoints"
DELIVERIES = "/v1/webhook-deliveries"
URL = "https://shop.example.com/hooks"


@pytest.fixture
def admin(deployment: Deployment) -> str:
    return deployment.create_store()


def made(deployment: Deployment, admin: str, **body: Any) -> dict[str, Any]:
    reply = deployment.call("POST", ENDPOINTS, {"url": URL, **body}, key=admin)
    answer: dict[str, Any] = reply.expect(201)
    return answer


def audited(deployment: Deployment) -> list[str]:
    items = [item for item in deployment.dynamo.items("State") if "#AUDIT#" in item["pk"]["S"]]
    return [item["what"]["S"] for item in items if "webhook_endpoint" in item["what"]["S"]]


def deliver(endpoint_id: str, number: int = 1, kind: str = "OrderHeld") -> str:
    at = f"2026-03-01T12:00:{number:02}.000000Z"
    detail = {"event_id": f"evt-{number}", "store_id": "demo", "occurred_at": at}
    delivery = delivery_of(DomainEvent(f"evt-{number}", kind, "demo", at, detail), endpoint_id, now())
    assert deps.endpoint_books().deliveries.save("demo", delivery)
    return delivery.delivery_id


def test_the_kinds_of_the_api_are_those_that_are_told() -> None:
    assert get_args(EventKind) == KINDS


def test_an_endpoint_is_made_with_a_secret_that_is_shown_once(deployment: Deployment, admin: str) -> None:
    answer = made(deployment, admin, events=["OrderHeld"], description="Warehouse")
    secret = answer.pop("secret")
    assert secret.startswith("whsec_")
    assert (answer["url"], answer["events"], answer["description"]) == (URL, ["OrderHeld"], "Warehouse")
    assert (answer["status"], answer["status_label"], answer["disabled_at"]) == ("enabled", "Enabled", None)
    path = f"{ENDPOINTS}/{answer['webhook_endpoint_id']}"
    assert deployment.call("GET", path, key=admin).expect(200) == answer
    assert deployment.call("GET", ENDPOINTS, key=admin).expect(200) == {"items": [answer], "next_cursor": None}
    assert secret not in repr(deployment.everything())
    assert audited(deployment) == ["webhook_endpoint_created"]
    (known,) = deps.endpoint_books().endpoints.all("demo")
    assert deps.seals().open(known.sealed, sealed_for("demo", known.endpoint_id)) == secret


def test_the_same_call_again_makes_no_second_endpoint_and_shows_no_secret(deployment: Deployment, admin: str) -> None:
    def call(url: str) -> Reply:
        return deployment.call("POST", ENDPOINTS, {"url": url}, key=admin, idempotency_key="k")

    first = call(URL).expect(201)
    before = deployment.everything()
    again = call(URL)
    assert again.expect(201) == {**first, "secret": None}
    assert again.headers["Idempotency-Replayed"] == ["true"]
    assert (call("https://other.example.com/").status, deployment.everything()) == (409, before)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"url": "http://shop.example.com/"}, ("url", "url_format")),
        ({"url": "https://user@shop.example.com/"}, ("url", "url_format")),
        ({"url": "https://shop.example.com:8443/"}, ("url", "url_format")),
        ({"url": "https://169.254.169.254/latest"}, ("url", "url_host")),
        ({"url": "https://localhost/"}, ("url", "url_host")),
        ({"url": URL, "events": ["OrderLost"]}, ("events.0", "enum")),
        ({"url": URL, "events": "OrderHeld"}, ("events", "type")),
        ({"url": URL, "secret": "whsec_AAAA"}, ("body", "field_unknown")),
        ({"events": []}, ("url", "required")),
    ],
    ids=str,
)
def test_an_endpoint_that_is_not_acceptable_is_422(
    deployment: Deployment, admin: str, body: dict[str, Any], fault: tuple[str, str]
) -> None:
    before = deployment.everything()
    reply = deployment.call("POST", ENDPOINTS, body, key=admin)
    assert (reply.status, reply.faults) == (422, [fault])
    if "url" in body and fault[0] == "url":
        known = made(deployment, admin)["webhook_endpoint_id"]
        before = deployment.everything()
        reply = deployment.call("PATCH", f"{ENDPOINTS}/{known}", body, key=admin)
        assert (reply.status, reply.faults) == (422, [fault])
    assert deployment.everything() == before


def test_a_store_has_twenty_endpoints_at_most(deployment: Deployment, admin: str) -> None:
    first = made(deployment, admin)["webhook_endpoint_id"]
    for _ in range(19):
        made(deployment, admin)
    reply = deployment.call("POST", ENDPOINTS, {"url": URL}, key=admin)
    assert (reply.status, reply.code) == (422, "too_many_endpoints")
    deployment.call("DELETE", f"{ENDPOINTS}/{first}", key=admin).expect(204)
    made(deployment, admin)
    page = deployment.call("GET", f"{ENDPOINTS}?limit=15", key=admin).expect(200)
    rest = deployment.call("GET", f"{ENDPOINTS}?limit=15&cursor={page['next_cursor']}", key=admin).expect(200)
    assert (len(page["items"]), len(rest["items"]), rest["next_cursor"]) == (15, 5, None)


def test_an_endpoint_is_changed_switched_and_deleted(deployment: Deployment, admin: str) -> None:
    path = f"{ENDPOINTS}/{made(deployment, admin, description='Old')['webhook_endpoint_id']}"

    def change(**body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = deployment.call("PATCH", path, body, key=admin).expect(200)
        return answer

    changed = change(url="https://new.example.com/", events=["OrderFailed"], description=None)
    assert (changed["url"], changed["events"], changed["description"]) == (
        "https://new.example.com/",
        ["OrderFailed"],
        None,
    )
    assert changed["secret"] is None
    off = change(enabled=False)
    assert (off["status"], off["disabled_reason"]) == ("disabled", "by_admin")
    before = deployment.everything()
    assert change(enabled=False) == off
    assert change() == off
    assert deployment.everything() == before
    assert change(enabled=True)["disabled_at"] is None
    deployment.call("DELETE", path, key=admin).expect(204)
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        assert deployment.call(method, path, body, key=admin).status == 404
    assert sorted(set(audited(deployment))) == [
        "webhook_endpoint_changed",
        "webhook_endpoint_created",
        "webhook_endpoint_deleted",
    ]
    (left,) = deps.endpoint_books().endpoints.all("demo")
    assert (left.sealed, left.previous) == (b"", None)


def test_a_rotated_secret_is_shown_once_and_the_one_before_signs_along(deployment: Deployment, admin: str) -> None:
    first = made(deployment, admin)
    path = f"{ENDPOINTS}/{first['webhook_endpoint_id']}"
    second = deployment.call("PATCH", path, {"rotate_secret": True}, key=admin).expect(200)["secret"]
    assert second.startswith("whsec_")
    assert second != first["secret"]
    (known,) = deps.endpoint_books().endpoints.all("demo")
    opened = [deps.seals().open(one, sealed_for("demo", known.endpoint_id)) for one in known.secrets(now())]
    assert opened == [second, first["secret"]]
    assert audited(deployment)[-1] == "webhook_endpoint_secret_rotated"
    assert "secret" not in deployment.call("GET", path, key=admin).expect(200)


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_whoever_is_no_admin_may_look_only(deployment: Deployment, admin: str, role: str) -> None:
    key = deployment.make_key(admin, role)
    endpoint_id = made(deployment, admin)["webhook_endpoint_id"]
    path, delivery_id = f"{ENDPOINTS}/{endpoint_id}", deliver(endpoint_id)
    for place in (ENDPOINTS, path, DELIVERIES):
        deployment.call("GET", place, key=key).expect(200)
    replay = f"{DELIVERIES}/{delivery_id}/replay"
    for method, place, body in (
        ("POST", ENDPOINTS, {"url": URL}),
        ("PATCH", path, {"enabled": False}),
        ("DELETE", path, None),
        ("POST", replay, None),
    ):
        assert deployment.call(method, place, body, key=key).code == "forbidden"


def test_another_stores_endpoints_and_deliveries_are_not_there(deployment: Deployment, admin: str) -> None:
    foreign = deployment.create_store("other")
    endpoint_id = made(deployment, admin)["webhook_endpoint_id"]
    path, delivery_id = f"{ENDPOINTS}/{endpoint_id}", deliver(endpoint_id)
    before = deployment.everything()
    for method, place, body in (
        ("GET", path, None),
        ("PATCH", path, {"enabled": False}),
        ("DELETE", path, None),
        ("POST", f"{DELIVERIES}/{delivery_id}/replay", None),
    ):
        assert deployment.call(method, place, body, key=foreign).status == 404
    for place in (ENDPOINTS, DELIVERIES):
        assert deployment.call("GET", place, key=foreign).expect(200)["items"] == []
    assert deployment.everything() == before


def test_each_attempt_of_a_delivery_is_seen(deployment: Deployment, admin: str) -> None:
    endpoint_id = made(deployment, admin)["webhook_endpoint_id"]
    delivery_id = deliver(endpoint_id)
    outgoing = deps.endpoint_books()
    standing = outgoing.deliveries.get("demo", delivery_id)
    for code, error in ((503, None), (None, "timed_out")):
        assert standing is not None
        standing = begun(standing, "2026-03-01T12:00:00.000000Z")
        assert standing is not None
        assert outgoing.deliveries.save("demo", standing)
        standing = attempted(standing, Attempt("2026-03-01T12:00:01.000000Z", code, error))
        assert outgoing.deliveries.save("demo", standing)
    (shown,) = deployment.call("GET", DELIVERIES, key=admin).expect(200)["items"]
    assert shown["history"] == [
        {"at": "2026-03-01T12:00:01.000000Z", "response_code": 503, "error": None},
        {"at": "2026-03-01T12:00:01.000000Z", "response_code": None, "error": "timed_out"},
    ]
    told = {name: shown[name] for name in ("status", "attempts", "response_code", "error", "next_attempt_at", "event")}
    assert told == {
        "status": "pending",
        "attempts": 2,
        "response_code": None,
        "error": "timed_out",
        "next_attempt_at": "2026-03-01T12:15:00.000000Z",
        "event": "OrderHeld",
    }


def test_deliveries_are_listed_newest_first_and_by_endpoint_and_status(deployment: Deployment, admin: str) -> None:
    one, other = (made(deployment, admin)["webhook_endpoint_id"] for _ in range(2))
    made_ids = [deliver(one if number % 3 else other, number) for number in range(12)]
    page = deployment.call("GET", f"{DELIVERIES}?limit=7", key=admin).expect(200)
    rest = deployment.call("GET", f"{DELIVERIES}?limit=7&cursor={page['next_cursor']}", key=admin).expect(200)
    listed = [item["webhook_delivery_id"] for item in page["items"] + rest["items"]]
    assert listed == made_ids[::-1]
    assert rest["next_cursor"] is None
    found: list[str] = []
    cursor = ""
    while cursor is not None:
        asked = f"{DELIVERIES}?webhook_endpoint_id={other}&limit=3{cursor and f'&cursor={cursor}'}"
        part = deployment.call("GET", asked, key=admin).expect(200)
        found += [item["event_id"] for item in part["items"]]
        cursor = part["next_cursor"]
    assert found == ["evt-9", "evt-6", "evt-3", "evt-0"]
    for status, number in (("pending", 12), ("failed", 0)):
        items = deployment.call("GET", f"{DELIVERIES}?status={status}", key=admin).expect(200)["items"]
        assert len(items) == number
    assert deployment.call("GET", f"{DELIVERIES}?status=lost", key=admin).status == 422


def test_a_delivery_is_replayed_by_a_message_to_the_notifier(deployment: Deployment, admin: str) -> None:
    endpoint_id = made(deployment, admin)["webhook_endpoint_id"]
    delivery_id = deliver(endpoint_id)
    path = f"{DELIVERIES}/{delivery_id}/replay"
    shown = deployment.call("POST", path, key=admin).expect(202)
    assert (shown["status"], shown["webhook_delivery_id"]) == ("pending", delivery_id)
    (sent,) = deployment.sqs.sent
    assert (sent["QueueUrl"], sent["MessageGroupId"]) == ("notifications_queue_url", "demo")
    assert json.loads(sent["MessageBody"]) == {"type": "attempt", "store_id": "demo", "delivery_id": delivery_id}
    audited = deployment.call("GET", "/v1/audit", key=admin).expect(200)["items"][0]
    assert (audited["what"], audited["target"]) == ("webhook_delivery_replayed", delivery_id)
    deployment.call("PATCH", f"{ENDPOINTS}/{endpoint_id}", {"enabled": False}, key=admin).expect(200)
    assert deployment.call("POST", path, key=admin).code == "state_conflict"
    assert deployment.call("POST", f"{DELIVERIES}/whd_none/replay", key=admin).status == 404


def test_a_closed_store_gets_no_endpoint(deployment: Deployment, admin: str) -> None:
    deployment.operator("POST", "/platform/stores/demo/close", {"reason": "over"}).expect(200)
    assert deployment.call("POST", ENDPOINTS, {"url": URL}, key=admin).status in {401, 409}
