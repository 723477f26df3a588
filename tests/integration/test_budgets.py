"""What operations cost, counted on the engine: write units (table + indexes), read units, calls. Budgets: 2-ledger."""

import uuid
from collections import Counter
from copy import replace
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from types_boto3_dynamodb import DynamoDBClient

from cashback.adapters.dynamo.ledger import BATCH
from cashback.domain.api_keys import Role
from cashback.domain.customers import Profile
from cashback.domain.facts import Body, Facts, Line, Refund, RefundLine
from cashback.domain.group_jobs import ApplyType, JobStatus, OnInsufficient
from cashback.domain.group_steps import ChunkStep
from cashback.domain.groups import Group
from cashback.domain.ledger import Entry, Kind, Posting, payload_hash
from cashback.domain.money import Currency
from cashback.domain.orders import News, Review
from cashback.domain.settings import DEFAULTS, Settings, parse_settings
from cashback.domain.shards import SHARDS
from cashback.edge.deps import make_books, make_group_books, make_job_books
from cashback.services.adjust_balance import Adjustment, adjust_balance
from cashback.services.books import Books
from cashback.services.read_customers import balance
from cashback.services.record_order import record_order
from cashback.services.review_order import approve_order
from cashback.services.run_group_job import run_job_step
from cashback.services.start_group_job import Instruction, JobRequest, start_group_job
from tests.integration.conftest import Tables
from tests.integration.metering import Meter

if TYPE_CHECKING:
    from cashback.adapters.job_queue import JobQueue
    from cashback.domain.group_steps import JobStep

NOW = "2026-03-01T09:30:00.000000Z"
USD = Currency("USD", 2)


@dataclass(frozen=True)
class Shop:
    """A store with default settings, one known customer, and an order of six lines."""

    books: Books
    settings: Settings
    customer_id: str
    meter: Meter
    state_table: str

    def news(self, facts: Facts) -> News:
        return News("6311900471021", "shopify", facts)

    def record(self, facts: Facts) -> None:
        record_order(self.books, self.settings, self.news(facts), NOW)

    @property
    def body(self) -> Body:
        lines = tuple(
            Line(
                line_id=f"1671190047{n:04d}",
                quantity=2,
                gross=3990 + n,
                current_quantity=2,
                tax=798,
                product_id=f"88119004{n:05d}",
                sku=f"SHIRT-{n}-BLUE-XL",
                vendor="Northwind Outdoor",
            )
            for n in range(6)
        )
        return Body(
            updated_at=NOW,
            created_at=NOW,
            currency="USD",
            lines=lines,
            line_count=6,
            total=25_000,
            shipping=995,
            customer_id=self.customer_id,
            channel="website",
            delivery_type="delivery",
            payment_methods=("shopify_payments",),
        )

    @property
    def unpaid(self) -> Facts:
        return Facts(body=self.body)

    @property
    def paid(self) -> Facts:
        body = replace(self.body, updated_at="2026-03-01T09:31:00.000000Z", paid=True)
        return Facts(body=body, paid=True, since={"paid": "2026-03-01T09:30:58.000000Z"})

    @property
    def refund(self) -> Facts:
        refund = Refund("91119004711", (RefundLine("16711900470001", 1, 1995),), transactions=1995, created_at=NOW)
        return Facts(refunds=MappingProxyType({refund.refund_id: refund}))


@pytest.fixture
def shop(dynamodb: DynamoDBClient, tables: Tables) -> Shop:
    return make_shop(dynamodb, tables)


def make_shop(dynamodb: DynamoDBClient, tables: Tables, **settings: Any) -> Shop:
    store_id = f"budget-{uuid.uuid4().hex[:12]}"
    customer_id = "7311900471021"
    books = make_books(dynamodb, tables.ledger, tables.state, lambda: b"the key that contacts are hashed with")
    document = {**DEFAULTS, "name": "Shop", "timezone": "Europe/Berlin", **settings}
    books.customers.create(store_id, Profile(customer_id, NOW, NOW), NOW)
    return Shop(books, parse_settings(store_id, 1, USD, document), customer_id, Meter(dynamodb), tables.state)


def test_recording_an_unpaid_order_costs_4_write_units_and_1_read_unit(shop: Shop) -> None:
    with shop.meter.on() as cost:
        shop.record(shop.unpaid)
    cost.costs(writes=2 + 2, reads=1, calls=["GetItem", "PutItem"])


