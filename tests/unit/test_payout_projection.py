"""What the streams tell of requests and payouts: events, and the words that payouts are found by."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from cashback.adapters.dynamo.totals import Totals
from cashback.domain.incentive_requests import RequestStatus
from cashback.domain.payouts import PayoutStatus, PayoutsWanted
from cashback.domain.times import Instant, instant, moment
from cashback.edge.projector import ENOUGH_TIME, INDEXED_WITHIN, Projection
from cashback.services.books import PayoutBooks
from cashback.services.manage_payouts import change_payout
from cashback.services.search_payouts import search_payouts
from dev.project import ROOT
from tests.streams import FakeEvents, Stream, bus_on
from tests.unit.builders import CUSTOMER, NOW, ORIGIN, STORE
from tests.unit.test_payout_money import Desk, approved

SCHEMA = json.loads((ROOT / "docs/domain-events.schema.json").read_text())


BROKEN: Final[Any] = None
"""Books on which every call fails."""


class Told(Desk):
    """A desk whose tables are watched, and the projector over them."""

    def __init__(self, balance: int = 0) -> None:
        self.stream, self.events = Stream(), FakeEvents()
        super().__init__(balance)
        self.shop.dynamo.observers.append(self.stream.watch)

    def project(self, records: list[dict[str, Any]] | None = None) -> list[dict[str, str]]:
        """Deliver these records, or all."""
        return self.run(lambda: self.work, records=records)

    def run(
        self,
        payouts: Callable[[], PayoutBooks],
        left: Callable[[], int] = lambda: 60_000,
        now: Instant = NOW,
        records: list[dict[str, Any]] | None = None,
    ) -> list[dict[str, str]]:
        """Deliver records to a projector that has such books and so much time left."""
        projection = Projection(
            self.shop.books.stores, self.totals, bus_on(self.events), payouts, left, clock=lambda: moment(now)
        )
        return projection.run({"Records": self.stream.records if records is None else records})["batchItemFailures"]

    def of_payouts(self) -> list[str]:
        """The numbers of the records that tell of payouts."""
        all_ = [record["dynamodb"] for record in self.stream.records]
        return [one["SequenceNumber"] for one in all_ if one["Keys"]["sk"]["S"] == "PAYOUT"]

    @property
    def totals(self) -> Totals:
        """The totals of days."""
        return Totals(self.shop.books.orders.table, sleep=lambda _: None)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The details of all events of a kind, each as the schema says."""
        details = [json.loads(entry["Detail"]) for entry in self.events.put if entry["DetailType"] == kind]
        for detail in details:
            Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{kind}"}).validate(detail)
        return details

    def found(self, q: str) -> list[str]:
        """Which payouts a query finds."""
        page, place = search_payouts(self.work, STORE, q, PayoutsWanted(), 50, None)
        assert place is None
        return [payout.payout_id for payout in page]


def test_each_status_of_a_request_and_of_its_payout_is_told_of_once() -> None:
    told = Told(400)
    request_id = approved(told, 400)
    payout_id = told.pay(request_id)
    told.turn(payout_id, PayoutStatus.ON_PROCESS)
    change_payout(told.work, STORE, payout_id, {"fee": 3}, ORIGIN, NOW)
    told.turn(payout_id, PayoutStatus.FAILED)
    told.decide(request_id, RequestStatus.CANCELLED)
    assert told.project() == []
    requests = told.of("IncentiveRequestStatusChanged")
    assert [(one.get("previous_status"), one["status"]) for one in requests] == [
        (None, "requested"),
        ("requested", "approved"),
        ("approved", "cancelled"),
    ]
    payouts = told.of("PayoutStatusChanged")
    assert [(one.get("previous_status"), one["status"]) for one in payouts] == [
        (None, "pending"),
        ("pending", "on_process"),
        ("on_process", "failed"),
    ]
    for one in payouts:
        assert (one["payout_id"], one["incentive_request_id"]) == (payout_id, request_id)
    for one in (*requests, *payouts):
        assert one["customer_id"] == CUSTOMER
        assert one["amount"] == {"amount": "4.00", "currency": "USD"}
    assert len({one["event_id"] for one in (*requests, *payouts)}) == 6


def test_events_that_come_again_have_the_ids_of_the_first() -> None:
    told = Told(400)
    told.turn(told.pay(approved(told, 400)), PayoutStatus.SUCCESS)
    told.project()
    first = dict(told.events.events)
    told.project()
    assert told.events.events == first


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2, 1), (0, 2)])
def test_a_payout_is_found_by_its_words_as_they_are_however_they_are_told(order: tuple[int, ...]) -> None:
    told = Told(400)
    payout_id = told.pay(approved(told, 400))
    change_payout(told.work, STORE, payout_id, {"description": "sent by Lindgren"}, ORIGIN, NOW)
    change_payout(told.work, STORE, payout_id, {"description": "sent by Brandt"}, ORIGIN, NOW)
    written = [record for record in told.stream.records if record["dynamodb"]["Keys"]["sk"]["S"] == "PAYOUT"]
    assert len(written) == 3
    every = [*order, *(n for n in range(3) if n not in order)]
    for n in every:
        assert told.project([written[n]]) == []
    assert told.found("brand") == told.found("SENT bra") == told.found(payout_id) == [payout_id]
    assert told.found("lindgren") == []


def test_a_payout_whose_words_cannot_be_written_comes_again() -> None:
    told = Told(400)
    payout_id = told.pay(approved(told, 400))
    assert told.run(lambda: BROKEN) == [{"itemIdentifier": told.of_payouts()[0]}]
    assert told.project() == []
    assert told.found(payout_id) == [payout_id]


def test_words_that_cannot_be_written_withhold_neither_totals_nor_events_and_nothing_is_told_again() -> None:
    told = Told(400)
    told.pay(approved(told, 400))
    told.run(lambda: BROKEN)
    first = list(told.events.put)
    assert [one["status"] for one in told.of("PayoutStatusChanged")] == ["pending"]
    assert len(told.of("IncentiveRequestStatusChanged")) == 2
    again = [one for one in told.stream.records if one["dynamodb"]["SequenceNumber"] >= told.of_payouts()[0]]
    told.run(lambda: BROKEN, records=again)
    told.project(again)
    assert told.events.put == first


def test_words_that_cannot_be_written_are_given_up_and_come_with_the_next_change() -> None:
    told = Told(400)
    payout_id = told.pay(approved(told, 400))
    soon, late = (instant(moment(NOW) + timedelta(seconds=INDEXED_WITHIN + more)) for more in (-1, 0))
    assert told.run(lambda: BROKEN, now=soon) == [{"itemIdentifier": told.of_payouts()[0]}]
    assert told.run(lambda: BROKEN, now=late) == []
    done = len(told.stream.records)
    change_payout(told.work, STORE, payout_id, {"fee": 3}, ORIGIN, NOW)
    assert told.project(told.stream.records[done:]) == []
    assert told.found(payout_id) == [payout_id]


def test_a_projector_that_runs_out_of_time_goes_on_from_the_first_payout_not_done() -> None:
    told = Told(400)
    payouts = [told.pay(approved(told, 100)) for _ in range(3)]
    left = iter([ENOUGH_TIME, ENOUGH_TIME - 1])
    assert told.run(lambda: told.work, left=lambda: next(left)) == [{"itemIdentifier": told.of_payouts()[1]}]
    assert len(told.of("PayoutStatusChanged")) == 3
    assert [told.found(payout_id) for payout_id in payouts] == [payouts[:1], [], []]
