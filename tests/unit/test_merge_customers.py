"""Two customers become one: balance, figures and contacts move, and everything later follows (case 29)."""

import itertools
from collections.abc import Callable
from copy import replace

import pytest

from cashback.adapters.dynamo import keys
from cashback.domain.contacts import contacts_of
from cashback.domain.customers import MOST_CONTACTS, Profile, heir_of
from cashback.domain.errors import Busy, StateConflict
from cashback.domain.ledger import (
    MOST_HOPS,
    Account,
    Entry,
    EntryStatus,
    Figures,
    Kind,
    OnRefusal,
    Posted,
    Posting,
    Replayed,
)
from cashback.domain.queries import EntriesWanted
from cashback.services.read_customers import transactions
from cashback.services.read_orders import read_order
from tests.unit.builders import CUSTOMER, NOW, ORDER, STORE, WRITES, Shop, at, line, news, paid, refund, units
from tests.unit.people import ADA, OTHER, erase, everything, merge, note, owners, profile, tell

EMAIL = "ada@example.com"


def chain(shop: Shop, length: int) -> list[str]:
    """Customers of whom each was merged into the next, oldest first."""
    ids = [f"c{n}" for n in range(length + 1)]
    for deleted, kept in itertools.pairwise(ids):
        assert merge(shop, kept, deleted).refused is None
    return ids


def test_case_29_the_balance_moves_and_later_orders_of_either_credit_the_kept_one() -> None:
    shop = Shop()
    for customer_id in (CUSTOMER, OTHER):
        shop.hear(paid(line(), order_id=f"a{customer_id}", customer_id=customer_id))
    assert merge(shop).recorded.changed
    kept, old = shop.accounts[CUSTOMER], shop.accounts[OTHER]
    assert (kept.available, kept.orders_count, kept.total_spent) == (1_000, 2, 20_000)
    assert (old.available, old.orders_count, old.total_spent, old.merged_into) == (0, 0, 0, CUSTOMER)
    assert (kept.merged_hops, old.merged_hops) == (1, 0)
    shop.hear(paid(line(), order_id="b", customer_id=OTHER))
    assert shop.accounts[CUSTOMER].available == 1_500
    assert [entry.amount for entry in shop.entries[OTHER].values()] == [500, -500]


@pytest.mark.parametrize("theirs", [(), (5,), (20,), (5, 20), (12,)])
@pytest.mark.parametrize("ours", [(), (10,), (10, 15)])
def test_the_first_and_the_last_order_are_those_of_both(ours: tuple[int, ...], theirs: tuple[int, ...]) -> None:
    shop = Shop()
    for customer_id, seconds in ((CUSTOMER, ours), (OTHER, theirs)):
        tell(shop, customer_id)
        for second in seconds:
            shop.hear(paid(line(), order_id=f"o{second}", customer_id=customer_id, created_at=at(second)))
    merge(shop)
    both = sorted((*ours, *theirs))
    expected = (at(both[0]), at(both[-1])) if both else (None, None)
    assert (shop.account.first_order_at, shop.account.last_order_at) == expected


def test_case_29_a_refund_of_an_order_from_before_the_merge_is_clawed_back_from_the_kept_one() -> None:
    shop = Shop()
    shop.hear(paid(line("l", 10_000, quantity=2), customer_id=OTHER))
    merge(shop)
    shop.hear(news(None, refund("r1", units("l", 1, 5_000))))
    assert shop.accounts[CUSTOMER].available == 250
    order, lines = read_order(shop.books, STORE, ORDER)
    assert (order.customer_id, [line.entry.amount for line in lines]) == (OTHER, [500, -250])
    assert len({line.transaction_id for line in lines}) == 2


def test_an_order_whose_customer_has_no_account_yet_has_no_entries() -> None:
    shop = Shop()
    shop.hear(replace(paid(line()), facts=replace(paid(line()).facts, paid=False)))
    assert read_order(shop.books, STORE, ORDER)[1] == []


@pytest.mark.row("F47")
def test_a_merge_told_again_is_done_already() -> None:
    shop = Shop()
    tell(shop, OTHER, **ADA)
    first = merge(shop)
    before = everything(shop)
    again = merge(shop)
    assert (first.recorded.changed, again.recorded.changed, again.refused) == (True, False, None)
    assert first.recorded.contacts == again.recorded.contacts != frozenset()
    assert everything(shop) == before


