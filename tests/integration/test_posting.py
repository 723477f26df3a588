"""What `post` promises, on the emulator and on the simulation's store alike: a fake that differed would be no proof."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import replace
from dataclasses import dataclass
from typing import Any, cast

import pytest
from types_boto3_dynamodb import DynamoDBClient

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.accounts import entry_of
from cashback.adapters.dynamo.codec import encode, from_item, key_attributes
from cashback.adapters.dynamo.customers import Customers
from cashback.adapters.dynamo.ledger import BATCH, Ledger
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.customers import Profile
from cashback.domain.errors import Busy, CustomerNotFound, StateConflict
from cashback.domain.ledger import (
    Account,
    AccountMoved,
    CauseTaken,
    DocumentMoved,
    Entry,
    EntryStatus,
    Figures,
    Kind,
    OnRefusal,
    Posted,
    Posting,
    Refused,
    Replayed,
    payload_hash,
)
from tests.simulation.dynamo import SimulatedDynamo
from tests.simulation.project_tables import table_specs

NOW = "2026-03-01T09:30:00.000000Z"
LATER = "2026-03-01T09:31:00.000000Z"


@dataclass(frozen=True)
class World:
    """One store's books on one engine."""

    client: DynamoDBClient
    ledger: Ledger
    state: StateTable
    store: str

    def customer(self, available: int = 0, **attributes: Any) -> str:
        customer_id = f"c-{uuid.uuid4().hex[:12]}"
        Customers(self.state).create(self.store, Profile(customer_id, NOW, NOW), NOW)
        if available:
            assert isinstance(self.post(customer_id, credit("opening", available)), Posted)
        if attributes:
            self.set(customer_id, **attributes)
        return customer_id

    def set(self, customer_id: str, **attributes: Any) -> None:
        names = list(attributes)
        self.client.update_item(
            TableName=self.state.name,
            Key=key_attributes(keys.account(self.store, customer_id)),
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in names),
            ExpressionAttributeValues={f":{name}": encode(attributes[name]) for name in names},
        )

    def posting(self, customer_id: str, *entries: Entry, **how: Any) -> Posting:
        return Posting(self.store, customer_id, how.pop("at", NOW), entries=entries, **how)

    def post(self, customer_id: str, *entries: Entry, **how: Any) -> Any:
        return self.ledger.post(self.posting(customer_id, *entries, **how))

    def account(self, customer_id: str) -> Account:
        return self.ledger.account(self.store, customer_id)

    def entries(self, customer_id: str) -> list[Entry]:
        answer = self.client.query(
            TableName=self.ledger.ledger_table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": keys.customer(self.store, customer_id)}},
        )
        return [entry_of(from_item(item)) for item in answer["Items"]]

    def document(self, rev: int, name: str = "doc") -> Any:
        """A put that stands only over revision `rev - 1`."""
        pk, sk = keys.order(self.store, name)
        item = {"pk": pk, "sk": sk, "rev": rev}
        if rev == 1:
            return self.state.put(item, "attribute_not_exists(pk)")
        return self.state.put(item, "rev = :rev", {":rev": rev - 1})


