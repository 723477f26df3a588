"""The nightly comparison as it is deployed, with the hourly function's own role, and the same by hand."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import key_attributes
from cashback.adapters.dynamo.reconciliations import Reconciliations
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.reconciliation import Reconciliation
from cashback.edge.deps import make_books
from cashback.services.reconcile import NIGHT
from dev.client import Store
from dev.project import ROOT
from dev.reconcile import compare
from tests.e2e.deployed import DeployedStack
from tests.e2e.shop import Shop

EVENT = json.loads((ROOT / "events" / "daily.json").read_text())


def awake() -> str:
    """A time zone where the night has begun already."""
    return "UTC" if datetime.now(UTC).hour >= NIGHT else "Asia/Tokyo"


def report_of(stack: DeployedStack, store: Store) -> Reconciliation:
    kept = Reconciliations(StateTable(stack.client("dynamodb"), stack.state_table))
    (report,) = kept.reports(store.store_id)
    return report


def add(stack: DeployedStack, store: Store, customer_id: str, change: int) -> None:
    """Change a balance as no code of ours does."""
    stack.client("dynamodb").update_item(
        TableName=stack.state_table,
        Key=key_attributes(keys.account(store.store_id, customer_id)),
        UpdateExpression="SET available = available + :change",
        ExpressionAttributeValues={":change": {"N": str(change)}},
    )


@pytest.mark.parametrize("change", [0, 1])
def test_the_hourly_function_compares_every_balance_and_mends_none(
    stack: DeployedStack, make_store: Callable[..., Store], change: int
) -> None:
    shop = Shop(stack, make_store(timezone=awake()))
    sale = shop.sell()
    customer_id = str(sale.customer_id)
    add(stack, shop.store, customer_id, change)
    before = _money(stack, shop.store)
    told = stack.invoke("daily", EVENT)
    assert _money(stack, shop.store) == before
    add(stack, shop.store, customer_id, -change)
    assert told["reconciled"] >= 1
    report = report_of(stack, shop.store)
    assert (report.customers, report.orders, report.moving, report.found) == (1, 1, 0, change)
    assert [(one.item_id, one.figure, one.stands - one.expected) for one in report.differences] == (
        [(customer_id, "available", change)] if change else []
    )
    drift = [line for line in stack.lines("daily", "ledger_drift") if shop.store.store_id in line]
    assert len(drift) == change
    assert stack.denials() == []


def test_by_hand_the_same_is_found_at_any_hour(stack: DeployedStack, shop: Shop) -> None:
    sale = shop.sell()
    books = make_books(stack.client("dynamodb"), stack.ledger_table, stack.state_table, lambda: b"")
    assert compare(books, shop.store.store_id, "").found == 0
    add(stack, shop.store, str(sale.customer_id), 1)
    assert compare(books, shop.store.store_id, "").found == 1
    add(stack, shop.store, str(sale.customer_id), -1)


def _money(stack: DeployedStack, store: Store) -> dict[str, Any]:
    """Everything but what the comparison itself keeps."""
    return {key: item for key, item in stack.snapshot(store).items() if "#RECON" not in key and "#CFG " not in key}
