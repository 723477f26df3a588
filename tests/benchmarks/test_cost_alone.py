"""Every event has its price alone, and it is what its counts come to by hand."""

from collections import Counter
from copy import replace

import pytest

from tests.benchmarks import baselines, cost, cost_alone, cost_page, naive_units, units
from tests.benchmarks.cost_alone import Costs, Row
from tests.benchmarks.units import MEMBERS, Operation, Share


@pytest.fixture(scope="module")
def found() -> dict[str, Operation]:
    return units.read()


@pytest.fixture(scope="module")
def naive() -> dict[str, Operation]:
    return naive_units.read()


def test_whatever_was_counted_has_a_price_or_is_said_to_have_none(
    found: dict[str, Operation], naive: dict[str, Operation]
) -> None:
    """What is dearer nowhere when it asks for twice as much has no price."""

    def prices(operations: dict[str, Operation]) -> list[float]:
        lines, rows = cost.lines(operations), cost_alone.rows(operations, naive)
        return [line.bill.counted for line in lines] + [row.decided.ours.counted for row in rows]

    before = prices(found)
    unpriced = {name for name, one in found.items() if prices({**found, name: _twice(one)}) == before}
    assert unpriced == set(cost_alone.UNPRICED)


def _twice(operation: Operation) -> Operation:
    return replace(operation, shares={name: share + share for name, share in operation.shares.items()})


def test_every_event_of_a_shop_has_a_row_of_its_own(found: dict[str, Operation]) -> None:
    """But what is counted in batches, and a task that runs: those have their lines among the others."""
    sent = {name for name, one in found.items() if "event_worker" in one.shares}
    elsewhere = {"paid orders in batches of ten", "tasks executed in batches of ten", "task executed with a credit"}
    assert sent - elsewhere - set(cost_alone.UNPRICED) <= {event.operation for event in baselines.EVENTS}


def test_something_follows_in_the_table_where_the_projector_was_asked(found: dict[str, Operation]) -> None:
    followed = {event.operation: event.following is not None for event in baselines.EVENTS}
    assert followed == {name: "projector" in found[name].shares for name in followed}


_ENTRANCE = Share(invocations=1, logged=277, calls=Counter(SendMessage=1))
_WORKER = Share(
    invocations=1,
    logged=474,
    table_units=6,
    index_units=3,
    read_units=2,
    calls=Counter(GetItem=1, Query=1, TransactWriteItems=1),
)
_PROJECTOR = Share(
    invocations=2,
    logged=298,
    events=1,
    table_units=4,
    read_units=4,
    calls=Counter(BatchGetItem=2, GetItem=2, PutEvents=1, TransactWriteItems=1),
)
_NAIVE_ORDER = Share(
    invocations=1,
    logged=1109,
    table_units=6,
    index_units=4,
    read_units=0.5,
    calls=Counter(GetItem=1, PutItem=3, UpdateItem=2),
)


def _row(name: str, found: dict[str, Operation], naive: dict[str, Operation]) -> Row:
    ordered = Operation(naive_units.ORDER, {"naive_webhook": _NAIVE_ORDER}, {})
    accepted = Operation("webhook accepted", {"webhook_ingest": _ENTRANCE}, {})
    operations = {**found, "webhook accepted": accepted}
    (row,) = [
        one for one in cost_alone.rows(operations, {**naive, naive_units.ORDER: ordered}) if one.name.startswith(name)
    ]
    return row


def _dollars(costs: Costs) -> tuple[float, float, float]:
    return (costs.ours.counted, costs.naively.counted, costs.least.counted)


def test_a_refund_costs_its_units_requests_and_log_and_what_follows_its_event_and_totals(
    found: dict[str, Operation], naive: dict[str, Operation]
) -> None:
    shares = {"webhook_ingest": _ENTRANCE, "event_worker": _WORKER, "projector": _PROJECTOR}
    refunded = Operation("refund clawed back", shares, {})
    row = _row("refund", {**found, "refund clawed back": refunded}, naive)
    # Ours: 9 write units 5.625, 2 read units 0.25, the gateway 1, 3 requests of the queue 1.2, 2 invocations 0.4,
    # 751 bytes of log 0.3755. Naively: 10 write units 6.25, a read unit 0.125, the gateway 1, an invocation 0.2, 1,109
    # bytes 0.5545. At least: a request 1, an invocation 0.2, a write unit 0.625, half a read unit 0.0625.
    assert _dollars(row.decided) == pytest.approx((8.8505, 8.1295, 1.8875))
    assert row.whole is not None
    # On top ours has 4 write units 2.5, 4 read units 0.5, an event 1, 2 invocations 0.4, 298 bytes 0.149; naively and
    # at least it is an event 1, an invocation 0.2 and a write unit 0.625.
    assert _dollars(row.whole) == pytest.approx((8.8505 + 4.549, 8.1295 + 1.825, 1.8875 + 1.825))
    assert row.is_listed