def test_contacts_go_over_and_nothing_personal_is_left_of_the_merged_one() -> None:
    shop = Shop()
    tell(shop, OTHER, **ADA, birthday="1990-01-01", tags=("vip",))
    tell(shop, email="kept@example.com", email_verified=True)
    merge(shop)
    assert owners(shop, EMAIL) == owners(shop, "kept@example.com") == {CUSTOMER}
    marker = profile(shop, OTHER)
    lost = shop.books.contacts.macs(STORE, contacts_of(EMAIL, None))
    expected = Profile(OTHER, marker.updated_at, marker.created_at, given_up=tuple(lost), merged_into=CUSTOMER, rev=2)
    assert marker == expected
    for private in ("Ada", "ada@example.com", "1555", "1990", "vip"):
        assert private not in everything(shop)


def test_contacts_taken_over_stay_when_the_profile_changes_and_go_when_it_is_erased() -> None:
    shop = Shop()
    tell(shop, OTHER, **ADA)
    tell(shop, email="kept@example.com", email_verified=True)
    merge(shop)
    tell(shop, second=5, email="new@example.com", email_verified=True)
    assert owners(shop, EMAIL) == owners(shop, "new@example.com") == {CUSTOMER}
    assert owners(shop, "kept@example.com") == set()
    erase(shop)
    assert owners(shop, EMAIL) == owners(shop, "new@example.com") == set()
    assert "CONTACT" not in everything(shop)


def test_contacts_beyond_what_a_transaction_takes_are_given_up() -> None:
    full = Profile("k", NOW, NOW, contacts=tuple(f"k{n:02}" for n in range(MOST_CONTACTS - 1)))
    heir = heir_of(full, Profile("d", NOW, NOW, contacts=("d1", "d2", "k00")))
    assert len(heir.contacts) == MOST_CONTACTS
    assert {"k00", "d1"} <= set(heir.contacts)
    assert heir_of(heir, Profile("d", NOW, NOW, contacts=("d9",))) == heir


def test_customers_who_are_unknown_yet_are_created_so_that_later_news_follow() -> None:
    shop = Shop()
    assert merge(shop).refused is None
    assert profile(shop, OTHER).merged_into == CUSTOMER
    shop.hear(paid(line(), customer_id=OTHER))
    assert shop.account.available == 500


def test_a_merge_into_one_who_was_merged_goes_to_where_they_are_now() -> None:
    shop = Shop()
    merge(shop, "c", "b")
    tell(shop, "a", **ADA)
    shop.hear(paid(line(), customer_id="a"))
    merge(shop, "b", "a")
    assert shop.accounts["c"].available == 500
    assert (shop.accounts["a"].merged_into, owners(shop, EMAIL)) == ("c", {"c"})
    assert merge(shop, "b", "a").refused is None


def test_a_merge_told_again_after_the_kept_one_was_merged_too_is_done_already() -> None:
    shop = Shop()
    merge(shop, "b", "a")
    merge(shop, "c", "b")
    assert merge(shop, "b", "a").refused is None
    assert merge(shop, "c", "a").refused is None


@pytest.mark.parametrize(
    ("done", "asked", "reason"),
    [
        ([("b", "a")], ("a", "b"), "merged_in_a_circle"),
        ([("b", "a"), ("c", "b")], ("a", "c"), "merged_in_a_circle"),
        ([("b", "a")], ("c", "a"), "merged_elsewhere"),
    ],
)
def test_case_29_a_merge_that_can_never_be_is_refused_and_moves_nothing(
    done: list[tuple[str, str]], asked: tuple[str, str], reason: str
) -> None:
    shop = Shop()
    for kept, deleted in done:
        merge(shop, kept, deleted)
    accounts = shop.accounts
    assert merge(shop, *asked).refused == reason
    assert {name: shop.accounts[name] for name in accounts} == accounts


def test_postings_follow_the_longest_chain_and_a_longer_one_is_refused() -> None:
    shop = Shop()
    ids = chain(shop, MOST_HOPS)
    shop.hear(paid(line(), order_id="new", customer_id=ids[-1], created_at="2026-03-05T00:00:00.000000Z"))
    shop.hear(paid(line(), order_id="old", customer_id=ids[0]))
    assert shop.accounts[ids[-1]].available == 1_000
    assert merge(shop, ids[-1], "beside").refused is None
    assert merge(shop, "one more", ids[-1]).refused == "merged_too_often"
    assert shop.accounts[ids[-1]].merged_into is None
    with pytest.raises(StateConflict):
        shop.books.ledger.merge(STORE, ids[-1], "one more", NOW, "shop")
    assert merge(shop, ids[-1], "one more").refused is None


