"""Items as the first release stored them, the smallest and the largest of each kind, are read for ever.

``stored_items.json`` is never made anew: an item of a later format comes beside those that are there.
"""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import from_item
from cashback.adapters.dynamo.documents import order_of
from cashback.adapters.dynamo.keys import unescape
from cashback.adapters.seals import Seals
from cashback.edge.deps import make_books, make_group_books, make_job_books, make_payout_books
from tests.simulation.dynamo import SimulatedDynamo
from tests.simulation.project_tables import table_specs

STORED: dict[str, list[dict[str, Any]]] = json.loads((Path(__file__).parent / "stored_items.json").read_text())
ITEMS = [(table, item) for table, items in STORED.items() for item in items]
ORDERS = [item for _, item in ITEMS if item["sk"] == {"S": "ORDER"}]
SHOP = "shop"


def of_bytes(value: dict[str, Any]) -> dict[str, Any]:
    """A value of the file as the client gives it."""
    return {"B": base64.b64decode(value["B"])} if "B" in value else value


def readers(dynamo: SimulatedDynamo) -> dict[str, Callable[..., Any]]:
    """How each kind of item is read: given what its key names after the store, and the rest of its sort key."""
    client = cast("Any", dynamo)
    seals = Seals(lambda: client, "key")
    books = make_books(client, "Ledger", "State", lambda: b"k", make_seals=lambda: seals)
    groups = make_group_books(client, "State")
    jobs = make_job_books(books, groups, lambda: client, client, "State").jobs
    payouts = make_payout_books(books, client, "State", lambda: b"k")
    return {
        "ENTRY": lambda one, cause: books.ledger.entry(SHOP, one, cause),
        "ORDER": lambda one: books.orders.get(SHOP, one),
        "ACCOUNT": lambda one: books.ledger.account(SHOP, one),
        "PROFILE": lambda one: books.customers.get(SHOP, one),
        "PAYACC": lambda one, account_id: books.payment_accounts.find(SHOP, one, account_id),
        "SCENARIOS": lambda: books.scenarios.catalogue(SHOP).scenarios,
        "SETTINGS": lambda version=None: books.stores.settings(SHOP, int(version) if version else None),
        "GROUP": lambda one: groups.groups.get(SHOP, one),
        "JOB": lambda one: jobs.get(SHOP, one),
        "CHUNK": lambda one, _shard, number: jobs.chunk(SHOP, one, int(number)),
        "PROMO": lambda one: books.promo_codes.get(SHOP, one),
        "PRODUCT": lambda one: books.products.get(SHOP, one),
        "REQUEST": lambda one: payouts.requests.get(SHOP, one),
        "SCENARIO": lambda one: books.scenarios.get(SHOP, one),
        "TASK": lambda one: books.tasks.get(SHOP, one),
        "PAYOUT": lambda one: payouts.payouts.get(SHOP, one),
    }


def words(table: str, item: dict[str, Any]) -> list[str]:
    """The kind of an item, and by which ids it is read."""
    _, _, _, *ids = map(unescape, item["pk"]["S"].split("#"))
    kind, *rest = ["ENTRY", item["sk"]["S"]] if table == "Ledger" else map(unescape, item["sk"]["S"].split("#"))
    return [kind, *ids, *rest]


@pytest.mark.row("F44")
@pytest.mark.parametrize("n", range(len(ITEMS)), ids=lambda n: words(*ITEMS[n])[0])
def test_what_the_first_release_stored_is_still_read(n: int) -> None:
    table, item = ITEMS[n]
    dynamo = SimulatedDynamo(table_specs())
    dynamo.put_item(TableName=table, Item={name: of_bytes(value) for name, value in item.items()})
    kind, *ids = words(table, item)
    assert readers(dynamo)[kind](*ids)


def test_two_sizes_of_each_kind_are_tried_and_each_later_format() -> None:
    kinds = [words(*one)[0] for one in ITEMS]
    expected = {**dict.fromkeys(readers(SimulatedDynamo(table_specs())), 2), "ORDER": 3}
    assert {kind: kinds.count(kind) for kind in kinds} == expected


def test_an_order_of_each_format_says_what_it_is() -> None:
    read = [order_of(from_item({name: of_bytes(value) for name, value in item.items()})) for item in ORDERS]
    assert [order.order_id for order in read] == [keys.last_id(item["pk"]["S"]) for item in ORDERS]
    assert [order.customer_id for order in read] == [None, "100", "5495211134021"]
    assert all(order.source and order.first_seen_at and order.history for order in read)
    assert all((order.queued_at is None) == (not order.reviews) for order in read)
