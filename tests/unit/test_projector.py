"""The projector: totals of days and events on the bus, from what the real use cases write."""

import json
from copy import deepcopy, replace
from fractions import Fraction
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cashback.adapters.dynamo.accounts import put_entry
from cashback.adapters.dynamo.group_jobs import GroupJobs
from cashback.adapters.dynamo.totals import Totals
from cashback.domain.day_totals import DayTotals
from cashback.domain.group_jobs import ApplyType, Job, JobStatus, Progress
from cashback.domain.ledger import Entry, EntryStatus, Kind
from cashback.domain.orders import News, Status
from cashback.domain.promo_codes import redeemed
from cashback.domain.scenarios import Actions, Condition, Discount, PromoOffer
from cashback.edge.projector import Projection
from dev.project import ROOT
from tests.streams import FakeEvents, Stream, bus_on
from tests.unit.builders import CUSTOMER, JPY, NOW, STORE, body, line, listing, news, paid, refund, units
from tests.unit.stage import HOUR, Stage, scenario

SCHEMA = json.loads((ROOT / "docs/domain-events.schema.json").read_text())
DAY = "2026-03-01"


NO_PAYOUTS: Any = None
"""These stages have none."""


class Told:
    """A stage whose tables are watched, and the projector over them."""

    def __init__(self, stage: Stage | None = None) -> None:
        self.stage = stage or Stage()
        self.stream, self.events = Stream(), FakeEvents()
        self.stage.shop.dynamo.observers.append(self.stream.watch)
        table = self.stage.books.orders.table
        self.totals = Totals(table, sleep=lambda _: None)
        self.jobs = GroupJobs(table, sleep=lambda _: None)
        self.done = 0

    def project(self, records: list[dict[str, Any]] | None = None) -> list[dict[str, str]]:
        """Deliver these records, or those that were not delivered yet."""
        if records is None:
            records, self.done = self.stream.records[self.done :], len(self.stream.records)
        projection = Projection(
            self.stage.books.stores,
            self.totals,
            bus_on(self.events),
            NO_PAYOUTS,
            lambda: 60_000,
            clock=self.stage.clock.now,
        )
        return projection.run({"Records": records})["batchItemFailures"]

    def post(self, entry: Entry) -> None:
        """Let an entry be written as it is, whatever its account says."""
        stamped = replace(entry, posted_at=NOW)
        self.stage.books.ledger.client.put_item(**put_entry("Ledger", STORE, CUSTOMER, stamped))

    def start_job(self, **more: Any) -> Job:
        """A group job that was asked for."""
        job = Job("job_1", "grp_1", "Regulars", ApplyType.RELATIVE, 500, "key:anna", NOW, "request", "body", **more)
        assert self.jobs.create(STORE, job)
        return job

    @property
    def day(self) -> DayTotals:
        return self.totals.days(STORE, [DAY])[DAY].totals

    @property
    def kinds(self) -> list[str]:
        kinds = [entry["DetailType"] for entry in self.events.put]
        validate(self.events)
        return kinds


def validate(events: FakeEvents) -> None:
    """Every event is as docs/domain-events.schema.json says."""
    for entry in events.put:
        assert (entry["Source"], entry["EventBusName"]) == ("cashback", "events")
        schema = {**SCHEMA, "$ref": f"#/$defs/{entry['DetailType']}"}
        Draft202012Validator(schema).validate(json.loads(entry["Detail"]))


@pytest.mark.parametrize("nothing", [{}, 7, [], {"event_id": "0" * 32}])
def test_the_schema_as_a_whole_takes_events_only(nothing: Any) -> None:
    assert not Draft202012Validator(SCHEMA).is_valid(nothing)


@pytest.mark.row("F48")
def test_an_award_and_its_clawback_are_counted_on_their_day_and_told_of() -> None:
    told = Told()
    told.stage.hear(paid(line("1", 10_000)))
    told.stage.hear(paid(line("1", 10_000), refunds=[refund("r1", units("1"))], second=1))
    assert told.project() == []
    assert told.day == DayTotals(orders_processed=1, cashback_issued=500, cashback_reversed=500)
    assert told.kinds == ["CashbackAwarded", "CashbackReversed"]
    awarded, reversal = told.events.of("CashbackAwarded")[0], told.events.of("CashbackReversed")[0]
    assert awarded["amount"] == reversal["amount"] == {"amount": "5.00", "currency": "USD"}
    assert (awarded["order_id"], awarded["customer_id"]) == ("450789469", "7001")