def test_a_duplicate_costs_what_it_takes_to_look_and_nothing_follows(
    found: dict[str, Operation], naive: dict[str, Operation]
) -> None:
    looked = Share(invocations=1, logged=227, read_units=2, calls=Counter(GetItem=1, Query=1))
    seen = Operation("duplicate delivery", {"webhook_ingest": _ENTRANCE, "event_worker": looked}, {})
    row = _row("duplicate", {**found, "duplicate delivery": seen}, naive)
    # Ours: 2 read units 0.25, the gateway 1, 3 requests of the queue 1.2, 2 invocations 0.4, 504 bytes 0.252.
    # Naively: a refused write unit 0.625, the gateway 1, an invocation 0.2.
    assert _dollars(row.decided) == pytest.approx((3.102, 1.825, 1.2625))
    assert row.whole is None


def test_the_entrance_of_an_event_is_that_of_a_webhook_whose_secrets_are_known(
    found: dict[str, Operation], naive: dict[str, Operation]
) -> None:
    first_ever = replace(_ENTRANCE, read_units=100, calls=Counter(SendMessage=1, GetItem=1, Decrypt=1))
    shares = {"webhook_ingest": first_ever, "event_worker": _WORKER}
    operation = Operation("order to be reviewed", shares, {})
    row = _row("order to be reviewed", {**found, operation.name: operation}, naive)
    assert row.decided.ours.counted == pytest.approx(8.8505)


def test_refused_writes_of_a_first_order_are_charged(found: dict[str, Operation], naive: dict[str, Operation]) -> None:
    name = "first order of an unknown regular"
    shares = {"webhook_ingest": _ENTRANCE, "event_worker": replace(_WORKER, refused_units=6)}
    row = _row(name, {**found, name: Operation(name, shares, {})}, naive)
    assert row.decided.ours.counted == pytest.approx(8.8505 + 6 * 0.625)


def test_a_call_of_the_api_costs_its_own_request_and_not_that_of_a_webhook(
    found: dict[str, Operation], naive: dict[str, Operation]
) -> None:
    decided = _row("order approved", found, naive).decided
    for bill in (decided.ours, decided.naively, decided.least):
        assert (bill.parts.get("admin API", 0), bill.parts.get("webhooks", 0)) == (3.5, 0)
        assert bill.parts["invocations"] == 0.2


def test_a_member_of_a_job_is_priced_by_itself(found: dict[str, Operation], naive: dict[str, Operation]) -> None:
    (row,) = [one for one in cost_alone.rows(found, naive) if one.name == "group job, absolute, each of 100"]
    share = found["group job, absolute"].decided
    assert row.decided.ours.parts["writes"] == pytest.approx(share.writes * 0.625 / MEMBERS)


def test_a_manual_credit_and_an_order_cost_here_what_they_do_in_the_table_of_lines(
    found: dict[str, Operation], naive: dict[str, Operation]
) -> None:
    rows = {row.name: row for row in cost_alone.rows(found, naive)}
    lines = {line.name: line for line in cost.lines(found, naive)}
    for name, same in (
        ("manual credit", "manual adjustment"),
        ("paid order, first seen", "paid order to the posting, alone"),
    ):
        line = lines[same]
        assert line.naively is not None
        assert line.least is not None
        expected = (line.bill.counted, line.naively.counted, line.least.counted)
        assert _dollars(rows[name].decided) == pytest.approx(expected)
    whole, line = rows["paid order, first seen"].whole, lines["with event and totals, alone"]
    assert whole is not None
    assert whole.ours.counted == line.bill.counted


def test_nothing_costs_less_than_it_does_at_least(found: dict[str, Operation], naive: dict[str, Operation]) -> None:
    for row in cost_alone.rows(found, naive):
        for costs in filter(None, (row.decided, row.whole)):
            ours, naively, least = _dollars(costs)
            assert least <= min(ours, naively), row.name


def test_the_page_has_a_row_for_each_event_and_says_what_has_no_price(
    found: dict[str, Operation], naive: dict[str, Operation]
) -> None:
    page = cost_page.section(found, naive)
    table = page[page.index("### Every event, alone") :]
    row = _row("refund", found, naive)
    assert row.whole is not None
    ours, naively, least = _dollars(row.decided)
    decided = f"{ours:.2f} | {naively:.2f}, listed | {least:.2f}"
    followed = " | ".join(f"{figure:.2f}" for figure in _dollars(row.whole))
    assert f"| refund clawed back | {decided} | {followed} |" in table
    assert len([text for text in table if text.startswith("| ")]) == 1 + len(baselines.EVENTS)
    assert [text for text in table if text.startswith("- *tasks swept*: ")]
