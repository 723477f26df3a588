from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.adapters.dynamo import keys, scenario_keys, store_keys

ids = st.text(alphabet=[*"ab#%/C", "\n"], min_size=1, max_size=6) | st.sampled_from(
    ["C#1", "a#C#b", "%23", "ORDER", "é"]
)

IN_STORE: list[Callable[..., keys.Key]] = [
    keys.account,
    keys.order,
    store_keys.answer,
    keys.product,
    scenario_keys.scenario,
    scenario_keys.task,
    scenario_keys.promo_code,
    store_keys.key_of_store,
    store_keys.webhook_secret,
]
PARTITIONS: list[Callable[..., str]] = [keys.customer, keys.orders_by_customer]


@given(ids, ids)
def test_escaping_is_reversible_and_leaves_no_separator(one: str, other: str) -> None:
    assert "#" not in keys.escape(one)
    assert (keys.escape(one) == keys.escape(other)) == (one == other)
    assert keys.unescape(keys.escape(one)) == one


@pytest.mark.parametrize("build", [*IN_STORE, *PARTITIONS])
@given(one=st.tuples(ids, ids), other=st.tuples(ids, ids))
@pytest.mark.row("63", "S11")
def test_no_two_pairs_of_store_and_id_share_a_key(
    build: Callable[..., object], one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert (build(*one) == build(*other)) == (one == other)


@pytest.mark.parametrize("build", [keys.account, keys.order, keys.product])
def test_an_id_leaves_no_separator_in_a_partition(build: Callable[[str, str], keys.Key]) -> None:
    assert build("s", "a#b%").pk.rpartition("#")[2] == "a%23b%25"


@given(ids, ids)
def test_the_id_that_a_partition_ends_with_is_told(store: str, item: str) -> None:
    for build in (keys.customer, keys.orders_by_customer):
        assert keys.last_id(build(store, item)) == item
    assert keys.last_id(keys.order(store, item).pk) == item


@given(ids, ids, ids)
def test_things_of_different_kinds_never_share_a_key(store: str, one: str, other: str) -> None:
    built = [
        keys.account(store, one),
        keys.profile(store, one),
        keys.entry(store, one, f"ord:{other}:earn"),
        keys.note(store, one, f"ord:{other}:earn"),
        keys.order(store, one),
        keys.product(store, one),
        scenario_keys.scenario(store, one),
        scenario_keys.task(store, one),
        scenario_keys.promo_code(store, one),
        scenario_keys.once_per_customer(store, one, other),
        scenario_keys.once_per_order(store, one, other),
        scenario_keys.watch_of_customer(store, one, "order.created", other),
        scenario_keys.watch_of_order(store, one, "review.created", other),
        scenario_keys.catalogue(store),
        store_keys.answer(store, one),
        store_keys.settings(store),
        store_keys.settings(store, 1),
        store_keys.delay(store),
        store_keys.webhook_secret(store, "shopify"),
        store_keys.key_of_store(store, one),
        store_keys.key_guard(store),
        store_keys.api_key(one),
        store_keys.store(store),
        store_keys.audit(store, "2026-03-01T12:00:00.000000Z", one),
        keys.BOOKMARK,
    ]
    assert len(set(built)) == len(built)


@given(ids, ids)
@pytest.mark.row("S11")
def test_every_partition_of_a_store_starts_with_its_prefix(store: str, item: str) -> None:
    prefix = f"S#{keys.escape(store)}#"
    built = [
        keys.customer(store, item),
        keys.account(store, item).pk,
        keys.profile(store, item).pk,
        keys.entry(store, item, "ord:1:earn").pk,
        keys.note(store, item, "ord:1:earn").pk,
        keys.order(store, item).pk,
        keys.product(store, item).pk,
        store_keys.answer(store, item).pk,
        store_keys.settings(store).pk,
        store_keys.delay(store).pk,
        store_keys.webhook_secret(store, "shopify").pk,
        store_keys.keys_of_store(store),
        store_keys.key_guard(store).pk,
        store_keys.audit(store, "2026-03-01T12:00:00.000000Z", item).pk,
        keys.orders_by_status(store, "pending"),
        keys.orders_by_customer(store, item),
        keys.customers_listed(store, item),
        keys.products_listed(store),
    ]
    assert [pk for pk in built if not pk.startswith(prefix)] == []


@given(st.tuples(ids, ids), st.tuples(ids, ids))
def test_no_partition_of_one_store_is_inside_another(one: tuple[str, str], other: tuple[str, str]) -> None:
    inside = keys.customer(*one).startswith(f"S#{keys.escape(other[0])}#")
    assert inside == (one[0] == other[0])


def test_history_sorts_by_time_then_cause() -> None:
    early, late = "2026-03-01T09:00:00.000000Z", "2026-03-01T10:00:00.000000Z"
    assert keys.posted_at_cause(early, "z") < keys.posted_at_cause(late, "a")
    assert keys.posted_at_cause(early, "a") < keys.posted_at_cause(early, "b")
    assert keys.listed(early, "z") < keys.listed(late, "a")


@given(ids)
def test_a_place_in_a_list_gives_back_its_id_and_comes_before_the_end_of_its_instant(item: str) -> None:
    now, later = "2026-03-01T09:00:00.000000Z", "2026-03-01T09:00:00.000001Z"
    assert keys.listed_id(keys.listed(now, item)) == item
    assert keys.listed(now, item) < keys.listed_until(now) < keys.listed(later, item) < keys.listed_until(None)


def test_versions_of_settings_sort_as_numbers() -> None:
    assert store_keys.settings("s", 9).sk < store_keys.settings("s", 10).sk


def test_customers_are_listed_over_sixteen_partitions() -> None:
    assert {keys.customers_listed("s", str(i)) for i in range(400)} == {f"S#s#CUST#{i}" for i in range(16)}


@given(ids, ids, ids)
def test_a_place_in_the_due_index_gives_back_its_thing_and_comes_before_the_end_of_its_instant(
    store: str, kind: str, item: str
) -> None:
    now, later = "2026-03-01T09:00:00.000000Z", "2026-03-01T09:00:00.000001Z"
    place = keys.due_place(now, store, kind, item)
    assert keys.due_thing(place) == [now, store, kind, item]
    assert place < keys.listed_until(now) < keys.due_place(later, store, kind, item)


@given(ids)
def test_what_is_due_stands_in_one_of_the_partitions_of_its_hour_and_of_no_other(item: str) -> None:
    for at in ("2026-03-01T09:00:00.000000Z", "2026-03-01T09:59:59.999999Z"):
        assert keys.due(at, item) in keys.due_in("2026-03-01T09")
        assert keys.due(at, item) not in keys.due_in("2026-03-01T10")


def test_an_hour_has_sixteen_partitions_and_uses_them_all() -> None:
    used = {keys.due("2026-03-01T09:00:00.000000Z", str(i)) for i in range(400)}
    assert used == set(keys.due_in("2026-03-01T09"))
    assert len(used) == 16


def test_the_longest_ids_fit_into_the_key_of_an_index() -> None:
    place = keys.due_place("2026-03-01T09:00:00.000000Z", "s" * 40, "guest", "%2F" * 66)
    assert len(place.encode()) <= 1_024
