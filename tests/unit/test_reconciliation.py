"""Reconciliation: what is kept against what the entries say, in the store's own night, and reading only."""

import json
from collections.abc import Callable
from copy import replace
from typing import Any

import pytest
from msgspec import Struct

import dev.reconcile
from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import encode, key_attributes
from cashback.adapters.dynamo.due import DueIndex
from cashback.adapters.dynamo.incentive_requests import IncentiveRequests
from cashback.adapters.dynamo.payouts import Payouts
from cashback.adapters.dynamo.reconciliations import Reconciliations
from cashback.domain.causes import manual
from cashback.domain.customers import Profile
from cashback.domain.due import DueKind
from cashback.domain.incentive_requests import RequestStatus
from cashback.domain.ledger import Account, Entry, EntryStatus, Kind, Posting
from cashback.domain.news import CustomersMerged
from cashback.domain.orders import Order, Status
from cashback.domain.payouts import Payout, PayoutStatus
from cashback.domain.reconciliation import MOST_KEPT, Subject, of_account, of_order, of_orders, orders_moved
from cashback.edge.daily import ENOUGH_TIME, TURN, Daily
from cashback.services import reconcile
from cashback.services.close_store import close_store
from cashback.services.manage_requests import read_request
from cashback.services.merge_customers import merge_customers
from cashback.services.recount_days import recount_days
from tests.simulation.dynamo import SimulatedDynamo
from tests.unit.builders import CUSTOMER, ORIGIN, STORE, at
from tests.unit.stage import Stage
from tests.unit.test_payout_money import Desk, approved
from tests.unit.test_projector import Told

NIGHT = "2026-05-17T02:00:00.000000Z"


def entry(kind: Kind = Kind.MANUAL, amount: int = 0, cause: str = "adm:1", **more: Any) -> Entry:
    return Entry(cause, kind, amount, "key:anna", "hash", posted_at=more.pop("posted_at", at(0)), **more)


def stage_of(now: str = NIGHT, **settings: Any) -> Stage:
    return Stage(now=now, **{"timezone": "UTC", **settings})


def kept(stage: Stage) -> Reconciliations:
    return Reconciliations(stage.books.orders.table)


def spoil(stage: Stage, key: keys.Key, **figures: int) -> None:
    """Change a figure as no code of ours does."""
    for name, value in figures.items():
        stage.shop.dynamo.update_item(
            TableName="State",
            Key=key_attributes(key),
            UpdateExpression=f"SET {name} = :value",
            ExpressionAttributeValues={":value": encode(value)},
        )


def lines(capsys: pytest.CaptureFixture[str], event: str) -> list[dict[str, Any]]:
    return [one for one in map(json.loads, capsys.readouterr().out.splitlines()) if one.get("event") == event]


def metrics(capsys: pytest.CaptureFixture[str], name: str) -> list[int]:
    return [one[name] for one in map(json.loads, capsys.readouterr().out.splitlines()) if name in one]


# ---- what is compared


def test_every_figure_of_an_account_is_the_sum_of_its_posted_entries() -> None:
    entries = [
        entry(amount=1_000),
        entry(amount=-300, reserved=300, cause="pay:1:0:hold"),
        entry(reserved=-100, cause="pay:1:1:settle"),
        entry(amount=100, reserved=0, voids=True, cause="pay:1:2:void"),
        entry(Kind.REVERSAL, -200, cause="ord:1:cancel", owed=50),
        entry(amount=-9_999, cause="adm:2", status=EntryStatus.REJECTED),
    ]
    whole = Account("1", 600, 200, credited=1_000, debited=200, shortfall=50, version=5)
    assert whole.available + whole.reserved == whole.credited - whole.debited
    assert list(of_account(whole, entries)) == []
    for figure in ("available", "reserved", "credited", "debited", "shortfall", "version"):
        wrong = Account(**{name: getattr(whole, name) for name in whole.__struct_fields__} | {figure: 7})
        (found,) = of_account(wrong, entries)
        assert (found.subject, found.item_id, found.figure, found.stands) == (Subject.CUSTOMER, "1", figure, 7)
        assert found.expected == getattr(whole, figure)