def test_an_award_repays_a_shortfall_at_the_end_of_the_longest_chain() -> None:
    shop = Shop()
    ids = chain(shop, MOST_HOPS)
    shop.hear(paid(line("l"), order_id="first", customer_id=ids[-1], created_at="2026-03-05T00:00:00.000000Z"))
    shop.spend(500, ids[-1])
    shop.hear(news(None, refund("r", units("l")), order_id="first"))
    assert shop.accounts[ids[-1]].shortfall == 500
    shop.hear(paid(line(gross=20_000), order_id="second", customer_id=ids[0]))
    assert (shop.accounts[ids[-1]].available, shop.accounts[ids[-1]].shortfall) == (500, 0)


def test_an_order_that_is_counted_while_customers_are_merged_counts_at_the_kept_one() -> None:
    shop = Shop()
    for customer_id in (CUSTOMER, OTHER):
        tell(shop, customer_id)
    acts = iter([Figures(orders_count=1, total_spent=700)])

    def meanwhile() -> None:
        for figures in acts:
            assert isinstance(shop.books.ledger.post(Posting(STORE, OTHER, NOW, figures=figures)), Posted)

    with shop.before_writes(meanwhile):
        merge(shop)
    assert (shop.accounts[OTHER].total_spent, shop.accounts[OTHER].orders_count) == (0, 0)
    assert (shop.accounts[CUSTOMER].total_spent, shop.accounts[CUSTOMER].orders_count) == (700, 1)


@pytest.mark.parametrize("theirs", [None, 5, 20, 10])
@pytest.mark.parametrize("ours", [None, 10])
def test_the_newest_order_known_is_that_of_both(ours: int | None, theirs: int | None) -> None:
    shop = Shop()
    for customer_id, second in ((CUSTOMER, ours), (OTHER, theirs)):
        tell(shop, customer_id)
        if second is not None:
            assert shop.books.customers.note_newest_order(STORE, customer_id, f"o{customer_id}", at(second))
    merge(shop)
    known = [(at(second), f"o{one}") for one, second in ((CUSTOMER, ours), (OTHER, theirs)) if second is not None]
    latest = max((when for when, _ in known), default=None)
    order_id = next((order_id for when, order_id in known if when == latest), None)
    assert (shop.account.newest_order_at, shop.account.newest_order_id) == (latest, order_id)


@pytest.mark.parametrize("customer_id", [CUSTOMER, OTHER])
@pytest.mark.parametrize("before", [None, 10])
def test_a_newest_order_that_is_noted_while_customers_are_merged_is_not_lost(
    customer_id: str, before: int | None
) -> None:
    shop = Shop()
    for one in (CUSTOMER, OTHER):
        tell(shop, one)
    if before is not None:
        assert shop.books.customers.note_newest_order(STORE, OTHER, "before", at(before))
    acts = iter([at(20)])

    def meanwhile() -> None:
        for when in acts:
            assert shop.books.customers.note_newest_order(STORE, customer_id, "meanwhile", when)

    with shop.before_writes(meanwhile):
        merge(shop)
    assert (shop.account.newest_order_at, shop.account.newest_order_id) == (at(20), "meanwhile")
    assert shop.accounts[OTHER].merged_into == CUSTOMER


def test_customers_who_keep_changing_send_the_news_back_to_the_queue() -> None:
    shop = Shop()
    for customer_id in (CUSTOMER, OTHER):
        tell(shop, customer_id)
    seconds = iter(range(1, 500))

    def meanwhile() -> None:
        tell(shop, OTHER, second=next(seconds), name="Somebody")

    with shop.before_writes(meanwhile), pytest.raises(Busy):
        merge(shop)
    assert merge(shop).recorded.changed


def test_who_is_merged_into_an_erased_customer_is_erased() -> None:
    shop = Shop()
    tell(shop)
    erase(shop)
    tell(shop, OTHER, **ADA)
    note(shop, OTHER, "adm:1", "Ada called")
    merge(shop)
    for private in ("Ada", "ada@example.com", "CONTACT"):
        assert private not in everything(shop)
    assert profile(shop).erased_at is not None


def test_the_history_of_a_merged_customer_ends_with_the_merge() -> None:
    shop = Shop()
    shop.hear(paid(line(), customer_id=OTHER))
    merge(shop)
    lines, _ = transactions(shop.books, STORE, OTHER, EntriesWanted(), 20, None)
    assert [(each.entry.kind.value, each.entry.amount, each.balance_after) for each in lines] == [
        ("merge", -500, 0),
        ("order", 500, 500),
    ]


