"""What payouts add to the figures of a day: what did arrive of what balances gave, however it came to that."""

from contextlib import suppress
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from cashback.adapters.dynamo.stream import change_of
from cashback.adapters.dynamo.totals import Totals
from cashback.domain.day_totals import Day, DayTotals
from cashback.domain.errors import DomainError
from cashback.domain.incentive_requests import RequestStatus
from cashback.domain.ledger import Entry, EntryStatus, Kind
from cashback.domain.payouts import PayoutStatus
from cashback.domain.projection import addition_of, totals_of_entry
from cashback.edge import store_views
from cashback.services.manage_payouts import read_payout
from cashback.services.read_metrics import read_metrics
from cashback.services.recount_days import recount_days
from tests.streams import Stream
from tests.unit.builders import NOW, STORE, usd
from tests.unit.test_payout_money import Desk, approved

DAY = "2026-03-01"
TOMORROW = "2026-03-02T12:00:00.000000Z"


class Watched(Desk):
    """A desk whose tables are watched."""

    def __init__(self, balance: int = 0) -> None:
        super().__init__(balance)
        self.stream = Stream()
        self.shop.dynamo.observers.append(self.stream.watch)
        self.totals = Totals(self.shop.books.orders.table, sleep=lambda _: None)

    def told(self) -> int:
        """What the day paid out, as the stream tells it."""
        changes = (change for record in self.stream.records if (change := change_of(record)) is not None)
        added = (addition_of(change, ZoneInfo("Europe/Berlin")) for change in changes)
        return sum(found[1].cashback_paid_out for found in added if found is not None and found[0] == DAY)

    def closed(self) -> Day:
        """The day once it is over, as the recount finds it; what was counted before is nothing here."""
        days = list(recount_days(self.shop.books, self.totals, STORE, TOMORROW, lambda: True))
        (day,) = (day for day in days if isinstance(day, Day))
        assert day.date == DAY
        return day


def entry(amount: int = 0, reserved: int = 0, owed: int = 0, status: EntryStatus = EntryStatus.POSTED) -> DayTotals:
    given = Entry("c", Kind.PAYOUT, amount, "key:anna", "hash", reserved=reserved, owed=owed, status=status)
    return totals_of_entry(given)


def test_what_is_held_and_given_back_is_nothing_and_what_is_settled_or_returned_is_paid_out_more_or_less() -> None:
    assert entry(-40, 40) == entry(40, -40) == entry(-40, 40, status=EntryStatus.REJECTED) == DayTotals()
    assert entry(0, -40) == entry(-40) == entry(-15, owed=25) == DayTotals(cashback_paid_out=40)
    assert entry(40) == DayTotals(cashback_paid_out=-40)


def test_a_late_success_counts_whole_although_the_balance_lacks_some_of_it_and_so_does_its_return() -> None:
    desk = Watched(1_000)
    payout_id = desk.pay(approved(desk, 400))
    desk.turn(payout_id, PayoutStatus.FAILED)
    desk.move(-900)
    desk.turn(payout_id, PayoutStatus.SUCCESS)
    assert (desk.money, desk.told()) == ((0, 0, 300), 400)
    desk.turn(payout_id, PayoutStatus.FAILED)
    assert (desk.money, desk.told()) == ((100, 0, 0), 0)


STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "move", "pay", "turn", "reject", "cancel"]), st.integers(0, 7)), max_size=25
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_the_stream_and_the_recount_agree_with_the_payouts_in_any_history(steps: list[tuple[str, int]]) -> None:
    desk = Watched(1_000)
    request_ids: list[str] = []
    payout_ids: list[str] = []
    for step, number in steps:
        with suppress(DomainError):
            if step == "ask":
                request_ids.append(desk.ask(100 * (number + 1), from_balance=number != 3))
                desk.decide(request_ids[-1], RequestStatus.APPROVED)
            elif step == "move":
                desk.move(-200 if desk.account.available >= 200 else 100 * number)
            elif step == "pay" and request_ids:
                payout_ids.append(desk.pay(request_ids[number % len(request_ids)]))
            elif step == "turn" and payout_ids:
                desk.turn(payout_ids[-1 - number // 4 % len(payout_ids)], list(PayoutStatus)[number % 4])
            elif step in {"reject", "cancel"} and request_ids:
                status = RequestStatus.REJECTED if step == "reject" else RequestStatus.CANCELLED
                desk.decide(request_ids[number % len(request_ids)], status)
    payouts = [read_payout(desk.work, STORE, payout_id) for payout_id in payout_ids]
    arrived = sum(one.amount for one in payouts if one.status is PayoutStatus.SUCCESS and one.from_balance)
    assert desk.told() == desk.closed().totals.cashback_paid_out == arrived


def test_requests_that_wait_and_payouts_on_their_way_are_levels_of_now_and_of_the_end_of_a_day() -> None:
    desk = Watched(1_000)
    desk.ask(100)
    desk.ask(100, from_balance=False)
    for ending in (*PayoutStatus, None):
        request_id = approved(desk, 100)
        if ending is not None:
            payout_id = desk.pay(request_id)
            if ending is not PayoutStatus.PENDING:
                desk.turn(payout_id, ending)
    found = store_views.metrics(read_metrics(desk.shop.books, desk.totals, STORE, None, None, NOW))
    assert (found.requests_waiting, found.payouts_live) == (2, 2)
    levels = desk.closed().levels
    assert levels is not None
    assert (levels.requests_waiting, levels.payouts_live) == (2, 2)
    kept = store_views.metrics(read_metrics(desk.shop.books, desk.totals, STORE, DAY, DAY, TOMORROW))
    assert (kept.requests_waiting, kept.payouts_live) == (2, 2)
    assert kept.cashback_paid_out.model_dump() == usd("1.00")
    assert (
        store_views.metrics(read_metrics(desk.shop.books, desk.totals, STORE, None, None, TOMORROW)).payouts_live == 2
    )


def test_the_levels_of_a_day_that_is_not_closed_are_unknown() -> None:
    desk = Watched()
    found = store_views.metrics(read_metrics(desk.shop.books, desk.totals, STORE, DAY, DAY, TOMORROW))
    assert (found.requests_waiting, found.payouts_live) == (None, None)
