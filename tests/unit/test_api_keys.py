"""API keys: made once, listed, deleted, and never the last admin."""

from typing import Any

import pytest

from cashback.domain.api_keys import digest_of
from cashback.edge import deps
from tests.unit.deployment import Deployment, function

KEYS = "/v1/api-keys"


@pytest.fixture
def admin(deployment: Deployment) -> str:
    return deployment.create_store()


def ids(deployment: Deployment, key: str) -> list[str]:
    return [item["api_key_id"] for item in deployment.call("GET", KEYS, key=key).expect(200)["items"]]


def test_a_key_is_shown_once(deployment: Deployment, admin: str) -> None:
    made = deployment.call("POST", KEYS, {"name": "till", "role": "viewer"}, key=admin).expect(201)
    assert made["api_key"].startswith("cbk_demo_")
    assert len(made["api_key"]) == len("cbk_demo_") + 32
    listed = deployment.call("GET", KEYS, key=admin).expect(200)
    assert made["api_key"] not in str(listed)
    assert "digest" not in str(listed)
    assert deployment.call("GET", "/v1/store", key=made["api_key"]).expect(200)["store_id"] == "demo"


@pytest.mark.row("S10")
def test_a_key_is_stored_nowhere(deployment: Deployment, admin: str) -> None:
    made = deployment.call("POST", KEYS, {"name": "till", "role": "viewer"}, key=admin).expect(201)
    stored = str(deployment.everything())
    assert digest_of(made["api_key"]) in stored
    assert made["api_key"] not in stored
    assert made["api_key"].rpartition("_")[2] not in stored


def test_the_same_call_without_an_idempotency_key_is_another_call(deployment: Deployment, admin: str) -> None:
    body = {"name": "till", "role": "viewer"}
    first, second = (deployment.call("POST", KEYS, body, key=admin).expect(201) for _ in range(2))
    assert first["api_key_id"] != second["api_key_id"]
    named = deployment.call("POST", KEYS, body, key=admin, idempotency_key=f"request-{next(deployment.numbers)}")
    assert named.expect(201)["api_key"] is not None


def test_the_same_call_again_makes_no_second_key(deployment: Deployment, admin: str) -> None:
    body = {"name": "till", "role": "viewer"}
    first = deployment.call("POST", KEYS, body, key=admin, idempotency_key="k1")
    again = deployment.call("POST", KEYS, body, key=admin, idempotency_key="k1")
    assert again.expect(201) == {**first.expect(201), "api_key": None}
    assert again.headers["Idempotency-Replayed"] == ["true"]
    assert "Idempotency-Replayed" not in first.headers
    assert len(ids(deployment, admin)) == 2


def test_another_body_under_the_same_key_is_409(deployment: Deployment, admin: str) -> None:
    deployment.call("POST", KEYS, {"name": "till", "role": "viewer"}, key=admin, idempotency_key="k1").expect(201)
    reply = deployment.call("POST", KEYS, {"name": "till", "role": "admin"}, key=admin, idempotency_key="k1")
    assert (reply.status, reply.code) == (409, "idempotency_mismatch")


def test_another_admin_with_the_same_key_is_another_call(deployment: Deployment, admin: str) -> None:
    body = {"name": "till", "role": "viewer"}
    other = deployment.make_key(admin, "admin")
    first = deployment.call("POST", KEYS, body, key=admin, idempotency_key="k1").expect(201)
    second = deployment.call("POST", KEYS, body, key=other, idempotency_key="k1").expect(201)
    assert first["api_key_id"] != second["api_key_id"]
    assert second["api_key"] is not None


def test_a_repeated_call_after_the_deletion_brings_no_key_back(deployment: Deployment, admin: str) -> None:
    body = {"name": "till", "role": "viewer"}
    made = deployment.call("POST", KEYS, body, key=admin, idempotency_key="k1").expect(201)
    deployment.call("DELETE", f"{KEYS}/{made['api_key_id']}", key=admin).expect(204)
    assert deployment.call("POST", KEYS, body, key=admin, idempotency_key="k1").expect(201)["api_key"] is None
    assert made["api_key_id"] not in ids(deployment, admin)


def test_a_deleted_key_is_gone_and_cannot_be_deleted_again(deployment: Deployment, admin: str) -> None:
    made = deployment.call("POST", KEYS, {"name": "till", "role": "viewer"}, key=admin).expect(201)
    reply = deployment.call("DELETE", f"{KEYS}/{made['api_key_id']}", key=admin)
    assert (reply.status, reply.text) == (204, "")
    assert deployment.call("DELETE", f"{KEYS}/{made['api_key_id']}", key=admin).status == 404
    assert deployment.call("GET", "/v1/store", key=made["api_key"]).status == 401