def test_what_a_deleted_refund_gives_back_is_told_of_and_reversed_no_more() -> None:
    told = Told()
    told.stage.hear(listing(line("1", 10_000), refunds=[refund("r", money=4_000)], second=1))
    told.stage.hear(listing(line("1", 10_000), second=2))
    told.project()
    assert told.kinds == ["CashbackAwarded", "CashbackReversed", "CashbackRestored"]
    (restored,) = told.events.of("CashbackRestored")
    assert restored["amount"] == {"amount": "2.00", "currency": "USD"}
    assert restored["order_id"] == told.events.of("CashbackReversed")[0]["order_id"]
    assert told.day == DayTotals(orders_processed=1, cashback_issued=500)


def test_a_task_that_its_order_cancels_is_told_of() -> None:
    told = Told(Stage(scenario(delay=HOUR, cancel_on=(Condition.ORDER_CANCELLED,))))
    told.stage.paid("A-1")
    told.stage.hear(news(body(line("1", 10_000), second=1), order_id="A-1", cancelled=True))
    told.stage.act()
    told.project()
    assert told.kinds.count("TaskCancelled") == 1
    (cancelled,) = told.events.of("TaskCancelled")
    assert (cancelled["order_id"], cancelled["task_id"]) == ("A-1", told.stage.task.task_id)


def test_a_clawback_that_the_balance_cannot_pay_is_told_of_and_so_is_its_end() -> None:
    told = Told()
    told.stage.hear(paid(line("1", 10_000)))
    told.stage.shop.spend(500)
    told.stage.hear(listing(line("1", 10_000), refunds=[refund("r1", units("1"))], second=1))
    told.stage.hear(listing(line("1", 10_000), second=2))
    told.project()
    assert told.kinds == ["CashbackAwarded", "BalanceAdjusted", "CashbackReversed", "CashbackRestored"]
    for kind in ("CashbackReversed", "CashbackRestored"):
        (event,) = told.events.of(kind)
        assert (event["amount"]["amount"], event["shortfall"]["amount"]) == ("0.00", "5.00")


def test_a_review_is_counted_with_its_time_and_each_stop_is_told_of() -> None:
    told = Told(Stage(auto_processing=False))
    shop, stage = told.stage.shop, told.stage
    stage.hear(paid(line("1", 10_000)))
    stage.hear(paid(line("1", 10_000), order_id="B"))
    stage.clock.advance(90)
    shop.act("held", "key", stage.now)
    shop.reject("B")
    told.project()
    assert told.kinds.count("OrderPending") == 2
    assert [kind for kind in told.kinds if kind != "OrderPending"] == ["OrderHeld", "OrderRejected"]
    assert {event["customer_id"] for kind in set(told.kinds) for event in told.events.of(kind)} == {CUSTOMER}
    assert (told.day.rejected, sum(told.day.decisions.values()), told.day.orders_processed) == (1, 1, 0)


def test_what_is_added_to_an_awarded_order_is_issued_and_processes_it_no_second_time() -> None:
    told = Told()
    told.stage.hear(paid(line("1", 10_000), paid=True))
    told.stage.hear(paid(line("1", 10_000), line("2", 10_000), second=1, paid=True))
    told.project()
    assert told.day == DayTotals(orders_processed=1, cashback_issued=1_000)


def test_an_award_is_counted_in_one_transaction_with_the_entry_alone() -> None:
    """What tells of the order's move, from the other table, has nothing to add to the same day."""
    told = Told()
    told.stage.hear(paid(line("1", 10_000)))
    written: list[str] = []
    told.stage.shop.dynamo.faults.before_call = lambda _, operation: written.append(operation)
    for record in told.stream.records:
        told.project([record])
    assert written.count("TransactWriteItems") == 1


@pytest.mark.parametrize(
    ("order", "rules"),
    [
        (paid(line("1", 10_000), currency=JPY), {}),
        (paid(line("1", 10_000, product_id="p1")), {"product_rates": [{"category": "Tea", "rate": "0.2"}]}),
    ],
    ids=["currency_mismatch", "product_unknown"],
)
def test_a_hold_of_an_amount_that_nobody_knows_names_none(order: News, rules: dict[str, Any]) -> None:
    told = Told(Stage(**rules))
    told.stage.hear(order)
    assert told.stage.shop.order.status is Status.HELD
    told.project()
    assert told.kinds == ["OrderHeld"]
    assert "amount" not in told.events.of("OrderHeld")[0]


