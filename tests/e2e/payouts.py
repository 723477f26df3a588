"""Incentive requests and payouts as end-to-end tests see them."""

from typing import Any

from dev.client import Answer
from tests.e2e.shop import Shop, fresh_id, plain

REQUESTS, PAYOUTS = "/v1/incentive-requests", "/v1/payouts"
NO = {"reason": "not this time"}


def customer(shop: Shop, balance: str = "100.00") -> str:
    """A new customer who has some cashback and an account at a payment service; their id."""
    customer_id = f"C-{fresh_id()}"
    shop.store.api("POST", "/v1/customers", {"customer_id": customer_id, "name": "Ada"}).expect(201)
    shop.store.post(f"/v1/customers/{customer_id}/adjustments", {"amount": balance}).expect(201)
    account(shop, customer_id)
    return customer_id


def account(shop: Shop, customer_id: str, **fields: str) -> str:
    """An account of a customer, at a payment service unless said otherwise; its id."""
    body = fields or {"type": "digital", "provider": "PayPal", "handle": f"{customer_id}@example.com"}
    made = shop.store.api("POST", f"/v1/customers/{customer_id}/payment-accounts", body).expect(201)
    return str(made["payment_account_id"])


def ask(shop: Shop, customer_id: str, key: str | None = None, **fields: Any) -> Answer:
    """Ask for 40.00 of the balance, unless said otherwise."""
    body = {"customer_id": customer_id, "program": "Friends", "amount": "40.00", "from_balance": True, **fields}
    return shop.store.post(REQUESTS, body, key=key)


def approved(shop: Shop, customer_id: str, **fields: Any) -> str:
    """An approved request; its id."""
    request_id = str(ask(shop, customer_id, **fields).expect(201)["incentive_request_id"])
    shop.store.post(f"{REQUESTS}/{request_id}/approve").expect(200)
    return request_id


def pay(shop: Shop, customer_id: str, **fields: Any) -> dict[str, str]:
    """A payout of a new request, to a customer who has an account or gets one; the ids of both."""
    if not shop.store.api("GET", f"/v1/customers/{customer_id}/payment-accounts").expect(200)["items"]:
        account(shop, customer_id)
    request_id = approved(shop, customer_id, **fields)
    made = shop.store.post(PAYOUTS, {"incentive_request_id": request_id}).expect(201)
    return {"incentive_request_id": request_id, "payout_id": str(made["payout_id"])}


def turn(shop: Shop, payout_id: str, status: str, **fields: Any) -> Answer:
    """Change the status of a payout."""
    reason = {"reason": "returned"} if status == "failed" else {}
    return shop.store.api("PATCH", f"{PAYOUTS}/{payout_id}", {"status": status, **reason, **fields})


def money(shop: Shop, customer_id: str) -> tuple[str, str, str]:
    """What is available, reserved and owed, once it was found to be what was credited and not debited."""
    balance = plain(shop.store.api("GET", f"/v1/customers/{customer_id}/balance").expect(200))
    available, reserved, credited, debited = (
        int(balance[name].replace(".", "")) for name in ("available", "reserved", "credited", "debited")
    )
    assert available + reserved == credited - debited
    return balance["available"], balance["reserved"], balance["shortfall"]


def notes(shop: Shop, customer_id: str) -> list[tuple[str, str]]:
    """Amount and note of each transaction of a payout, the oldest first."""
    path = f"/v1/customers/{customer_id}/transactions?type=payout&include_zero=true&limit=100"
    items = plain(shop.store.api("GET", path).expect(200))["items"]
    return [(item["amount"], item["note"]) for item in reversed(items)]


def history(shop: Shop, payout_id: str) -> list[dict[str, Any]]:
    """The changes of a payout, the oldest first."""
    page = plain(shop.store.api("GET", f"{PAYOUTS}/{payout_id}/history?limit=100").expect(200))
    return list(reversed(page["items"]))