def test_an_order_is_what_its_entries_gave_took_and_were_owed() -> None:
    entries = [
        entry(Kind.ORDER, 500, "ord:A:earn"),
        entry(Kind.RECOVERY, -30, "rec:ord:A:earn", owed=-30),
        entry(Kind.REVERSAL, -100, "ord:A:ref:1", owed=20),
        entry(Kind.REDEMPTION, -40, "ord:A:spend"),
    ]
    order = Order("A", "shopify", at(0), status=Status.PARTIALLY_REVERSED, award=500, target=130, owed=20, waived=10)
    assert [one.figure for one in of_order(order, entries)] == ["redeemed"]
    unpaid = Order("A", "shopify", at(0), award=499, target=130, redeemed=45, redemption_waived=5)
    assert [(one.figure, one.stands, one.expected) for one in of_order(unpaid, entries)] == [
        ("award", 499, 500),
        ("taken_and_owed", 0, 120),
    ]


def test_an_order_that_is_not_there_says_nothing_where_its_entries_do() -> None:
    assert [one.figure for one in of_orders([], {"A": [entry(Kind.ORDER, 500, "ord:A:earn")]})] == ["award"]
    assert list(of_orders([], {"A": [entry(Kind.SCENARIO, 500, "scn:1")]})) == []


def test_orders_are_compared_whose_entries_are_new_and_all_at_one_customer() -> None:
    entries = [
        entry(Kind.ORDER, 5, "ord:A:earn", order_id="A", posted_at=at(1)),
        entry(Kind.REVERSAL, -5, "ord:A:cancel", order_id="A", posted_at=at(9)),
        entry(Kind.ORDER, 5, "ord:B:earn", order_id="B", posted_at=at(1)),
        entry(Kind.ORDER, 5, "ord:C:earn", order_id="C", posted_at=at(9), status=EntryStatus.REJECTED),
        entry(),
    ]
    assert orders_moved(Account("1"), entries, at(5)) == {"A": entries[:2]}
    assert orders_moved(Account("1", merged_into="2"), entries, at(5)) == {}
    assert orders_moved(Account("1", merged_hops=1), entries, at(5)) == {}


# ---- a store's night


def test_a_store_is_compared_once_a_day_in_its_own_night(capsys: pytest.CaptureFixture[str]) -> None:
    stage = stage_of("2026-05-16T22:30:00.000000Z", timezone="Europe/Berlin")
    stage.paid()
    assert stage.daily().run()["reconciled"] == 0
    stage.clock.advance(2 * 3_600)
    assert [stage.daily().run()["reconciled"] for _ in range(2)] == [1, 0]
    report = kept(stage).get(STORE)
    assert report is not None
    assert (report.date, report.customers, report.orders, report.is_clean) == ("2026-05-17", 1, 1, True)
    assert metrics(capsys, "LedgerDrift") == [0]
    stage.clock.advance(86_400)
    assert stage.daily().run()["reconciled"] == 1
    assert [one.date for one in kept(stage).reports(STORE)] == ["2026-05-17", "2026-05-18"]


def test_a_closed_store_is_not_compared() -> None:
    stage = stage_of()
    close_store(stage.books, STORE, "gone", ORIGIN, stage.now)
    assert stage.daily().run()["reconciled"] == 0


@pytest.mark.row("F45")
def test_a_difference_is_told_counted_and_kept_and_no_money_is_changed(capsys: pytest.CaptureFixture[str]) -> None:
    stage = stage_of()
    stage.paid()
    available = stage.shop.accounts[CUSTOMER].available
    spoil(stage, keys.account(STORE, CUSTOMER), available=available + 1)
    before = stage.shop.dynamo.items("Ledger"), stage.shop.accounts
    stage.daily().run()
    assert (stage.shop.dynamo.items("Ledger"), stage.shop.accounts) == before
    (report,) = kept(stage).reports(STORE)
    (found,) = report.differences
    assert (found.item_id, found.figure, found.stands, found.expected) == (
        CUSTOMER,
        "available",
        available + 1,
        available,
    )
    out = capsys.readouterr().out
    (line,) = [one for one in map(json.loads, out.splitlines()) if one.get("event") == "ledger_drift"]
    assert (line["level"], line["customer"], line["stands"]) == ("ERROR", CUSTOMER, available + 1)
    assert '"LedgerDrift":1}' in out


