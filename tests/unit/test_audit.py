"""The audit: who changed what, newest first, over months with acts and months without."""

from typing import Any

import pytest

from cashback.domain.audit import Act, Origin, months_back
from cashback.domain.times import Instant
from cashback.edge import clock
from tests.unit.deployment import Deployment, Reply

AUDIT = "/v1/audit"
CREATED = "2026-03-01T12:00:00.000000Z"
NOW = "2027-02-10T12:00:00.000000Z"
TIMES = [
    "2026-03-01T12:00:00.000001Z",
    "2026-03-31T23:59:59.999999Z",
    "2026-04-01T00:00:00.000000Z",
    "2026-04-01T00:00:00.000001Z",
    "2026-12-31T23:59:59.999999Z",
    "2027-01-01T00:00:00.000000Z",
    "2027-02-10T12:00:00.000000Z",
]
"""Months without an act lie between them, and one at the border of two years."""


@pytest.fixture
def clock_at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What sets the clock of the functions."""

    def set_to(at: Instant) -> None:
        for function in ("platform_api", "settings_api"):
            monkeypatch.setattr(f"functions.{function}.app.now", lambda: at)

    return set_to


@pytest.fixture
def admin(deployment: Deployment, clock_at: Any) -> str:
    """The key of a store that was created a year ago and where something was done in some months since."""
    clock_at(CREATED)
    key = deployment.create_store()
    for at in TIMES:
        act(deployment, at, f"at {at}")
        act(deployment, at, f"also at {at}")
    clock_at(NOW)
    return key


def act(deployment: Deployment, at: Instant, what: str, store_id: str = "demo") -> None:
    origin = Origin("key:1", what.replace(" ", "-"), "203.0.113.7")
    deployment.stores.act(store_id, Act(what, "target", at, origin))


def page(deployment: Deployment, key: str, query: str = "") -> Reply:
    return deployment.call("GET", f"{AUDIT}{query}", key=key)


def pages(deployment: Deployment, key: str, limit: int, filters: str = "") -> list[list[str]]:
    """The acts of every page."""
    found, cursor = [], ""
    for _ in range(30):
        answer = page(deployment, key, f"?limit={limit}{filters}{cursor}").expect(200)
        found.append([item["what"] for item in answer["items"]])
        if answer["next_cursor"] is None:
            return found
        cursor = f"&cursor={answer['next_cursor']}"
    raise AssertionError("the list does not end")


def newest_first(*times: Instant) -> list[str]:
    return [what for at in reversed(times) for what in (f"at {at}", f"also at {at}")]


EVERYTHING = [*newest_first(*TIMES), "store_created"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 14, 15, 16, 100])
def test_pages_are_disjoint_and_complete_over_months_and_end_at_the_stores_creation(
    deployment: Deployment, admin: str, limit: int
) -> None:
    found = pages(deployment, admin, limit)
    assert [what for part in found for what in part] == EVERYTHING
    assert all(len(part) == limit for part in found[:-1])


def test_an_act_in_the_middle_of_paging_changes_no_later_page(deployment: Deployment, admin: str) -> None:
    first = page(deployment, admin, "?limit=2").expect(200)
    act(deployment, NOW, "meanwhile")
    second = page(deployment, admin, f"?limit=100&cursor={first['next_cursor']}").expect(200)
    assert [item["what"] for item in second["items"]] == EVERYTHING[2:]


@pytest.mark.parametrize(
    ("filters", "times"),
    [
        (f"&from={TIMES[2]}", TIMES[2:]),
        (f"&to={TIMES[2]}", TIMES[:3]),
        (f"&from={TIMES[1]}&to={TIMES[4]}", TIMES[1:5]),
        (f"&from={TIMES[1]}&to={TIMES[1]}", TIMES[1:2]),
        ("&from=2026-05-01T00:00:00Z&to=2026-11-30T00:00:00Z", []),
        ("&from=2027-03-01T00:00:00Z", []),
        ("&from=2199-12-31T00:00:00Z", []),
        (f"&from={TIMES[4]}&to={TIMES[1]}", []),
        ("&to=2020-01-01T00:00:00Z", None),
    ],
)
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_acts_of_some_time_only(
    deployment: Deployment, admin: str, filters: str, times: list[Instant] | None, limit: int
) -> None:
    found = [what for part in pages(deployment, admin, limit, filters) for what in part]
    wanted = newest_first(*times or [])
    assert found == wanted + (["store_created"] if times and times[0] == TIMES[0] else [])


def test_no_query_asks_for_a_month_before_the_store_or_after_today(deployment: Deployment, admin: str) -> None:
    def calls(query: str) -> int:
        before = deployment.dynamo.faults.calls
        page(deployment, admin, query).expect(200)
        return deployment.dynamo.faults.calls - before

    key_and_store = 2
    assert calls("?from=2026-04-20T00:00:00Z&to=2026-04-10T00:00:00Z") == key_and_store
    assert calls("?from=2026-04-10T00:00:00Z&to=2026-04-20T00:00:00Z") == key_and_store + 1
    assert calls("?from=1999-01-01T00:00:00Z&to=2199-12-31T00:00:00Z&limit=100") == key_and_store + 12
    assert calls("?from=2199-01-01T00:00:00Z") == calls("?to=2020-01-01T00:00:00Z") == key_and_store


@pytest.mark.row("S14")
def test_an_act_says_who_what_when_and_from_where(deployment: Deployment) -> None:
    key = deployment.create_store()
    deployment.call("PATCH", "/v1/store", {"base_rate": "0.1"}, key=key, if_match="1", x_actor="Ada").expect(200)
    body = {"name": "till", "role": "viewer"}
    made = deployment.call("POST", "/v1/api-keys", body, key=key).expect(201)
    deployment.call("DELETE", f"/v1/api-keys/{made['api_key_id']}", key=key).expect(204)
    deployment.operator("POST", "/platform/stores/demo/webhook-secrets", {"source": "shopify"}).expect(201)
    items = page(deployment, key).expect(200)["items"]
    assert [(item["what"], item["target"]) for item in items] == [
        ("webhook_secret_rotated", "shopify"),
        ("api_key_deleted", made["api_key_id"]),
        ("api_key_created", made["api_key_id"]),
        ("settings_changed", "demo"),
        ("store_created", "demo"),
    ]
    changed = items[3]
    assert changed["actor"].startswith("Ada (key:key_")
    assert (changed["before"], changed["after"]) == ({"base_rate": "0.05"}, {"base_rate": "0.1"})
    assert (changed["source_ip"], changed["request_id"][:8]) == ("203.0.113.7", "request-")
    assert CREATED[:2] == changed["at"][:2] <= clock.now()
    assert (items[2]["before"], items[2]["after"]) == (None, {"expires_at": None, **body})
    assert (items[1]["before"], items[1]["after"]) == ({"expires_at": None, **body}, None)


def test_another_stores_acts_are_not_shown(deployment: Deployment, admin: str) -> None:
    other = deployment.create_store("other")
    act(deployment, NOW, "elsewhere", "other")
    assert pages(deployment, other, 100) == [["store_created", "elsewhere"]]
    assert [what for part in pages(deployment, admin, 100) for what in part] == EVERYTHING


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_an_admin_sees_it(deployment: Deployment, role: str) -> None:
    key = deployment.make_key(deployment.create_store(), role)
    assert page(deployment, key).code == "forbidden"


def test_a_cursor_is_good_for_its_own_filters_only(deployment: Deployment, admin: str) -> None:
    cursor = page(deployment, admin, "?limit=1").expect(200)["next_cursor"]
    assert page(deployment, admin, f"?limit=1&from={TIMES[0]}&cursor={cursor}").code == "page_token_invalid"


def test_months_go_back_over_the_ends_of_years() -> None:
    assert list(months_back("2027-02", "2026-11")) == ["2027-02", "2027-01", "2026-12", "2026-11"]
    assert list(months_back("2026-11", "2026-12")) == []
    assert list(months_back("0001-01", "0001-01")) == ["0001-01"]