def test_a_key_cannot_delete_itself(deployment: Deployment, admin: str) -> None:
    deployment.make_key(admin, "admin")
    own = ids(deployment, admin)[-1]
    reply = deployment.call("DELETE", f"{KEYS}/{own}", key=admin)
    assert (reply.status, reply.code) == (409, "own_key")


def test_the_last_admin_key_stays(deployment: Deployment, admin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's own key may have expired within the authorizer's cache: then it is no admin to rely on."""
    first = ids(deployment, admin)[0]
    passing = deployment.make_key(admin, "admin", expires_at="2090-01-01T00:00:00Z")
    deployment.make_key(admin, "operator")
    monkeypatch.setattr(function("settings_api"), "now", lambda: "2090-01-01T00:00:00.000000Z")
    reply = deployment.call("DELETE", f"{KEYS}/{first}", key=passing)
    assert (reply.status, reply.code) == (409, "last_admin_key")
    assert first in ids(deployment, admin)


def test_of_two_deletions_at_once_one_keeps_the_last_admin(deployment: Deployment, admin: str) -> None:
    """Each of two admins deletes the other: both read the same keys, and one of them must read again."""
    deployment.alone = False
    second = deployment.make_key(admin, "admin")
    second_id, first_id = ids(deployment, admin)
    keys = deps.api_keys()
    faults = deployment.dynamo.faults
    other: dict[str, Any] = {}

    def meanwhile(_index: int, operation: str) -> None:
        if operation == "TransactWriteItems":
            faults.before_call = None
            other["reply"] = deployment.call("DELETE", f"{KEYS}/{first_id}", key=second)

    granted = function("authorizer").handler
    assert granted
    faults.before_call = meanwhile
    reply = deployment.call("DELETE", f"{KEYS}/{second_id}", key=admin)
    assert other["reply"].status == 204
    assert reply.status in {404, 409}
    assert [key.api_key_id for key in keys.ring("demo").keys if key.deleted_at is None] == [second_id]


def test_an_expiry_in_the_past_is_422(deployment: Deployment, admin: str) -> None:
    body = {"name": "till", "role": "viewer", "expires_at": "2001-01-01T00:00:00Z"}
    reply = deployment.call("POST", KEYS, body, key=admin)
    assert (reply.status, reply.faults) == (422, [("expires_at", "time_past")])


@pytest.mark.parametrize("role", ["owner", "", "ADMIN", None])
def test_a_role_that_is_none_is_422(deployment: Deployment, admin: str, role: str | None) -> None:
    assert deployment.call("POST", KEYS, {"name": "x", "role": role}, key=admin).status == 422


def test_pages_are_disjoint_complete_and_end(deployment: Deployment, admin: str) -> None:
    for _ in range(6):
        deployment.make_key(admin, "viewer")
    seen: list[str] = []
    path = f"{KEYS}?limit=3"
    while True:
        page = deployment.call("GET", path, key=admin).expect(200)
        seen += [item["api_key_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        path = f"{KEYS}?limit=3&cursor={page['next_cursor']}"
    assert seen == ids(deployment, admin)
    assert len(seen) == 7


def test_a_cursor_of_another_store_is_400(deployment: Deployment, admin: str) -> None:
    other = deployment.create_store("other")
    for key in (admin, other):
        deployment.make_key(key, "viewer")
    theirs = deployment.call("GET", f"{KEYS}?limit=1", key=other).expect(200)["next_cursor"]
    for cursor in (theirs, theirs[:-1], "x", ""):
        reply = deployment.call("GET", f"{KEYS}?cursor={cursor}", key=admin)
        assert (reply.status, reply.code) == (400, "page_token_invalid")


def test_every_change_of_keys_leaves_a_line_of_audit(deployment: Deployment, admin: str) -> None:
    made = deployment.call("POST", KEYS, {"name": "till", "role": "viewer"}, key=admin, x_actor="anna").expect(201)
    deployment.call("DELETE", f"{KEYS}/{made['api_key_id']}", key=admin).expect(204)
    lines = [item for item in deployment.dynamo.items("State") if item["pk"]["S"].startswith("S#demo#AUDIT#")]
    told = [(line["what"]["S"], line["target"]["S"]) for line in lines]
    assert told == [
        ("store_created", "demo"),
        ("api_key_created", made["api_key_id"]),
        ("api_key_deleted", made["api_key_id"]),
    ]
    assert lines[1]["actor"]["S"].startswith("anna (key:")
    assert lines[1]["source_ip"]["S"] == "203.0.113.7"
    assert made["api_key"] not in str(lines)