def test_a_live_account_is_where_postings_land() -> None:
    shop = Shop()
    ids = chain(shop, 3)
    assert shop.books.ledger.live_account(STORE, ids[0]).customer_id == ids[-1]
    assert shop.books.history.merged_from(STORE, ids[-1]) == [ids[2], ids[1], ids[0]]
    assert isinstance(shop.books.ledger.live_account(STORE, ids[-1]), Account)


def test_customers_merged_in_a_circle_which_no_merge_makes_are_busy_and_no_endless_loop() -> None:
    shop = Shop()
    merge(shop)
    table, (pk, sk) = shop.books.customers.table, keys.account(STORE, CUSTOMER)
    table.commit(table.put({"pk": pk, "sk": sk, "available": 0, "version": 1, "merged_into": OTHER}))
    with pytest.raises(Busy):
        shop.books.ledger.live_account(STORE, OTHER)


def test_a_balance_is_set_at_the_customer_a_merged_one_is_now() -> None:
    shop = Shop()
    shop.hear(paid(line()))
    tell(shop, OTHER)
    merge(shop)
    entry = replace(shop.entries[CUSTOMER]["ord:450789469:earn"], cause="adm:set", order_id=None)
    outcome = shop.books.ledger.set_available(Posting(STORE, OTHER, NOW, (entry,)), 300)
    assert isinstance(outcome, Posted)
    assert (shop.account.available, outcome.entries[0].amount) == (300, -200)


def test_a_refusal_at_a_customer_who_is_merged_meanwhile_is_decided_where_they_are_now() -> None:
    shop = shop_of(kept=1_000, deleted=0)
    debit = Entry("adm:one", Kind.MANUAL, -400, "key:anna", "same")
    asked = Posting(STORE, OTHER, NOW, entries=(debit,), on_refusal=OnRefusal.FINAL)
    writes = itertools.count(1)

    def merge_before_the_refusal(_index: int, operation: str) -> None:
        if operation in WRITES and next(writes) == 2:
            shop.dynamo.faults.before_call = None
            merge(shop)

    shop.dynamo.faults.before_call = merge_before_the_refusal
    first = shop.books.ledger.post(asked)
    again = shop.books.ledger.post(asked)
    assert isinstance(first, Posted)
    assert isinstance(again, Replayed)
    assert again.entries[0].status is EntryStatus.POSTED
    assert shop.accounts[CUSTOMER].available == 600
    assert "adm:one" not in shop.entries.get(OTHER, {})


def test_a_balance_decided_from_one_account_is_not_set_at_another_of_the_same_version() -> None:
    shop = shop_of(kept=1_000, deleted=500)
    more = Entry("adm:more", Kind.MANUAL, 300, "key:anna", "more")
    shop.books.ledger.post(Posting(STORE, OTHER, NOW, entries=(more,)))
    with shop.before_writes(merging(shop)):
        entry = Entry("adm:set", Kind.MANUAL, 0, "key:anna", "set")
        outcome = shop.books.ledger.set_available(Posting(STORE, OTHER, NOW, (entry,)), 100)
    assert isinstance(outcome, Posted)
    assert shop.accounts[OTHER].version == shop.accounts[CUSTOMER].version
    assert (outcome.entries[0].before, shop.accounts[CUSTOMER].available) == (1_800, 100)


def test_what_one_account_lacks_is_taken_from_the_one_it_is_merged_into_meanwhile() -> None:
    shop = shop_of(kept=1_000, deleted=0)
    shop.hear(paid(line("l"), order_id="first", customer_id=OTHER))
    shop.spend(500, OTHER)
    # The first one was refused: what is there is known now.
    with shop.before_writes(merging(shop, before=2)):
        shop.hear(news(None, refund("r", units("l")), order_id="first"))
    assert (shop.accounts[CUSTOMER].available, shop.accounts[CUSTOMER].shortfall) == (500, 0)


def merging(shop: Shop, before: int = 1) -> Callable[[], None]:
    """A merge that happens before the first write, or before a later one."""
    writes = itertools.count(1)

    def meanwhile() -> None:
        if next(writes) == before:
            merge(shop)

    return meanwhile


def shop_of(kept: int, deleted: int) -> Shop:
    """Two customers with these balances."""
    shop = Shop()
    for customer_id, balance in ((CUSTOMER, kept), (OTHER, deleted)):
        tell(shop, customer_id)
        if balance:
            entry = Entry("adm:start", Kind.MANUAL, balance, "key:anna", "start")
            shop.books.ledger.post(Posting(STORE, customer_id, NOW, entries=(entry,)))
    return shop
