"""The audit of admin acts: one item an act, written in the transaction of the change, in a partition for each month."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from cashback.adapters.dynamo import keys, store_keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.audit import Act, ActsWanted, Origin, month_of, months_back
from cashback.domain.ledger import Write
from cashback.domain.times import Instant

_BACK: Final = {"ScanIndexForward": False, "ConsistentRead": True}


class AuditTrail(Struct, frozen=True):
    """Reads acts, newest first (consistent). A place is the sort key of an act: it begins with its time, and so tells
    its month."""

    table: StateTable

    def page(
        self, store_id: str, wanted: ActsWanted, oldest: Instant, now: Instant, limit: int, before: str | None
    ) -> tuple[list[Act], str | None]:
        """Return up to ``limit`` acts and the place where to go on, None at the end. Nothing is older than ``oldest``.

        Each month costs a query, also one without an act.

        :raises Busy: out of reach.
        """
        page: list[Act] = []
        place: str | None = None
        for item in self._items(store_id, wanted, oldest, now, limit, before):
            if len(page) == limit:
                return page, place
            page.append(_act_of(item))
            place = item["sk"]
        return page, None

    def _items(
        self, store_id: str, wanted: ActsWanted, oldest: Instant, now: Instant, limit: int, before: str | None
    ) -> Iterator[Item]:
        """Yield the acts back in time, reading a month a page at a time."""
        low, high = max(wanted.since or oldest, oldest), before or keys.listed_until(wanted.until)
        if low > high:
            return
        for month in months_back(month_of(min(before or wanted.until or now, now)), month_of(low)):
            values = {":pk": store_keys.audit_month(store_id, month), ":low": low, ":high": high}
            for item in self.table.query("pk = :pk AND sk BETWEEN :low AND :high", values, **_BACK, Limit=limit + 1):
                if item["sk"] != before:
                    yield item


def audit_line(table: StateTable, store_id: str, act: Act) -> Write:
    """Build the write of one line."""
    pk, sk = store_keys.audit(store_id, act.at, act.origin.request_id)
    return table.put(
        {
            "pk": pk,
            "sk": sk,
            "what": act.what,
            "target": act.target,
            "at": act.at,
            "actor": act.origin.actor,
            "request_id": act.origin.request_id,
            "source_ip": act.origin.source_ip,
            "before": act.before,
            "after": act.after,
        }
    )


def _act_of(item: Item) -> Act:
    origin = Origin(item["actor"], item["request_id"], item["source_ip"])
    return Act(item["what"], item["target"], item["at"], origin, item.get("before"), item.get("after"))
