"""How far the comparisons of balances with their entries are, and for some weeks what they came to."""

from datetime import timedelta
from typing import Final

from msgspec import Struct

from cashback.adapters.dynamo import figure_keys, keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.packing import Packing
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.reconciliation import Reconciliation
from cashback.domain.times import moment

KEPT_FOR: Final = timedelta(days=35)

_PACKING: Final = Packing[Reconciliation](Reconciliation)


class Reconciliations(Struct, frozen=True):
    """One comparison of a store at a time, and one report a day."""

    table: StateTable

    def get(self, store_id: str) -> Reconciliation | None:
        """Return the last comparison of a store, finished or not (consistent)."""
        item = self.table.get(figure_keys.reconciliation(store_id))
        return None if item is None else _PACKING.unpack(item["document"])

    def save(self, store_id: str, made: Reconciliation) -> None:
        """Remember how far a comparison is, and keep its report once it is finished. Of two runs at once either may
        write last: both have read what they say.

        :raises Busy: out of reach; what is not remembered is compared again.
        """
        if made.finished_at is not None:
            expiry = int((moment(made.begun_at) + KEPT_FOR).timestamp())
            report = _item(figure_keys.reconciliation_report(store_id, made.date), made) | {"expires_at_epoch": expiry}
            self.table.commit(self.table.put(report))
        self.table.commit(self.table.put(_item(figure_keys.reconciliation(store_id), made)))

    def reports(self, store_id: str) -> list[Reconciliation]:
        """Return the reports that are kept, the oldest first (consistent)."""
        items = self.table.partition(figure_keys.reconciliation_reports(store_id))
        return [_PACKING.unpack(item["document"]) for item in items]


def _item(key: keys.Key, made: Reconciliation) -> Item:
    """What it found stands beside the document, for whoever looks at the table itself."""
    counts = {"found": made.found, "overdue": len(made.overdue), "customers": made.customers}
    return {"pk": key.pk, "sk": key.sk, "date": made.date, **counts, "document": _PACKING.pack(made)}