@pytest.fixture(params=["emulator", "simulation"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    store = f"s-{uuid.uuid4().hex[:12]}"
    if request.param == "emulator":
        client = request.getfixturevalue("dynamodb")
        names = request.getfixturevalue("tables")
        yield World(client, Ledger(client, names.ledger, names.state), StateTable(client, names.state), store)
    else:
        client = cast("DynamoDBClient", SimulatedDynamo(table_specs()))
        yield World(client, Ledger(client, "Ledger", "State"), StateTable(client, "State"), store)


def credit(cause: str, amount: int, **fields: Any) -> Entry:
    return Entry(
        cause=cause, kind=Kind.MANUAL, amount=amount, actor="test", payload_hash=payload_hash("manual"), **fields
    )


@pytest.mark.row("P2")
def test_a_credit_raises_the_balance_once_however_often_it_is_sent(world: World) -> None:
    customer = world.customer()
    assert isinstance(world.post(customer, credit("a", 500)), Posted)
    again = world.post(customer, credit("a", 500))
    assert isinstance(again, Replayed)
    assert [entry.amount for entry in again.entries] == [500]
    account = world.account(customer)
    assert (account.available, account.credited, account.debited, account.version) == (500, 500, 0, 1)
    assert len(world.entries(customer)) == 1


def test_a_posting_for_an_unknown_customer_creates_nobody(world: World) -> None:
    with pytest.raises(CustomerNotFound):
        world.post("ghost", credit("a", 500))
    assert world.entries("ghost") == []


@pytest.mark.row("P4")
def test_a_final_refusal_is_recorded_and_answers_alike_when_the_money_is_there(world: World) -> None:
    customer = world.customer(100)
    refused = world.post(customer, credit("a", -101), on_refusal=OnRefusal.FINAL)
    assert isinstance(refused, Refused)
    assert (refused.entry.reason, refused.account.available) == ("insufficient_balance", 100)
    world.post(customer, credit("b", 500))
    again = world.post(customer, credit("a", -101), on_refusal=OnRefusal.FINAL)
    assert isinstance(again, Replayed)
    assert again.entries[0].status is EntryStatus.REJECTED
    assert world.account(customer).available == 600
    assert world.account(customer).version == 2


def test_a_refusal_that_may_be_decided_again_records_nothing_and_shows_the_account(world: World) -> None:
    customer = world.customer(100)
    refused = world.post(customer, credit("a", -101))
    assert isinstance(refused, AccountMoved)
    assert refused.account.available == 100
    assert [entry.cause for entry in world.entries(customer)] == ["opening"]


def test_the_whole_balance_can_be_debited_and_not_a_cent_more(world: World) -> None:
    customer = world.customer(100)
    assert isinstance(world.post(customer, credit("a", -100)), Posted)
    assert isinstance(world.post(customer, credit("b", -1)), AccountMoved)
    assert world.account(customer).available == 0


@pytest.mark.row("P16")
def test_several_entries_move_the_account_once_and_the_version_by_their_number(world: World) -> None:
    customer = world.customer()
    assert isinstance(world.post(customer, credit("earn", 1000), credit("claw", -300)), Posted)
    account = world.account(customer)
    assert (account.available, account.credited, account.debited, account.version) == (700, 1000, 300, 2)


@pytest.mark.row("F6")
def test_a_replay_is_recognised_even_when_the_balance_is_now_short(world: World) -> None:
    customer = world.customer(100)
    world.post(customer, credit("a", -100), on_refusal=OnRefusal.FINAL)
    again = world.post(customer, credit("a", -100), on_refusal=OnRefusal.FINAL)
    assert isinstance(again, Replayed)
    assert again.entries[0].status is EntryStatus.POSTED


def test_one_cause_for_two_requests_answers_the_one_that_stands(world: World) -> None:
    customer = world.customer()
    world.post(customer, credit("a", 500))
    other = replace(credit("a", 900), payload_hash=payload_hash("other"))
    taken = world.post(customer, other)
    assert isinstance(taken, CauseTaken)
    assert taken.entries[0].amount == 500
    assert world.account(customer).available == 500


def test_some_causes_there_and_some_not_is_neither_posted_nor_a_replay(world: World) -> None:
    customer = world.customer()
    world.post(customer, credit("a", 500))
    assert isinstance(world.post(customer, credit("a", 500), credit("b", 7)), CauseTaken)
    assert world.account(customer).available == 500


def test_an_award_repays_an_open_shortfall_first(world: World) -> None:
    customer = world.customer(shortfall=300)
    posted = world.post(customer, credit("award", 1000), repays=True)
    assert isinstance(posted, Posted)
    assert [(entry.cause, entry.amount) for entry in posted.entries] == [("award", 1000), ("rec:award", -300)]
    account = world.account(customer)
    assert (account.available, account.shortfall, account.credited, account.debited) == (700, 0, 1000, 300)
    assert isinstance(world.post(customer, credit("award", 1000), repays=True), Replayed)


def test_an_award_smaller_than_the_shortfall_goes_wholly_into_it(world: World) -> None:
    customer = world.customer(shortfall=300)
    world.post(customer, credit("award", 100), repays=True)
    account = world.account(customer)
    assert (account.available, account.shortfall) == (0, 200)


def test_an_award_with_a_clawback_beside_repays_only_what_is_left_of_it(world: World) -> None:
    customer = world.customer(shortfall=300)
    world.post(customer, credit("award", 100), credit("claw", -40), repays=True)
    account = world.account(customer)
    assert (account.available, account.shortfall, account.version) == (0, 240, 3)


def test_a_manual_credit_leaves_the_shortfall_open(world: World) -> None:
    customer = world.customer(shortfall=300)
    world.post(customer, credit("gift", 100))
    account = world.account(customer)
    assert (account.available, account.shortfall) == (100, 300)


def test_a_hold_is_refused_for_good_while_a_shortfall_is_open(world: World) -> None:
    customer = world.customer(500, shortfall=1)
    hold = credit("hold", -100, reserved=100)
    refused = world.post(customer, hold, on_refusal=OnRefusal.FINAL, forbids_shortfall=True)
    assert isinstance(refused, Refused)
    assert refused.entry.reason == "shortfall_open"


@pytest.mark.row("P1")
def test_hold_release_settle_and_void_keep_the_books_balanced(world: World) -> None:
    customer = world.customer(1000)
    steps = [
        (credit("h1", -400, reserved=400), (600, 400, 1000, 0)),
        (credit("r1", 400, reserved=-400), (1000, 0, 1000, 0)),
        (credit("h2", -700, reserved=700), (300, 700, 1000, 0)),
        (credit("s2", 0, reserved=-700), (300, 0, 1000, 700)),
        (credit("v2", 700, voids=True), (1000, 0, 1000, 0)),
    ]
    for entry, expected in steps:
        assert isinstance(world.post(customer, entry), Posted)
        account = world.account(customer)
        assert (account.available, account.reserved, account.credited, account.debited) == expected
    assert sum(entry.amount for entry in world.entries(customer)) == world.account(customer).available


def test_more_than_is_reserved_cannot_be_released(world: World) -> None:
    customer = world.customer(1000)
    world.post(customer, credit("h", -400, reserved=400))
    assert isinstance(world.post(customer, credit("r", 401, reserved=-401)), AccountMoved)


def test_a_posting_for_a_merged_customer_lands_at_the_kept_one_under_the_same_cause(world: World) -> None:
    kept = world.customer()
    merged = world.customer(merged_into=kept)
    posted = world.post(merged, credit("a", 500))
    assert isinstance(posted, Posted)
    assert posted.customer_id == kept
    assert isinstance(world.post(merged, credit("a", 500)), Replayed)
    assert (world.account(kept).available, world.account(merged).available) == (500, 0)


def test_an_entry_from_before_the_merge_is_found_where_it_is(world: World) -> None:
    kept = world.customer()
    merged = world.customer()
    world.post(merged, credit("a", 500))
    world.set(merged, merged_into=kept)
    assert isinstance(world.post(merged, credit("a", 500)), Replayed)
    assert world.account(kept).available == 0


def test_a_circle_of_merged_customers_ends_in_busy_and_not_in_a_loop(world: World) -> None:
    one = world.customer()
    two = world.customer(merged_into=one)
    world.set(one, merged_into=two)
    with pytest.raises(Busy):
        world.post(one, credit("a", 500))


@pytest.mark.row("F47")
def test_merging_moves_everything_once_and_keeps_both_books_balanced(world: World) -> None:
    old, kept = world.customer(500, shortfall=30), world.customer(70)
    world.post(old, credit("hold", -200, reserved=200))
    world.post(old, figures=Figures(orders_count=2, total_spent=900, ordered_at=LATER))
    first = world.ledger.merge(world.store, old, kept, NOW, "shop")
    again = world.ledger.merge(world.store, old, kept, LATER, "shop")
    assert isinstance(first, Posted)
    assert isinstance(again, Replayed)
    assert again.entries == first.entries
    left, has = world.account(old), world.account(kept)
    assert (left.available, left.reserved, left.shortfall, left.orders_count, left.merged_into) == (0, 0, 0, 0, kept)
    assert (has.available, has.reserved, has.shortfall, has.orders_count, has.total_spent) == (370, 200, 30, 2, 900)
    assert has.last_order_at == LATER
    for account in (left, has):
        assert account.available + account.reserved == account.credited - account.debited
    assert sum(entry.amount for entry in world.entries(old)) == 0
    assert sum(entry.amount for entry in world.entries(kept)) == 370


def test_a_customer_cannot_be_merged_in_a_circle_nor_into_itself(world: World) -> None:
    old, kept = world.customer(500), world.customer()
    world.ledger.merge(world.store, old, kept, NOW, "shop")
    for pair in ((kept, old), (kept, kept), (old, world.customer())):
        with pytest.raises(StateConflict):
            world.ledger.merge(world.store, *pair, NOW, "shop")
    assert world.account(kept).available == 500


def test_a_credit_that_comes_while_customers_are_merged_is_not_lost(world: World) -> None:
    old, kept = world.customer(500), world.customer()
    with ThreadPoolExecutor(4) as pool:
        posted = [pool.submit(world.post, old, credit(f"c{n}", 10)) for n in range(8)]
        merged = pool.submit(world.ledger.merge, world.store, old, kept, NOW, "shop")
        assert all(isinstance(done.result(), Posted) for done in [*posted, merged])
    assert (world.account(old).available, world.account(kept).available) == (0, 580)


def test_an_erased_customer_is_not_there_for_those_who_ask_for_an_active_one(world: World) -> None:
    customer = world.customer(erased_at=NOW)
    with pytest.raises(CustomerNotFound):
        world.post(customer, credit("gift", 100), active_only=True)
    assert isinstance(world.post(customer, credit("release", 100)), Posted)


def test_money_is_not_refused_because_a_newer_order_is_known(world: World) -> None:
    customer = world.customer()
    world.post(customer, credit("new", 10), figures=Figures(orders_count=1, total_spent=900, ordered_at=LATER))
    world.post(customer, credit("old", 10), figures=Figures(orders_count=1, total_spent=100, ordered_at=NOW))
    account = world.account(customer)
    assert (account.available, account.orders_count, account.total_spent) == (20, 2, 1000)
    assert account.last_order_at == LATER


def test_figures_without_entries_change_the_account_but_not_its_version(world: World) -> None:
    customer = world.customer()
    outcome = world.post(customer, figures=Figures(orders_count=1, total_spent=900, ordered_at=NOW))
    assert isinstance(outcome, Posted)
    account = world.account(customer)
    assert (account.orders_count, account.total_spent, account.version) == (1, 900, 0)


def test_a_document_that_moved_stops_the_money_and_shows_what_stands(world: World) -> None:
    customer = world.customer()
    assert isinstance(world.post(customer, credit("a", 5), document=world.document(1)), Posted)
    stale = world.post(customer, credit("b", 5), document=world.document(1))
    assert isinstance(stale, DocumentMoved)
    assert (stale.position, stale.image and stale.image["rev"]) == (0, 1)
    assert world.account(customer).available == 5
    assert isinstance(world.post(customer, credit("b", 5), document=world.document(2)), Posted)


def test_a_write_beside_the_document_stops_the_money_too(world: World) -> None:
    customer = world.customer()
    world.state.commit(world.document(1, "beside"))
    outcome = world.post(customer, credit("a", 5), document=world.document(1), also=(world.document(1, "beside"),))
    assert isinstance(outcome, DocumentMoved)
    assert outcome.position == 1
    assert world.account(customer).available == 0


def test_a_decision_from_an_old_image_is_not_committed(world: World) -> None:
    customer = world.customer(100)
    image = world.account(customer)
    world.post(customer, credit("other", 50))
    moved = world.post(customer, credit("a", -100), version=image.version)
    assert isinstance(moved, AccountMoved)
    assert moved.account.available == 150


def test_the_clawback_policy_may_allow_a_negative_balance(world: World) -> None:
    customer = world.customer(100)
    assert isinstance(world.post(customer, credit("a", -250), overdraft=True), Posted)
    assert world.account(customer).available == -150


@pytest.mark.parametrize(("target", "moved"), [(50, -50), (250, 150), (100, 0), (0, -100)])
def test_set_available_leaves_exactly_the_target_and_says_from_what(world: World, target: int, moved: int) -> None:
    customer = world.customer(100)
    outcome = world.ledger.set_available(world.posting(customer, credit("set", 0)), target)
    assert isinstance(outcome, Posted)
    assert (outcome.entries[0].amount, outcome.entries[0].before, outcome.entries[0].target) == (moved, 100, target)
    assert world.account(customer).available == target


def test_set_available_sent_twice_does_not_undo_what_came_between(world: World) -> None:
    customer = world.customer(100)
    posting = world.posting(customer, credit("set", 0))
    world.ledger.set_available(posting, 50)
    world.post(customer, credit("later", 7))
    assert isinstance(world.ledger.set_available(posting, 50), Replayed)
    assert world.account(customer).available == 57


def test_set_available_leaves_reserved_money_reserved(world: World) -> None:
    customer = world.customer(100)
    world.post(customer, credit("hold", -60, reserved=60))
    world.ledger.set_available(world.posting(customer, credit("set", 0)), 0)
    account = world.account(customer)
    assert (account.available, account.reserved) == (0, 60)


def test_a_batch_posts_everybody_it_can_and_names_the_others(world: World) -> None:
    kept = world.customer()
    customers = [world.customer(100) for _ in range(BATCH + 3)]
    world.post(customers[0], credit("debit", -10), on_refusal=OnRefusal.FINAL)
    world.set(customers[1], merged_into=kept)
    postings = [
        world.posting(customer, credit("debit", -10), on_refusal=OnRefusal.FINAL) for customer in [*customers, "ghost"]
    ]
    postings[2] = world.posting(customers[2], credit("debit", -101), on_refusal=OnRefusal.FINAL)
    outcomes = world.ledger.post_batch(postings)
    assert isinstance(outcomes[0], Replayed)
    assert isinstance(outcomes[1], Refused)
    assert isinstance(outcomes[2], Refused)
    assert isinstance(outcomes[-1], CustomerNotFound)
    assert all(isinstance(outcome, Posted) for outcome in outcomes[3:-1])
    assert [world.account(customer).available for customer in [customers[0], *customers[2:]]] == [
        90,
        100,
        *[90] * BATCH,
    ]


def test_a_batch_sent_twice_moves_money_once(world: World) -> None:
    customers = [world.customer() for _ in range(5)]
    postings = [world.posting(customer, credit("grp:1", 10)) for customer in customers]
    world.ledger.post_batch(postings)
    assert all(isinstance(outcome, Replayed) for outcome in world.ledger.post_batch(postings))
    assert [world.account(customer).available for customer in customers] == [10] * 5


@pytest.mark.row("55", "I1", "P5")
def test_sixteen_debits_of_one_full_balance_leave_one_winner(world: World) -> None:
    customer = world.customer(100)

    def debit(n: int) -> Any:
        return world.post(customer, credit(f"d{n}", -100), on_refusal=OnRefusal.FINAL)

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(debit, range(16)))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Posted", *["Refused"] * 15]
    assert world.account(customer).available == 0


def test_a_cause_posted_from_many_threads_moves_money_once(world: World) -> None:
    customer = world.customer()
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: world.post(customer, credit("a", 10)), range(8)))
    assert sum(isinstance(outcome, Posted) for outcome in outcomes) == 1
    assert world.account(customer).available == 10