def test_a_day_is_that_of_the_stores_own_calendar() -> None:
    stage = Stage(now="2026-02-28T23:30:00.000000Z")
    told = Told(stage)
    stage.hear(paid(line("1", 10_000)))
    told.project()
    assert told.day.orders_processed == 1


@pytest.mark.row("F27")
def test_records_that_come_again_count_nothing_and_repeat_their_events_under_the_same_ids() -> None:
    told = Told()
    told.stage.hear(paid(line("1", 10_000)))
    told.project()
    once, events = told.day, set(told.events.events)
    for first in range(len(told.stream.records)):
        told.project(told.stream.records[first:])
    assert told.day == once
    assert set(told.events.events) == events


@pytest.mark.row("F23")
def test_what_the_bus_refuses_is_put_again_and_then_delivered_again_without_being_counted_again() -> None:
    told = Told()
    told.stage.hear(paid(line("1", 10_000)))
    told.events.refuses = [True]
    assert told.project() == []
    assert told.kinds == ["CashbackAwarded"]
    told.stage.hear(paid(line("1", 10_000), order_id="B"))
    told.events.refuses = [True] * 4
    (failure,) = told.project()
    number = failure["itemIdentifier"]
    again = [record for record in told.stream.records if record["dynamodb"]["SequenceNumber"] >= number]
    assert told.project(again) == []
    assert told.kinds == ["CashbackAwarded", "CashbackAwarded"]
    assert told.day.orders_processed == 2


def poisoned(record: dict[str, Any]) -> dict[str, Any]:
    poison = deepcopy(record)
    poison["dynamodb"] |= {"SequenceNumber": "0", "NewImage": {"pk": {"S": f"S#{STORE}#O#X"}, "sk": {"S": "ORDER"}}}
    poison["dynamodb"]["NewImage"] |= {"moved": {"N": "1"}, "status": {"S": "no such status"}}
    return poison


@pytest.mark.row("F30")
def test_a_poisoned_record_fails_alone_and_the_first_one_is_named() -> None:
    told = Told()
    told.stage.hear(paid(line("1", 10_000)))
    poison = poisoned(told.stream.records[-1])
    assert told.project([poison, *told.stream.records]) == [{"itemIdentifier": "0"}]
    assert told.day.orders_processed == 1


def test_what_comes_again_with_a_poisoned_record_is_told_once_and_what_comes_new_is_told() -> None:
    told = Told()
    told.stage.hear(paid(line("1", 10_000)))
    before = list(told.stream.records)
    poison = poisoned(before[-1])
    told.stage.hear(paid(line("1", 10_000), order_id="B"))
    for _ in range(5):
        told.project([*before, poison, *told.stream.records[len(before) :]])
    assert len(told.events.put) == 5 + 1
    told.stage.hear(paid(line("1", 10_000), order_id="C"))
    told.events.refuses = [False, True, True, True, True]
    behind = [poison, *told.stream.records[len(before) :]]
    for _ in range(5):
        told.project(behind)
    assert [len(told.events.of(kind)) for kind in set(told.kinds)] == [3]
    assert len(told.events.put) == 5 + 2


def test_a_change_that_stands_twice_in_a_batch_is_remembered_once() -> None:
    told = Told()
    told.totals.note_told(STORE, ["a", "b", "a"], NOW)
    assert told.totals.told(STORE, ["a", "b", "c"]) == {"a", "b"}


def test_what_the_projector_writes_is_no_change_to_it() -> None:
    told = Told()
    told.stage.hear(paid(line("1", 10_000)))
    told.project()
    told.project()
    assert (len(told.events.put), told.day.orders_processed) == (1, 1)


def test_tasks_and_codes_are_told_of() -> None:
    offer = PromoOffer(Discount(percent=Fraction(10)), "A-")
    stage = Stage(scenario(actions=Actions(credit=500, promo_code=offer), cancel_on=(Condition.ORDER_CANCELLED,)))
    told = Told(stage)
    stage.paid("A-1")
    stage.wait(hours=2)
    code = stage.task.promo_code
    assert code is not None
    promo = stage.books.promo_codes.get(STORE, code)
    assert promo is not None
    assert stage.books.promo_codes.save(STORE, promo, redeemed(promo, "A-2", "key:anna", "request", "body", stage.now))
    told.project()
    assert {"TaskExecuted", "BalanceAdjusted", "PromoCodeRedeemed"} <= set(told.kinds)
    assert told.events.of("PromoCodeRedeemed")[0]["order_id"] == "A-2"
    assert told.events.of("BalanceAdjusted")[0]["type"] == "scenario"


