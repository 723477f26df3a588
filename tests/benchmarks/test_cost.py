"""What was counted is within its budget, and costs what it may. ``tests/e2e/test_units.py`` counts again."""

from collections import Counter
from copy import replace

import pytest

from dev.project import ROOT
from tests.benchmarks import baselines, budgets, cost, naive_units, page, projection, recount, register, units
from tests.benchmarks.budgets import BUDGETS, MEMBER_CALLS, Budget
from tests.benchmarks.units import BUSY, MANY, MEMBERS, Operation, Share


@pytest.fixture(scope="module")
def found() -> dict[str, Operation]:
    return units.read()


def test_every_operation_is_within_its_budget(found: dict[str, Operation]) -> None:
    assert budgets.check(list(found.values())) == []


@pytest.mark.parametrize("budget", BUDGETS, ids=lambda budget: budget.operation)
def test_every_budget_is_held_by_a_test(budget: Budget) -> None:
    path, _, name = budget.test.partition("::")
    assert f"\ndef {name}(" in (ROOT / path).read_text()


def test_what_is_counted_costs_no_more_than_the_design_says(found: dict[str, Operation]) -> None:
    assert cost.check(found) == []


def test_an_operation_above_its_budget_is_named(found: dict[str, Operation]) -> None:
    share = found["paid order, first seen"].shares["event_worker"]
    dear = {**found, "paid order, first seen": Operation("paid order, first seen", {"event_worker": share + share}, {})}
    over = "paid order, first seen: 18 write units of 9, 0 charged of 0, 2 read units of 2, 6 calls of 3"
    assert over in budgets.check(list(dear.values()))


def test_a_call_too_many_is_named(found: dict[str, Operation]) -> None:
    job = found["group job of 1,000"]
    as_many_again = Share(calls=Counter(GetItem=round(MEMBER_CALLS * MANY)))
    many = {name: share + as_many_again for name, share in job.shares.items()}
    (over,) = budgets.check([*found.values(), replace(job, shares=many)])
    assert over.startswith("group job of 1,000: ")
    assert over.endswith(" calls of 0.15")


def test_settings_that_are_read_twice_in_an_invocation_are_named(found: dict[str, Operation]) -> None:
    approved = found["approve"]
    once_more = approved.shares["notifier"] + Share(read_units=1, settings_units=1)
    again = replace(approved, shares={**approved.shares, "notifier": once_more})
    assert budgets.check([again], []) == ["approve: notifier read settings 2 times in 1 invocations"]


def test_an_account_that_a_relative_job_reads_is_named_and_those_of_other_jobs_are_not(
    found: dict[str, Operation],
) -> None:
    jobs = ("group job", "group job, absolute", "group job, clamp")
    assert [budgets.accounts_read(found[name]) for name in jobs] == [0, MEMBERS, MEMBERS]
    curious = replace(found["group job"], read={**found["group job"].read, "ACCOUNT": 1})
    (over,) = budgets.check([*found.values(), curious])
    assert over.endswith("0.01 accounts read of 0")


def test_an_operation_that_is_counted_otherwise_is_named(found: dict[str, Operation]) -> None:
    kept = found["approve"]
    assert recount.differences(kept, kept) == []
    once_more = kept.shares["orders_api"] + Share(calls=Counter(GetItem=1), read_units=1)
    again = replace(kept, shares={**kept.shares, "orders_api": once_more}, read={**kept.read, "PROFILE": 1})
    assert [line.split(" ")[1] for line in recount.differences(kept, again)] == ["read_units", "steady_calls", "items"]
    new_to_it = kept.shares["orders_api"] + Share(calls=Counter(GetParameter=1))
    assert recount.differences(kept, replace(kept, shares={"orders_api": new_to_it})) == []


def test_an_operation_that_is_not_counted_again_is_named(found: dict[str, Operation]) -> None:
    again = {name: operation for name, operation in found.items() if name not in recount.STEPS}
    assert recount.recounted(found, again) == []
    assert found.keys() - again.keys() == recount.STEPS
    for name in ("approve", "payout: paid", "webhook accepted"):
        less = {kept: operation for kept, operation in again.items() if kept != name}
        assert recount.recounted(found, less) == [f"{name}: not counted again"]