def test_changing_an_unpaid_order_costs_2_write_units_and_1_read_unit(shop: Shop) -> None:
    shop.record(shop.unpaid)
    with shop.meter.on() as cost:
        shop.record(Facts(body=replace(shop.body, updated_at="2026-03-01T09:30:30.000000Z")))
    cost.costs(writes=1 + 1, reads=1, calls=["GetItem", "PutItem"])


def test_a_paid_order_seen_for_the_first_time_costs_9_write_units_in_one_transaction(shop: Shop) -> None:
    with shop.meter.on() as cost:
        shop.record(shop.paid)
    cost.costs(writes=6 + 3, reads=2, calls=["BatchGetItem", "TransactWriteItems"])


def test_a_known_order_that_is_paid_costs_10_write_units_in_one_transaction(shop: Shop) -> None:
    shop.record(shop.unpaid)
    with shop.meter.on() as cost:
        shop.record(shop.paid)
    cost.costs(writes=6 + 4, reads=2, calls=["BatchGetItem", "TransactWriteItems"])


def test_a_repeated_delivery_costs_one_call_and_writes_nothing(shop: Shop) -> None:
    shop.record(shop.paid)
    with shop.meter.on() as cost:
        shop.record(shop.paid)
    cost.costs(writes=0, reads=2, calls=["BatchGetItem"])


@pytest.mark.parametrize(
    ("of_regular", "calls", "refused"),
    [(False, ["BatchGetItem", *["TransactWriteItems"] * 2], 0), (True, ["GetItem", *["TransactWriteItems"] * 3], 6)],
)
def test_the_first_order_of_an_unknown_customer_costs_5_write_units_more(
    dynamodb: DynamoDBClient, tables: Tables, of_regular: bool, calls: list[str], refused: int
) -> None:
    shop = make_shop(dynamodb, tables)
    stranger = replace(shop, customer_id="7311900471022")
    with shop.meter.on() as cost:
        told = replace(stranger.news(stranger.paid), of_regular=of_regular)
        record_order(stranger.books, stranger.settings, told, NOW)
    cost.costs(writes=6 + 3 + 4 + 1, reads=2, calls=calls, refused=refused)


def test_the_number_of_an_order_costs_nothing_more(shop: Shop) -> None:
    counting = replace(shop, settings=replace(shop.settings, numbers_orders=True))
    with shop.meter.on() as cost:
        counting.record(counting.paid)
    cost.costs(writes=6 + 3, reads=2, calls=["BatchGetItem", "TransactWriteItems"])


@pytest.mark.parametrize("times", [1, 2])
def test_noting_the_newest_order_costs_2_write_units_in_one_plain_update(shop: Shop, times: int) -> None:
    for _ in range(times):
        with shop.meter.on() as cost:
            assert shop.books.customers.note_newest_order(
                shop.settings.store_id, shop.customer_id, "6311900471021", NOW
            )
    assert cost.writes <= 2
    assert cost.calls == ["UpdateItem"]


def test_clawing_back_a_refund_costs_11_write_units(shop: Shop) -> None:
    shop.record(shop.paid)
    with shop.meter.on() as cost:
        shop.record(shop.refund)
    cost.costs(writes=8 + 3, reads=2, calls=["GetItem", "TransactWriteItems"])


def test_approving_an_order_costs_10_write_units(dynamodb: DynamoDBClient, tables: Tables) -> None:
    shop = make_shop(dynamodb, tables, auto_processing=False)
    shop.record(shop.paid)
    order = shop.books.orders.get(shop.settings.store_id, "6311900471021")
    assert order is not None
    hashes = payload_hash("k"), payload_hash("b")
    review = Review("approved", "key:1", NOW, *hashes, expected=order.calculated, comment="Looks right")
    with shop.meter.on() as cost:
        approve_order(shop.books, shop.settings, order.order_id, review, Role.OPERATOR)
    cost.costs(writes=6 + 4, reads=2, calls=["GetItem", "TransactWriteItems"])


@pytest.mark.parametrize("amount", [500, -300])
def test_a_manual_credit_or_debit_with_a_comment_costs_7_write_units_and_1_read_unit(shop: Shop, amount: int) -> None:
    shop.record(shop.paid)
    asked = Adjustment(amount, "A gift, because the parcel was late", "ann (key:1)", payload_hash("k"), NOW)
    with shop.meter.on() as cost:
        made = adjust_balance(shop.books, shop.settings, shop.customer_id, asked, Role.OPERATOR)
    assert made.line.balance_after is not None
    cost.costs(writes=6 + 1, reads=1, calls=["TransactWriteItems", "GetItem"])


