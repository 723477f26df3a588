"""The loop over a batch of stream records: changes by store, and the first record that must be delivered again."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from cashback.adapters.dynamo.stream import change_of
from cashback.domain.errors import DomainError, NotFound, reason_of
from cashback.domain.projection import Change, PayoutWritten
from cashback.domain.times import instant, moment
from cashback.edge.clock import utc
from cashback.edge.log import log, metric
from cashback.services.project import project, remember_told

if TYPE_CHECKING:
    from cashback.adapters.dynamo.stores import Stores
    from cashback.adapters.dynamo.totals import Totals
    from cashback.adapters.event_bus import EventBus
    from cashback.services.books import PayoutBooks


ENOUGH_TIME: Final = 15_000
"""Milliseconds that the function must have left to begin with the words of one more payout."""

INDEXED_WITHIN: Final = 900
"""Seconds for which a payout whose words cannot be written comes again. Then its words are given up: search must not
hold up what comes after it in its shard. They are written with its next change."""


class Projection(Struct):
    """One invocation. Each store is done for itself, whatever becomes of the others; a stream goes on from the first
    record that failed, and those after it come again with it, are not counted again, and tell nothing again. The words
    of payouts come last, after all totals and events."""

    stores: "Stores"
    totals: "Totals"
    bus: "EventBus"
    payouts: "Callable[[], PayoutBooks]"
    milliseconds_left: Callable[[], int]
    clock: Callable[[], datetime] = utc

    def run(self, event: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
        """Project the records of a stream; answer with the one from which on they must come again, if any."""
        failed: set[str] = set()
        by_store: dict[str, list[tuple[str, Change]]] = {}
        for record in event["Records"]:
            number = record["dynamodb"]["SequenceNumber"]
            try:
                change = change_of(record)
            except Exception as bug:  # noqa: BLE001 - counted and alarmed; its neighbours in the batch must go on
                self._failed(bug, sequence=number)
                failed.add(number)
                continue
            if change is not None:
                by_store.setdefault(change.store_id, []).append((number, change))
        for store_id, numbered in by_store.items():
            failed |= self._project(store_id, numbered)
        in_order = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
        projected = [one for numbered in by_store.values() for one in numbered if one[0] not in failed]
        unindexed = self._index(sorted(projected, key=lambda one: in_order.index(one[0])))
        if not failed | unindexed:
            return {"batchItemFailures": []}
        first = next(place for place, number in enumerate(in_order) if number in failed | unindexed)
        again = set(in_order[first:]) - failed
        for store_id, numbered in by_store.items():
            self._remember(store_id, [change for number, change in numbered if number in again])
        return {"batchItemFailures": [{"itemIdentifier": in_order[first]}]}

    def _project(self, store_id: str, numbered: Sequence[tuple[str, Change]]) -> set[str]:
        """Project the changes of one store; return the records that must come again."""
        changes = [change for _, change in numbered]
        try:
            settings = self.stores.settings(store_id)
            refused = project(self.totals, self.bus, settings, changes, instant(self.clock()))
        except NotFound:
            log("changes_of_no_store", level="WARN", store=store_id, changes=len(changes))
            return set()
        except Exception as error:  # noqa: BLE001 - counted and alarmed; the other stores must go on
            self._failed(error, store=store_id)
            return {number for number, _ in numbered}
        log("projected", store=store_id, changes=len(changes), refused=len(refused))
        if refused:
            metric("EventsRefused", len(refused))
        return {number for number, change in numbered if change.change_id in refused}

    def _index(self, numbered: Sequence[tuple[str, Change]]) -> set[str]:
        """Let payouts be found by their words as they are now, for as long as there is time; return the records that
        must come again for it."""
        again: set[str] = set()
        for number, change in numbered:
            if not isinstance(change, PayoutWritten):
                continue
            if self.milliseconds_left() < ENOUGH_TIME:
                log("out_of_time", payout=change.item_id)
                return again | {number}
            from cashback.services.search_payouts import index_payout  # noqa: PLC0415 - few changes are of payouts

            try:
                index_payout(self.payouts(), change.store_id, change.item_id, change.before)
            except Exception as error:  # noqa: BLE001 - counted and alarmed; the other payouts must go on
                self._failed(error, store=change.store_id, payout=change.item_id)
                if (self.clock() - moment(change.written_at)).total_seconds() < INDEXED_WITHIN:
                    again.add(number)
        return again

    def _remember(self, store_id: str, changes: Sequence[Change]) -> None:
        """Remember what was told of records that come again."""
        try:
            remember_told(self.totals, store_id, changes, instant(self.clock()))
        except DomainError as error:
            self._failed(error, store=store_id)

    @staticmethod
    def _failed(error: Exception, **ids: str) -> None:
        where = traceback.extract_tb(error.__traceback__)[-1]
        is_retried = isinstance(error, DomainError) and error.retryable
        counted = "ProjectionsRetried" if is_retried else "ProjectionsFailed"
        log("projection_failed", **ids, code=reason_of(error), at=f"{where.name}:{where.lineno}", counted=counted)