def test_an_operation_that_was_not_counted_before_is_named(found: dict[str, Operation]) -> None:
    again = {name: operation for name, operation in found.items() if name not in recount.STEPS}
    new = {"order blessed": Operation("order blessed", {"event_worker": Share(read_units=1)}, {})}
    assert recount.recounted(found, again | new) == ["order blessed: not counted before"]


@pytest.mark.parametrize("name", ["approve", "group job of 1,000"])
def test_an_item_that_has_grown_by_a_unit_is_named_and_one_by_some_bytes_is_not(
    found: dict[str, Operation], name: str
) -> None:
    kept = found[name]
    kind = max(kept.items, key=kept.items.__getitem__)
    full = 1_024 * units.units_of(kept.items[kind])
    again = [replace(kept, items={**kept.items, kind: size}) for size in (full, full + 1)]
    assert recount.differences(kept, again[0]) == []
    (line,) = recount.differences(kept, again[1])
    assert line.startswith(f"{name}: units of {kind} ")


def test_what_is_counted_again_is_priced_with_its_logs_and_with_what_the_projector_does(
    found: dict[str, Operation],
) -> None:
    name = "paid orders in batches of ten"
    kept = found[name]

    def dear(function: str, more: Share) -> list[str]:
        now = replace(kept, shares={function: kept.shares[function] + more})
        return [line.split(":")[0] for line in cost.check(found | {name: recount.to_price(kept, now)})]

    assert dear("event_worker", Share()) == []
    assert dear("event_worker", Share(logged=BUSY * 1_000))[0] == "paid order to the posting, in batches"
    assert dear("webhook_ingest", Share(logged=BUSY * 1_000))[0] == "paid order to the posting, in batches"
    assert dear("projector", Share(events=BUSY)) == 2 * ["with event and totals, in batches"]


def test_what_is_by_chance_where_it_is_counted_again_is_priced_as_it_was_before(found: dict[str, Operation]) -> None:
    kept = found["paid orders in batches of ten"]
    busy = Share(cpu=10.0, calls=Counter(Decrypt=3, GetParameter=1))
    to_know = Share(read_units=1, calls=Counter(GetItem=1))
    now = {
        name: share + busy + (to_know if name == "webhook_ingest" else Share()) for name, share in kept.shares.items()
    }
    del now["notifier"]
    assert cost.bill(recount.to_price(kept, replace(kept, shares=now)).shares) == cost.bill(kept.shares)


def test_a_webhook_is_counted_again_at_the_entrance(found: dict[str, Operation]) -> None:
    kept = found["webhook accepted"]
    read = kept.shares["webhook_ingest"] + Share(read_units=1)
    assert recount.differences(kept, replace(kept, shares={"webhook_ingest": read})) != []


def test_a_job_s_own_part_and_that_of_its_members_are_the_whole_of_both_jobs(found: dict[str, Operation]) -> None:
    own, each = units.of_a_job(found)["write units"]
    assert own + MEMBERS * each == pytest.approx(found["group job"].decided.writes)
    assert own + MANY * each == pytest.approx(found["group job of 1,000"].decided.writes)


def test_a_limit_is_held_against_what_is_counted_and_against_both_with_the_assumed_time() -> None:
    def over(counted: float, time: float, with_time: float | None = None) -> list[str]:
        line = cost.Line("an order", cost.Bill({"writes": counted, "time": time}), most=8.5, with_time=with_time)
        return cost.over(line)

    assert over(8.0, 0.5) == []
    assert over(8.1, 0.5) == ["an order: $8.60 a million with the assumed time, more than 8.5"]
    assert over(8.1, 0.5, with_time=9) == []
    assert over(8.6, 0.0, with_time=9) == ["an order: $8.60 a million, more than 8.5"]