@pytest.mark.row("F45")
def test_a_table_that_was_restored_to_a_time_before_the_other_is_told_of_and_left_alone() -> None:
    stage = stage_of()
    stage.paid("A-1")
    state = stage.shop.dynamo.items("State")
    stage.paid("A-2")
    ledger = stage.shop.dynamo.items("Ledger")
    for item in stage.shop.dynamo.items("State"):
        stage.shop.dynamo.delete_item(TableName="State", Key={"pk": item["pk"], "sk": item["sk"]})
    for item in state:
        stage.shop.dynamo.put_item(TableName="State", Item=item)
    stage.daily().run()
    (report,) = kept(stage).reports(STORE)
    told = {one.figure: (one.stands, one.expected) for one in report.differences if one.item_id == CUSTOMER}
    assert told["available"] == told["credited"] == (500, 1_000)
    assert told["version"] == (1, 2)
    assert stage.shop.dynamo.items("Ledger") == ledger
    assert stage.shop.account.available == 500


def test_it_goes_on_page_by_page_where_time_was_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 2)
    stage = stage_of()
    for number in range(40):
        stage.person(str(number))
    assert list(recount_days(stage.books, stage.daily().totals, STORE, stage.now, lambda: True))
    runs = 0
    for runs in range(1, 100):  # noqa: B007 - counted below
        left = iter([ENOUGH_TIME] * 7)
        daily = stage.daily()
        daily.milliseconds_left = lambda left=left: next(left, 0)  # type: ignore[misc]
        if daily.run()["reconciled"]:
            break
    report = kept(stage).get(STORE)
    assert report is not None
    assert (report.customers, report.moving, report.finished_at) == (40, 0, stage.now)
    assert runs > 16


