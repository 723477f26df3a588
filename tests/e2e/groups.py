"""Groups and their jobs as end-to-end tests see them."""

from collections.abc import Iterable
from typing import Any

from cashback.adapters.dynamo.customers import Customers
from cashback.adapters.dynamo.groups import Groups
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.customers import Profile
from cashback.domain.groups import Group
from cashback.domain.ledger import Entry, Kind, Posting, payload_hash
from cashback.domain.times import OLDEST
from dev.client import wait_until
from tests.e2e.shop import Shop, fresh_id

NOW = "2026-02-03T09:00:00.000000Z"


def gather(shop: Shop, group_id: str, members: Iterable[str]) -> None:
    """A group by hand of these members."""
    groups = Groups(StateTable(shop.stack.client("dynamodb"), shop.stack.state_table))
    made = Group(group_id, "Friends", NOW, "key:test", "request", "body")
    assert groups.create(shop.store.store_id, made) is None
    ids = list(members)
    if ids:
        groups.add(shop.store.store_id, group_id, ids, "by hand", NOW)


def enrol(shop: Shop, *balances: int) -> list[str]:
    """New customers with so much in their balances, in minor units."""
    customers = Customers(StateTable(shop.stack.client("dynamodb"), shop.stack.state_table))
    ids = [str(fresh_id()) for _ in balances]
    for customer_id, balance in zip(ids, balances, strict=True):
        assert customers.create(shop.store.store_id, Profile(customer_id, OLDEST, NOW), NOW)
        if balance:
            entry = Entry("adm:enrol", Kind.MANUAL, balance, "key:test", payload_hash(Kind.MANUAL))
            shop.stack.ledger.post(Posting(shop.store.store_id, customer_id, NOW, entries=(entry,)))
    return ids


def finished(shop: Shop, job: dict[str, Any], *, seconds: float = 30) -> dict[str, Any]:
    """The job once every member has an outcome."""

    def look() -> dict[str, Any]:
        found: dict[str, Any] = shop.store.api("GET", f"/v1/group-jobs/{job['job_id']}").expect(200)
        return found if found["finished_at"] is not None else {}

    shown: dict[str, Any] = wait_until(look, seconds=seconds)
    return shown