def test_limits_do_not_move_with_the_machine_that_counted(found: dict[str, Operation]) -> None:
    functions = ("webhook_ingest", "event_worker", "group_job_worker", "action_worker", "credit_worker")
    slower = {
        name: replace(one, shares={who: _slower(share, who in functions) for who, share in one.shares.items()})
        for name, one in found.items()
    }
    limited = [line for line in zip(cost.lines(found), cost.lines(slower), strict=True) if line[0].most is not None]
    assert [line.name for line, again in limited if line.bill.time != again.bill.time] == []


def _slower(share: Share, is_slower: bool) -> Share:
    return replace(share, cpu=2 * share.cpu) if is_slower else share


def test_every_line_has_a_naive_figure_and_what_it_is_at_least(found: dict[str, Operation]) -> None:
    priced = cost.lines(found, naive_units.read())
    assert {line.name for line in priced} == set(baselines.LEAST)
    for line in priced:
        assert line.least is not None
        assert line.naively is not None
        assert line.least.counted <= min(line.bill.counted, line.naively.counted)


def test_the_page_tells_what_was_counted_and_computed(found: dict[str, Operation]) -> None:
    """What ``python -m tests.benchmarks.page`` writes stands there."""
    text = page.PAGE.read_text()
    assert page.renewed(text, found, naive_units.read(), projection.read()) == text


def test_a_page_without_one_of_its_parts_is_not_renewed(found: dict[str, Operation]) -> None:
    text = page.PAGE.read_text().replace("## Dollars a million", "## Dollars")
    with pytest.raises(ValueError, match="the page has 0 parts"):
        page.renewed(text, found, naive_units.read(), projection.read())


def test_an_item_above_the_size_of_the_budget_may_take_no_more_for_that(found: dict[str, Operation]) -> None:
    kept = found["approve"]
    larger = kept.shares["orders_api"] + Share(table_units=2)
    again = replace(kept, shares={"orders_api": larger}, items={**kept.items, "ORDER": 1025})
    (over,) = budgets.check([again], [budget for budget in BUDGETS if budget.operation == "approve"])
    assert over.startswith("approve: 11 write units of 10, ")


@pytest.mark.parametrize("function", ["event_worker", "projector"])
def test_what_refused_writes_are_charged_has_a_limit(found: dict[str, Operation], function: str) -> None:
    kept = found["paid order, first seen"]
    charged = replace(kept.shares[function], refused_units=6)
    (over,) = budgets.check(
        list({**found, kept.name: replace(kept, shares={**kept.shares, function: charged})}.values())
    )
    assert "6 charged" in over


@pytest.mark.parametrize("name", ["approve", "refund clawed back"])
def test_an_order_leaves_a_seventh_of_its_write_unit_free(found: dict[str, Operation], name: str) -> None:
    assert found[name].items["ORDER"] <= 0.85 * 1024


def test_a_write_that_was_refused_is_charged_and_said_apart() -> None:
    line = {"function": "cashback-EventWorker-1", "service": "dynamodb", "operation": "TransactWriteItems"}
    items = [["Put", "cashback-State-1", "S#s#O#1", "ORDER", 1025], ["Update", "cashback-State-1", "S#s#C#1", "X", 0]]
    operation = register.counted("refused", [{**line, "status": 400, "used": None, "items": items}])
    share = operation.shares["event_worker"]
    assert (share.writes, share.refused_units) == (0, 2 * 2 + 2)
    assert cost.bill(operation.shares).parts["writes"] == 6 * 0.625


def test_a_batch_shares_what_a_queue_and_an_invocation_cost_and_nothing_else() -> None:
    shares = {"event_worker": Share(invocations=1, table_units=6, index_units=3, read_units=2)}
    alone, shared = cost.bill(shares), cost.bill(shares, batch=10)
    assert alone.parts["queues"] == pytest.approx(10 * shared.parts["queues"])
    assert alone.parts["invocations"] == pytest.approx(10 * shared.parts["invocations"])
    assert (alone.parts["writes"], alone.parts["reads"]) == (shared.parts["writes"], shared.parts["reads"])
    assert alone.counted == pytest.approx(9 * 0.625 + 2 * 0.125 + 2 * 0.40 + 0.20)