def test_a_job_is_told_of_once_it_is_over_and_one_that_failed_is_noted_for_the_engines_status() -> None:
    told = Told()
    job = told.start_job()
    failed = replace(job, status=JobStatus.FAILED, reason="internal", rev=2)
    assert told.jobs.save(STORE, failed) is None
    assert told.jobs.save(STORE, replace(failed.closed(Progress(credited=1, amount_credited=500), NOW), rev=3)) is None
    told.project()
    assert told.kinds == ["GroupJobFinished"]
    (finished,) = told.events.of("GroupJobFinished")
    assert finished["amount_credited"] == {"amount": "5.00", "currency": "USD"}
    assert list(told.totals.failures(STORE, "2026-01-01T00:00:00.000000Z")) == ["jobs_failed"]


def test_a_job_that_comes_to_something_else_once_it_is_over_is_told_of_again() -> None:
    told = Told()
    job = told.start_job()
    over = replace(job.closed(Progress(chunks=1, not_found=1), "2026-02-01T12:00:00.000000Z"), rev=2)
    assert told.jobs.save(STORE, over) is None
    late = Progress(credited=1, not_found=-1, amount_credited=500)
    assert told.jobs.save(STORE, replace(over.amended(late), rev=3)) is None
    assert told.jobs.save(STORE, replace(over.amended(late), rev=4)) is None
    told.project()
    first, second = told.events.of("GroupJobFinished")
    assert [one["amount_credited"]["amount"] for one in (first, second)] == ["0.00", "5.00"]
    assert first["occurred_at"] < second["occurred_at"]


def test_a_job_that_failed_and_comes_to_something_else_has_failed_once() -> None:
    told = Told()
    job = told.start_job()
    failed = replace(job.closed(Progress(chunks=1, error=2), NOW), rev=2)
    assert told.jobs.save(STORE, failed) is None
    assert told.jobs.save(STORE, replace(failed.amended(Progress(error=-1, credited=1)), rev=3)) is None
    told.project()
    assert len(told.totals.failures(STORE, "2026-01-01T00:00:00.000000Z")["jobs_failed"]) == 1


def test_a_dry_run_that_failed_is_no_failure_of_the_engine() -> None:
    told = Told()
    job = told.start_job(dry_run=True)
    assert told.jobs.save(STORE, replace(job, status=JobStatus.FAILED, reason="internal", rev=2)) is None
    told.project()
    assert (told.kinds, told.totals.failures(STORE, "2026-01-01T00:00:00.000000Z")) == ([], {})


@pytest.mark.parametrize("kind", [Kind.MERGE, Kind.RECOVERY, Kind.REDEMPTION])
def test_other_entries_are_neither_counted_nor_told_of(kind: Kind) -> None:
    told = Told()
    told.stage.person()
    told.done = len(told.stream.records)
    told.post(Entry("c", kind, 5, "key:anna", "hash"))
    told.project()
    assert (told.kinds, told.day) == ([], DayTotals())


def test_a_rejected_entry_is_neither_counted_nor_told_of() -> None:
    told = Told()
    told.stage.person()
    told.done = len(told.stream.records)
    told.post(Entry("c", Kind.MANUAL, 5, "key:anna", "hash", status=EntryStatus.REJECTED))
    told.project()
    assert (told.kinds, told.day) == ([], DayTotals())


def test_an_entry_of_a_payout_is_counted_and_not_told_of() -> None:
    told = Told()
    told.stage.person()
    told.done = len(told.stream.records)
    told.post(Entry("c", Kind.PAYOUT, -5, "key:anna", "hash"))
    told.project()
    assert (told.kinds, told.day) == ([], DayTotals(cashback_paid_out=5))


def test_a_waiting_task_is_no_end() -> None:
    stage = Stage(scenario(delay=HOUR))
    told = Told(stage)
    stage.paid("A-1")
    told.project()
    assert told.kinds == ["CashbackAwarded"]
