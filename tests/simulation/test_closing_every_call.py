"""A closed store is erased, killed or cut off at each call in turn: swept again, it ends alike (F1, F14)."""

from typing import Any

import pytest

from cashback.adapters.dynamo.api_keys import ApiKeys
from cashback.adapters.dynamo.due import DueIndex
from cashback.domain.api_keys import ApiKey, Role, digest_of
from cashback.domain.audit import Act, Origin
from cashback.domain.due import hour_of
from cashback.services.close_store import CLOSED, ERASING, WAITING, close_store, erase_store
from tests.simulation.faults import Fault
from tests.unit.builders import CUSTOMER, NOW, STORE, Shop, line, paid
from tests.unit.people import ADA, LATER, everything, note, tell, until_it_is_done
from tests.unit.test_erase_customer import PRIVATE, review

MOST_CALLS = 400
FAULTS = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.LOST_AFTER)


def open_shop() -> Shop:
    """A shop with a key, and a customer of whom much is held."""
    shop = Shop(auto_processing=False)
    tell(shop, **ADA, phone_verified=True, birthday="1990-05-17", tags=("vip",))
    shop.hear(paid(line("l", 10_000), order_id="o1"))
    review(shop, "o1", "yes")
    note(shop, CUSTOMER, "adm:1", "Ada Brandt called: a secret word")
    keys = keys_of(shop)
    key = ApiKey("key_1", "till", Role.ADMIN, NOW, "iam:ops", digest_of("cbk_demo_x"), "r", "b")
    assert keys.add(keys.ring(STORE), key, Act("api_key_created", "key_1", NOW, Origin("iam:ops", "r-key", "-")))
    return shop


def keys_of(shop: Shop) -> ApiKeys:
    return ApiKeys(shop.books.orders.table)


def close(shop: Shop) -> None:
    close_store(shop.books, STORE, "asked", Origin("iam:ops", "r-close", "-"), NOW)


def swept(shop: Shop, now: str) -> str:
    """The last word of a sweep's steps."""
    said = ERASING
    while said == ERASING:
        said = erase_store(shop.books, keys_of(shop), STORE, now)
    return said


def erased(shop: Shop) -> None:
    assert swept(shop, NOW) in {WAITING, CLOSED}
    assert swept(shop, LATER) == CLOSED


def ended(fault: tuple[int, Fault] | None = None) -> Shop:
    """The shop once it is closed and erased, which a fault struck at this call of it."""
    shop = open_shop()
    shop.dynamo.faults.calls = 0
    if fault is not None:
        shop.dynamo.faults.script = dict([fault])
    until_it_is_done(close, shop)
    until_it_is_done(erased, shop)
    return shop


def whats(shop: Shop) -> list[Any]:
    return sorted(item["what"]["S"] for item in shop.dynamo.items("State") if "what" in item)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.row("F14")
def test_a_closing_interrupted_at_any_call_and_swept_again_ends_alike(fault: Fault) -> None:
    expected = ended()
    calls = expected.dynamo.faults.calls
    assert 50 < calls < MOST_CALLS
    assert whats(expected) == [
        "api_key_created",
        "api_key_deleted",
        "customer_erased",
        "store_closed",
        "store_created",
        "store_erased",
    ]
    for n in range(1, calls + 1):
        shop = ended((n, fault))
        assert [word for word in PRIVATE if word in everything(shop)] == [], f"call {n}"
        assert whats(shop) == whats(expected), f"call {n}"
        assert [key.deleted_at for key in keys_of(shop).ring(STORE).keys] != [None], f"call {n}"
        assert list(DueIndex(shop.books.orders.table).due(hour_of(NOW), LATER)) == [], f"call {n}"
        assert sum(shop.dynamo.faults.fired.values()) == 1, f"call {n}: the fault never struck"
