"""Compare every balance with the ledger's entries, now, and print what differs; the exit status is 1 if anything does.

`make reconcile` does it for all stores of the local stack. Tables of AWS, restored ones too, are named:

    PYTHONPATH=layers/shared python -m dev.reconcile --ledger-table NAME --state-table NAME [--since TIME]

with the credentials and region of the environment. It only reads. Customers are those of the directory and all that
the ledger has entries of, which it is scanned for: a State table that was restored may not know them. Totals of days
are compared with a recount of all entries and orders, those of days that are closed too.
"""

import argparse
import sys
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator
from copy import replace
from datetime import UTC, date, datetime, timedelta
from itertools import batched
from typing import Any, NoReturn

import boto3

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.due import DueIndex
from cashback.adapters.dynamo.tables import StateTable
from cashback.adapters.dynamo.totals import Totals
from cashback.domain.day_totals import Day, DayTotals, Drift
from cashback.domain.projection import date_of, totals_of_entry, totals_of_order
from cashback.domain.reconciliation import Reconciliation, overdue_of
from cashback.domain.times import OLDEST, Instant, instant, moment, parse_instant
from cashback.edge.deps import make_books
from cashback.services.books import Books
from cashback.services.reconcile import PAGE, compare_customers, overdue
from cashback.services.recount_days import dates_between, spans_of
from cashback.services.time_zones import zone_of
from dev import deploy, local_aws
from dev.project import StepFailedError
from dev.stack import HOME, tell

ORDERS = 1_000
"""Orders of a page."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Compare the tables that are named, of the local stack unless they are."""
    parser = argparse.ArgumentParser(prog="dev.reconcile", description=__doc__)
    parser.add_argument("--ledger-table")
    parser.add_argument("--state-table")
    parser.add_argument("--since", type=parse_instant, default=OLDEST, help="compare orders with newer entries only")
    given = parser.parse_args(arguments)
    if (given.ledger_table is None) != (given.state_table is None):
        parser.error("name both tables or none")
    try:
        client, tables = (
            (boto3.client("dynamodb"), (given.ledger_table, given.state_table))
            if given.ledger_table
            else local_tables()
        )
    except StepFailedError as failure:
        sys.exit(f"error: {failure}")
    sys.exit(0 if reconcile(client, *tables, since=given.since) else 1)


def local_tables() -> tuple[Any, tuple[str, str]]:
    """A client for the local stack, and the names of its tables."""
    aws = local_aws.remembered(HOME)
    found = deploy.outputs(aws) if aws is not None and local_aws.is_running(aws) else None
    if aws is None or found is None:
        raise StepFailedError("Nothing is running; make up starts it.")
    return aws.client("dynamodb"), (found["LedgerTable"], found["StateTable"])


def reconcile(client: Any, ledger_table: str, state_table: str, *, since: str = OLDEST) -> bool:
    """Print a line for each store and each difference; tell whether there is none."""
    books = make_books(client, ledger_table, state_table, no_key)
    stuck = list(overdue(DueIndex(StateTable(client, state_table)), instant(datetime.now(UTC))))
    clean, posted = True, customers_in(client, ledger_table)
    totals, known = Totals(StateTable(client, state_table)), set(books.stores.ids())
    for store_id in sorted({*known, *posted}):
        found = compare(books, store_id, since, posted[store_id])
        days = list(wrong_days(books, totals, store_id, posted[store_id])) if store_id in known else []
        late = overdue_of(stuck, store_id)
        counts = f"{found.customers} customers, {found.orders} orders, {found.found} differences"
        told = f"{counts}, {len(days)} days with other totals, {len(late)} overdue"
        tell(f"{store_id}: {told}" + (f", {found.moving} kept moving" if found.moving else ""))
        for line in [
            *amiss(found),
            *map(told_of, days),
            *(f"{one.kind} {one.item_id} is due since {one.due_at}" for one in late),
        ]:
            tell(f"  {line}")
        clean = clean and not found.found and not days and not late
    return clean