def test_a_recount_and_a_comparison_that_one_hour_is_too_short_for_both_go_on_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 1)
    stage = stage_of()
    for number in range(40):
        stage.person(str(number))
    daily = stage.daily()
    left = iter(range(ENOUGH_TIME + 6 * TURN, 0, -TURN // 4))
    daily.milliseconds_left = lambda: next(left)
    stage.clock.advance(86_400)
    assert daily.run() | {"greeted": 0} == {
        "greeted": 0,
        "late": 0,
        "recounted": 0,
        "reconciled": 0,
        "failed": 0,
        "cut_short": True,
    }
    recounting, comparing = daily.totals.recount(STORE), kept(stage).get(STORE)
    assert recounting is not None
    assert recounting.shard >= 4
    assert comparing is not None
    assert comparing.part >= 2


@pytest.mark.parametrize(("left", "expected"), [(ENOUGH_TIME, 0), (ENOUGH_TIME - 1, 1)])
def test_an_hour_that_is_too_short_for_all_stores_is_counted(
    left: int, expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    daily = stage_of().daily()
    daily.milliseconds_left = lambda: left
    daily.run()
    assert metrics(capsys, "DailyCutShort") == [expected]


def test_each_hour_begins_at_another_store(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of()
    first: list[str] = []
    monkeypatch.setattr(type(stage.books.stores), "ids", lambda _: iter("abc"))
    monkeypatch.setattr(Daily, "_greet", lambda _, store_id: first.append(store_id))
    monkeypatch.setattr(Daily, "_watch", lambda *_: None)
    monkeypatch.setattr(Daily, "_recount", lambda *_: None)
    monkeypatch.setattr(Daily, "_reconcile", lambda *_: None)
    for _ in range(24):
        stage.daily().run()
        stage.clock.advance(3_600)
    assert sorted(first[::3]) == ["a"] * 8 + ["b"] * 8 + ["c"] * 8


def test_a_comparison_that_took_over_midnight_is_finished_first() -> None:
    stage = stage_of()
    stage.person()
    made = reconcile.open_comparison(stage.books, kept(stage), STORE, stage.now)
    assert not isinstance(made, str)
    begun, _ = reconcile.compare_next(stage.books, STORE, made, stage.now)
    kept(stage).save(STORE, begun)
    stage.clock.advance(23 * 3_600)
    assert [stage.daily().run()["reconciled"] for _ in range(2)] == [1, 0]
    assert [one.date for one in kept(stage).reports(STORE)] == ["2026-05-17"]
    stage.clock.advance(3_600)
    stage.daily().run()
    assert [one.date for one in kept(stage).reports(STORE)] == ["2026-05-17", "2026-05-18"]


def moving(stage: Stage, monkeypatch: pytest.MonkeyPatch, times: int) -> Callable[[], int]:
    """Post to the customer's account while it is compared, so many times."""
    history, posted = type(stage.books.history), [0]
    reads = history.entries

    def entries(self: Any, store_id: str, customer_id: str) -> list[Entry]:
        found = list(reads(self, store_id, customer_id))
        if posted[0] < times:
            posted[0] += 1
            more = entry(amount=1, cause=manual(str(posted[0])))
            stage.books.ledger.post(Posting(store_id, customer_id, stage.now, entries=(more,)))
        return found

    monkeypatch.setattr(history, "entries", entries)
    return lambda: posted[0]


@pytest.mark.parametrize(("times", "expected"), [(1, (1, 0)), (2, (1, 0)), (9, (0, 1))])
def test_a_balance_that_moves_is_looked_at_again(
    times: int, expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stage_of()
    stage.paid()
    moving(stage, monkeypatch, times)
    page = reconcile.compare_customers(stage.books, STORE, [CUSTOMER], at(0))
    assert ((page.customers, page.moving), page.differences) == (expected, ())


def test_merged_customers_are_each_the_sum_of_their_own_entries() -> None:
    stage = stage_of()
    stage.paid()
    stage.person("200")
    merge_customers(stage.books, STORE, CustomersMerged(CUSTOMER, "200", stage.now), ORIGIN.actor, stage.now)
    stage.daily().run()
    report = kept(stage).get(STORE)
    assert report is not None
    assert (report.customers, report.orders, report.found) == (2, 0, 0)


# ---- reserves and payouts


def compared(desk: Desk, customer_id: str = CUSTOMER) -> list[tuple[str, str, str, int, int]]:
    page = reconcile.compare_customers(desk.shop.books, STORE, [customer_id], at(0))
    assert page.customers == 1
    return [(one.subject.value, one.item_id, one.figure, one.stands, one.expected) for one in page.differences]


def rewritten(desk: Desk, request_id: str, **changes: Any) -> None:
    """Change a request as no code of ours does."""
    request = read_request(desk.work, STORE, request_id)
    assert desk.work.requests.save(desk.work.requests.write(STORE, replace(request, **changes, rev=request.rev + 1)))


def test_what_is_reserved_is_what_requests_hold() -> None:
    desk = Desk(1_000)
    held, paid = approved(desk, 300), approved(desk, 200)
    arrived = desk.pay(paid)
    desk.turn(arrived, PayoutStatus.SUCCESS)
    assert compared(desk) == []
    rewritten(desk, held, held=299)
    assert compared(desk) == [("customer", CUSTOMER, "held", 299, 300)]
    rewritten(desk, held, held=300)
    rewritten(desk, paid, held=1)
    assert compared(desk) == [("customer", CUSTOMER, "held", 301, 300), ("payout", arrived, "held", 1, 0)]


def test_nothing_reserved_any_more_and_yet_held_is_found_too() -> None:
    desk = Desk(1_000)
    request_id = approved(desk, 300)
    desk.decide(request_id, RequestStatus.CANCELLED)
    rewritten(desk, request_id, held=300)
    assert compared(desk) == [("customer", CUSTOMER, "held", 300, 0)]


def test_a_kept_customer_answers_for_the_requests_of_all_who_were_merged_into_them() -> None:
    desk = Desk(1_000)
    request_id, books = approved(desk, 300), desk.shop.books
    for customer_id, into in ((CUSTOMER, "middle"), ("middle", "kept")):
        assert books.customers.create(STORE, Profile(into, at(0), at(0)), at(0))
        books.ledger.merge(STORE, customer_id, into, at(0), ORIGIN.actor)
    assert [compared(desk, one) for one in (CUSTOMER, "middle", "kept")] == [[], [], []]
    rewritten(desk, request_id, held=0)
    assert [compared(desk, one) for one in (CUSTOMER, "middle")] == [[], []]
    assert compared(desk, "kept") == [("customer", "kept", "held", 0, 300)]


@pytest.mark.parametrize("status", list(PayoutStatus))
def test_a_payout_that_has_not_failed_is_named_by_its_request(status: PayoutStatus) -> None:
    desk = Desk(1_000)
    request_id = approved(desk, 300)
    payout_id = desk.pay(request_id)
    if status is not PayoutStatus.PENDING:
        desk.turn(payout_id, status)
    assert compared(desk) == []
    rewritten(desk, request_id, active_payout_id=None)
    lost = [] if status is PayoutStatus.FAILED else [("payout", payout_id, "active", 0, 1)]
    assert compared(desk) == lost


def test_a_payout_that_failed_is_named_by_no_request() -> None:
    desk = Desk(1_000)
    request_id = approved(desk, 300)
    payout_id = desk.pay(request_id)
    desk.turn(payout_id, PayoutStatus.FAILED)
    rewritten(desk, request_id, active_payout_id=payout_id)
    assert compared(desk) == [("payout", payout_id, "active", 1, 0)]


def test_what_one_request_holds_too_much_and_another_too_little_is_found() -> None:
    desk = Desk(1_000)
    requests = [approved(desk, 300), approved(desk, 200)]
    payouts = [desk.pay(request_id) for request_id in requests]
    rewritten(desk, requests[0], held=301)
    rewritten(desk, requests[1], held=199)
    assert sorted(compared(desk)) == sorted(
        [("payout", payouts[0], "held", 301, 300), ("payout", payouts[1], "held", 199, 200)]
    )


def test_a_payout_that_arrives_while_it_is_compared_is_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(1_000)
    desk.ask(100)
    payout_id = desk.pay(approved(desk, 300, from_balance=False))
    desk.turn(payout_id, PayoutStatus.FAILED)
    reads = Payouts.get_many

    def late(self: Payouts, store_id: str, payout_ids: list[str]) -> list[Payout]:
        desk.turn(payout_id, PayoutStatus.SUCCESS)
        return reads(self, store_id, payout_ids)

    monkeypatch.setattr(Payouts, "get_many", late)
    assert compared(desk) == []


def test_requests_are_read_of_those_only_who_have_something_reserved_or_had(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(1_000)
    approved(desk, 300, from_balance=False)
    monkeypatch.setattr(IncentiveRequests, "of_customer", None)
    assert compared(desk) == []


def test_a_report_names_a_hundred_differences_and_counts_all(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of()
    for number in range(MOST_KEPT + 5):
        stage.person(str(number))
        spoil(stage, keys.account(STORE, str(number)), available=1)
    stage.daily().run()
    (report,) = kept(stage).reports(STORE)
    assert (report.found, len(report.differences), report.is_clean) == (MOST_KEPT + 5, MOST_KEPT, False)


@pytest.mark.parametrize("lost", [(keys.account,), (keys.account, keys.profile)])
def test_by_hand_entries_are_found_of_whom_no_account_is_known(
    lost: tuple[Callable[[str, str], keys.Key], ...], capsys: pytest.CaptureFixture[str]
) -> None:
    told = Told(stage_of())
    stage = told.stage
    stage.paid()
    told.project()
    assert by_hand(stage)
    for key in lost:
        forget(stage, key(STORE, CUSTOMER))
    assert not by_hand(stage)
    assert f"customer {CUSTOMER}: available is 0, its entries say 500" in capsys.readouterr().out


def test_by_hand_entries_are_found_of_a_store_that_is_not_known() -> None:
    stage = stage_of()
    stage.paid()
    forget(stage, keys.account(STORE, CUSTOMER))
    forget(stage, keys.Key("STORES", STORE))
    assert not by_hand(stage)


@pytest.mark.parametrize("days", [0, 1, 3])
def test_by_hand_a_days_totals_are_compared_with_its_entries_and_orders(
    days: int, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Told(stage_of())
    told.stage.paid("A-1")
    told.project()
    for _ in range(days):
        told.stage.clock.advance(86_400)
        told.stage.daily().run()
    assert by_hand(told.stage)
    date = NIGHT[:10]
    day = told.totals.days(STORE, [date])[date]
    assert (day.closed_at is not None) == (days > 0)
    more = replace(day, totals=replace(day.totals, cashback_issued=501), rev=day.rev + 1)
    told.stage.books.orders.table.commit(told.totals.write(STORE, more))
    assert not by_hand(told.stage)
    assert f"day {date}: cashback_issued is 501, not 500" in capsys.readouterr().out


def forget(stage: Stage, key: keys.Key) -> None:
    """Lack an item, as a table does that was restored to before it."""
    table = stage.books.orders.table
    table.commit(table.delete(key))


class Scanned(Struct):
    """The tables as an operator reads them, who may scan them, a few items at a time."""

    dynamo: SimulatedDynamo

    def scan(self, **request: Any) -> dict[str, Any]:
        begin = int(request.get("ExclusiveStartKey", 0))
        items = self.dynamo.items(request["TableName"])[begin : begin + 2]
        return {"Items": items, **({"LastEvaluatedKey": begin + 2} if len(items) == 2 else {})}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dynamo, name)


def by_hand(stage: Stage) -> bool:
    return dev.reconcile.reconcile(Scanned(stage.shop.dynamo), "Ledger", "State")


def test_a_recount_that_a_day_is_too_short_for_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    stage = stage_of()
    stage.daily().run()
    stage.clock.advance(2 * 86_400)
    daily = stage.daily()
    left = iter([ENOUGH_TIME] * 6)
    daily.milliseconds_left = lambda: next(left, 0)
    daily.run()
    assert metrics(capsys, "RecountsBehind") == [0, 1]
    stage.daily().run()
    assert metrics(capsys, "RecountsBehind") == [0]


# ---- what stands still


def make_due(stage: Stage, kind: DueKind, item_id: str, due_at: str) -> None:
    table = stage.books.orders.table
    pk, sk = keys.order(STORE, item_id)
    table.commit(table.put({"pk": pk, "sk": sk, **DueIndex.attributes(STORE, kind, item_id, due_at)}))


def test_what_came_due_long_ago_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    stage = stage_of()
    make_due(stage, DueKind.TASK, "old", "2026-05-16T02:00:00.000000Z")
    make_due(stage, DueKind.GROUP_JOB, "late", "2026-05-17T00:00:00.000000Z")
    make_due(stage, DueKind.TASK, "fresh", "2026-05-17T00:00:01.000000Z")
    make_due(stage, DueKind.STORE, "closing", "2026-05-16T02:00:00.000000Z")
    stage.daily().run()
    (report,) = kept(stage).reports(STORE)
    assert [(one.kind, one.item_id) for one in report.overdue] == [("task", "old"), ("group_job", "late")]
    assert metrics(capsys, "Overdue") == [2]
    stage.clock.advance(3_600)
    stage.daily().run()
    assert sorted(one["id"] for one in lines(capsys, "overdue")) == ["fresh", "late", "old"]


def test_an_erasing_that_is_stuck_and_what_is_left_of_a_closed_store_are_told_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stage = stage_of()
    make_due(stage, DueKind.DELIVERY, "left", stage.now)
    close_store(stage.books, STORE, "gone", ORIGIN, stage.now)
    stage.clock.advance(25 * 3_600)
    stage.daily().run()
    assert [one["kind"] for one in lines(capsys, "overdue")] == ["delivery"]
    DueIndex(stage.books.orders.table).move_bookmark("2026-05-17T00")
    stage.clock.advance(24 * 3_600)
    stage.daily().run()
    assert metrics(capsys, "Overdue") == [2]


def test_a_difference_is_alarmed_of_when_it_is_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 1)
    monkeypatch.setattr(Daily, "_recount", lambda *_: None)
    stage = stage_of()
    for number in range(40):
        stage.person(str(number))
        spoil(stage, keys.account(STORE, str(number)), available=1)
    left = iter([ENOUGH_TIME] * 12)
    daily = stage.daily()
    daily.milliseconds_left = lambda: next(left, 0)
    assert daily.run()["reconciled"] == 0
    assert set(metrics(capsys, "LedgerDrift")) == {1}


def test_what_a_sweep_has_not_reached_for_days_is_overdue_too() -> None:
    stage = stage_of()
    make_due(stage, DueKind.STORE, "closing", "2026-05-14T02:00:00.000000Z")
    index = DueIndex(stage.books.orders.table)
    assert list(reconcile.overdue(index, stage.now)) == []
    index.move_bookmark("2026-05-14T01")
    assert [thing.item_id for thing in reconcile.overdue(index, stage.now)] == ["closing"]


# ---- what waits for a person


def test_pending_orders_that_wait_too_long_are_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    stage = stage_of(NIGHT, auto_processing=False, pending_alarm_hours=3)
    stage.paid()
    stage.clock.advance(3 * 3_600)
    stage.daily().run()
    assert metrics(capsys, "ReviewsLate") == []
    stage.clock.advance(1)
    stage.daily().run()
    assert metrics(capsys, "ReviewsLate") == [1]
    close_store(stage.books, STORE, "gone", ORIGIN, stage.now)
    stage.daily().run()
    assert metrics(capsys, "ReviewsLate") == []