def test_a_member_of_a_batch_costs_at_most_5_and_a_half_write_units_and_a_25th_of_a_call(shop: Shop) -> None:
    store_id = shop.settings.store_id
    customers = [f"member-{n}" for n in range(25)]
    for customer_id in customers:
        shop.books.customers.create(store_id, Profile(customer_id, NOW, NOW), NOW)
    entry = Entry("grp:1", Kind.GROUP, 500, "ann (key:1)", payload_hash("g"), job_id="1")
    with shop.meter.on() as cost:
        shop.books.ledger.post_batch([Posting(store_id, customer, NOW, entries=(entry,)) for customer in customers])
    assert cost.writes <= 5.5 * len(customers)
    assert cost.calls == ["TransactWriteItems"]


@pytest.mark.parametrize(
    ("amount", "apply_type", "on_insufficient", "accounts"),
    [
        ("5.00", "relative", "refuse", 0),
        ("-1.00", "relative", "refuse", 0),
        ("-1.00", "relative", "clamp", 1),
        ("50", "absolute", "refuse", 1),
    ],
)
def test_a_member_of_a_group_job_costs_at_most_5_and_a_half_write_units_all_included(
    shop: Shop, amount: str, apply_type: str, on_insufficient: str, accounts: int
) -> None:
    """From the reading of the members to the end of the job: snapshot, chunks, results and progress. What a job costs
    apart from its members, in their reading and its end, is a part of that."""
    store_id, members = shop.settings.store_id, [f"7311900{n:06d}" for n in range(500)]
    for customer_id in members:
        shop.books.customers.create(store_id, Profile(customer_id, NOW, NOW), NOW)
    entries = [Entry("adm:1", Kind.MANUAL, 500, "ann (key:1)", payload_hash("m")) for _ in members]
    shop.books.ledger.post_batch(
        [Posting(store_id, one, NOW, entries=(entry,)) for one, entry in zip(members, entries, strict=True)]
    )
    sent: list[JobStep] = []
    queue = cast("JobQueue", SimpleNamespace(send=sent.extend))
    groups = make_group_books(shop.meter.client, shop.state_table)
    work = make_job_books(shop.books, groups, lambda: queue, shop.meter.client, shop.state_table)
    groups.groups.create(store_id, Group("grp_1", "Friends", NOW, "ann (key:1)", "r", "b"))
    groups.groups.add(store_id, "grp_1", members, "by hand", NOW)
    told = Instruction(ApplyType(apply_type), amount, "Thanks for staying", OnInsufficient(on_insufficient))
    asked = JobRequest(f"job_{'0' * 26}", "ann (key:1)", "0" * 64, "0" * 64, NOW)
    with shop.meter.on() as cost:
        start_group_job(work, shop.settings, "grp_1", told, asked, Role.ADMIN)
        while sent:
            run_job_step(work, sent.pop(0), NOW)
    job = work.jobs.get(store_id, asked.job_id)
    assert job is not None
    assert (job.status, job.total) == (JobStatus.DONE, len(members))
    assert cost.accounts == accounts * len(members), "no other account, and none where nothing is decided from it"
    # Of GetItem: the call, a step that reads and one that sends; of a chunk the job and its page, and what ends the job
    # is the job as it was read: alone in its partition, a chunk need not ask how far that is.
    calls = Counter(
        GetItem=4 + 2 * job.chunks,
        PutItem=3 + job.chunks,
        Query=SHARDS,
        BatchGetItem=(1 + accounts) * job.chunks,
        TransactWriteItems=len(members) // BATCH + job.chunks + 1,
    )
    assert calls.total() <= 0.15 * len(members)
    # 0.224 read units were counted for each, apart from accounts.
    cost.costs(writes=5.5 * len(members), reads=(0.25 + accounts) * len(members), calls=calls)
    with shop.meter.on() as again:
        assert run_job_step(work, ChunkStep(store_id, asked.job_id, 0), NOW) == "unchanged"
    assert again.calls == ["GetItem", "PutItem", "GetItem"], "a job that has ended is not looked at any further"


def test_reading_a_balance_costs_1_read_unit_however_long_the_history(shop: Shop) -> None:
    for n in range(30):
        entry = Entry(f"adm:{n}", Kind.MANUAL, 1, "test", payload_hash("m"))
        shop.books.ledger.post(Posting(shop.settings.store_id, shop.customer_id, NOW, entries=(entry,)))
    with shop.meter.on() as cost:
        balance(shop.books, shop.settings.store_id, shop.customer_id)
    cost.costs(writes=0, reads=1, calls=["GetItem"])