def customers_in(client: Any, ledger_table: str) -> defaultdict[str, set[str]]:
    """Return who has entries, by store."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    asked: dict[str, Any] = {"TableName": ledger_table, "ProjectionExpression": "pk", "ConsistentRead": True}
    while True:
        answer = client.scan(**asked)
        for pk in {item["pk"]["S"] for item in answer["Items"]}:
            if (place := keys.written(pk)) is not None:
                store_id, _, customer_id = place
                found[store_id].add(customer_id)
        if "LastEvaluatedKey" not in answer:
            return found
        asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def compare(books: Books, store_id: str, since: str, posted: Collection[str] = ()) -> Reconciliation:
    """Compare all customers of a store in one go: those of the directory, and those who have entries."""
    now = instant(datetime.now(UTC))
    made = Reconciliation(now[:10], now, since)
    for some in batched(sorted({*listed(books, store_id), *posted}), PAGE, strict=False):
        made = made.with_page(compare_customers(books, store_id, some, since))
    return made


def listed(books: Books, store_id: str) -> Iterator[str]:
    """Yield who is in the directory of a store's customers."""
    for part in range(books.customers.parts):
        after: str | None = None
        while True:
            found, after = books.customers.listed(store_id, part, PAGE, after)
            yield from found
            if after is None:
                break


def wrong_days(books: Books, totals: Totals, store_id: str, posted: Collection[str]) -> Iterator[Drift]:
    """Yield the days whose totals are not what entries and orders say, closed ones too. A day that is counted meanwhile
    is left out. Times to decision are no part of it: an order keeps those of its last review only."""
    document = books.stores.document(store_id)
    zone, now = zone_of(document.settings()), instant(datetime.now(UTC))
    first = date.fromisoformat(date_of(document.created_at, zone)) - timedelta(days=2)
    dates = dates_between(first, moment(now).date() + timedelta(days=1))
    before = {day.date: day for day in totals.between(store_id, dates[0], dates[-1])}
    ends = [end for _, (_, end) in spans_of([before.get(one, Day(one)) for one in dates], zone)]
    found: defaultdict[str, DayTotals] = defaultdict(DayTotals)
    for at, added in happened(books, store_id, posted):
        number = bisect_right(ends, at)
        if number < len(dates):
            found[dates[number]] += added
    after = {day.date: day for day in totals.between(store_id, dates[0], dates[-1])}
    for one in dates:
        counted, recounted = flows(before.get(one, Day(one)).totals), flows(found[one])
        if before.get(one) == after.get(one) and counted != recounted:
            yield Drift(one, counted, recounted)


def happened(books: Books, store_id: str, posted: Collection[str]) -> Iterator[tuple[Instant, DayTotals]]:
    """Yield everything that totals count, with its time."""
    for customer_id in sorted({*listed(books, store_id), *posted}):
        for entry in books.history.entries(store_id, customer_id):
            yield entry.posted_at, totals_of_entry(entry)
    after: str | None = None
    while True:
        orders, after = books.lists.moved_since(store_id, OLDEST, ORDERS, after)
        for order in orders:
            yield from totals_of_order(order)
        if after is None:
            return


def flows(totals: DayTotals) -> DayTotals:
    """Return totals without their times to decision."""
    return replace(totals, decisions={}, longest_decision_seconds=0)


def told_of(day: Drift) -> str:
    """One line a day, in minor units."""
    names = [name for name in DayTotals.__struct_fields__ if getattr(day.counted, name) != getattr(day.recounted, name)]
    figures = (f"{one} is {getattr(day.counted, one)}, not {getattr(day.recounted, one)}" for one in names)
    return f"day {day.date}: {', '.join(figures)}"


def amiss(found: Reconciliation) -> Iterator[str]:
    """One line a difference, in minor units."""
    for one in found.differences:
        yield f"{one.subject} {one.item_id}: {one.figure} is {one.stands}, its entries say {one.expected}"
    if found.found > len(found.differences):
        yield f"... and {found.found - len(found.differences)} more"


def no_key() -> bytes:
    """Nothing that is compared is hashed."""
    raise AssertionError("a comparison hashes no contacts")


if __name__ == "__main__":
    main()
