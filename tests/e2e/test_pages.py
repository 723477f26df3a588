"""Lists come in pages that are disjoint, complete and end."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from cashback.domain.ledger import Entry, Kind, Posted, Posting
from cashback.domain.times import instant
from dev.client import Store
from tests.e2e.deployed import DeployedStack
from tests.e2e.shop import Shop, at_once, plain

CUSTOMER = 7001
ORDERS, KEYS, TRANSACTIONS = "/v1/orders", "/v1/api-keys", f"/v1/customers/{CUSTOMER}/transactions"
AUDIT = "/v1/audit"
LISTS = {ORDERS: "order_id", KEYS: "api_key_id", TRANSACTIONS: "transaction_id", AUDIT: "request_id"}
SOLD = 7


@pytest.fixture(scope="module")
def shop(stack: DeployedStack, make_store: Callable[..., Store]) -> Shop:
    """A store with seven orders of one customer, eight keys, transactions and acts; no test here changes it."""
    shop = Shop(stack, make_store())
    sales = [shop.sell(customer_id=CUSTOMER) for _ in range(SOLD)]
    shop.tell("refunds/create", sales[0].refund())
    for _ in range(SOLD):
        shop.with_key("viewer")
    return shop


def walk(shop: Shop, path: str, limit: int) -> list[list[str]]:
    """The ids of every page of a list."""
    pages, cursor = [], ""
    mark = "&" if "?" in path else "?"
    for _ in range(20):
        page = shop.store.api("GET", f"{path}{mark}limit={limit}{cursor}").expect(200)
        pages.append([item[LISTS[path.partition("?")[0]]] for item in page["items"]])
        if page["next_cursor"] is None:
            return pages
        cursor = f"&cursor={page['next_cursor']}"
    raise AssertionError("the list does not end")


def first_cursor(shop: Shop, path: str) -> str:
    mark = "&" if "?" in path else "?"
    cursor = shop.store.api("GET", f"{path}{mark}limit=2").expect(200)["next_cursor"]
    assert isinstance(cursor, str)
    return cursor


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
@pytest.mark.row("P18")
def test_pages_are_disjoint_complete_and_end(shop: Shop, path: str, limit: int) -> None:
    (whole,) = walk(shop, path, 100)
    pages = walk(shop, path, limit)
    assert [item for page in pages for item in page] == whole
    assert len(set(whole)) == len(whole) == SOLD + (path != ORDERS)
    assert all(len(page) == limit for page in pages[:-1])


@pytest.mark.parametrize("path", [ORDERS, TRANSACTIONS])
def test_lists_are_newest_first(shop: Shop, path: str) -> None:
    items = shop.store.api("GET", path).expect(200)["items"]
    times = [item["created_at"] for item in items]
    assert times == sorted(times, reverse=True)


def test_a_filtered_list_has_pages_of_its_own(shop: Shop) -> None:
    reversed_orders = [item for page in walk(shop, f"{ORDERS}?status=partially_reversed", 1) for item in page]
    processed = [item for page in walk(shop, f"{ORDERS}?status=processed", 4) for item in page]
    of_customer = [item for page in walk(shop, f"{ORDERS}?customer_id={CUSTOMER}", 3) for item in page]
    assert (len(reversed_orders), len(processed), len(of_customer)) == (1, SOLD - 1, SOLD)
    assert set(reversed_orders) | set(processed) == set(of_customer)


def test_transactions_may_be_asked_for_by_type_and_time(shop: Shop) -> None:
    everything = shop.store.api("GET", TRANSACTIONS).expect(200)["items"]
    kinds = {kind: len(walk(shop, f"{TRANSACTIONS}?type={kind}", 100)[0]) for kind in ("order", "reversal", "manual")}
    assert kinds == {"order": SOLD, "reversal": 1, "manual": 0}
    third = everything[2]["created_at"]
    assert len(walk(shop, f"{TRANSACTIONS}?from={third}", 100)[0]) == 3
    assert len(walk(shop, f"{TRANSACTIONS}?to={third}", 100)[0]) in {len(everything) - 2, len(everything) - 3}


def test_every_page_goes_on_from_the_balance_of_the_one_before(shop: Shop) -> None:
    lines, cursor = [], ""
    while True:
        page = plain(shop.store.api("GET", f"{TRANSACTIONS}?limit=3{cursor}").expect(200))
        lines += [(item["amount"], item["balance_after"]) for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert lines == [("-5.00", "65.00"), *((("10.00", f"{n * 10}.00")) for n in range(SOLD, 0, -1))]


def test_another_limit_goes_on_from_the_same_place(shop: Shop) -> None:
    (whole,) = walk(shop, ORDERS, 100)
    cursor = first_cursor(shop, ORDERS)
    page = shop.store.api("GET", f"{ORDERS}?limit=100&cursor={cursor}").expect(200)
    assert [item["order_id"] for item in page["items"]] == whole[2:]


@pytest.mark.row("P18")
def test_what_is_posted_between_two_pages_moves_nothing_into_the_second(
    shop: Shop, new_shop: Callable[..., Shop]
) -> None:
    other = new_shop()
    for _ in range(4):
        other.sell(customer_id=CUSTOMER)
    first = plain(other.store.api("GET", f"{TRANSACTIONS}?limit=2").expect(200))
    now = instant(datetime.now(UTC))
    entry = Entry(cause="adm:late", kind=Kind.MANUAL, amount=100, actor="test", payload_hash="late")
    posted = other.stack.ledger.post(Posting(other.store.store_id, str(CUSTOMER), now, entries=(entry,)))
    assert isinstance(posted, Posted)
    second = plain(other.store.api("GET", f"{TRANSACTIONS}?limit=2&cursor={first['next_cursor']}").expect(200))
    assert [line["balance_after"] for line in (*first["items"], *second["items"])] == [
        "40.00",
        "30.00",
        "20.00",
        "10.00",
    ]


def test_a_list_read_while_orders_arrive_never_fails(shop: Shop, new_shop: Callable[..., Shop]) -> None:
    other = new_shop()
    sell = [lambda: str(other.sell(customer_id=CUSTOMER).order_id)] * 3
    read = [lambda: str(other.store.api("GET", f"{ORDERS}?limit=1").status)] * 6
    assert set(at_once(*sell, *read)[3:]) == {"200"}
    assert len(walk(other, ORDERS, 2)) == 2
