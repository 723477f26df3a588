"""Payouts in the State table, with the lines of their audit beside them, found by the provider's references and listed
in the partition of the customer who is paid.

Of a reference only a keyed hash stands in a key, so that nobody who reads the table can try references on it.
"""

import heapq
from collections.abc import Callable, Sequence
from itertools import batched, islice
from typing import Final

from msgspec import Struct

from cashback.adapters.dynamo import keys, payout_keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.packing import Packing
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.ledger import Write
from cashback.domain.payouts import LIVE, AuditLine, Payout, PayoutDecision, PayoutStatus

_PACKING: Final = Packing[Payout](Payout)
_LINES: Final = Packing[AuditLine](AuditLine)


class Payouts(Struct, frozen=True):
    """The documents of payouts, each written only over the revision that was read. ``hash_key`` is asked for only when
    there is a reference."""

    table: StateTable
    hash_key: Callable[[], bytes]

    def get(self, store_id: str, payout_id: str) -> Payout | None:
        """Return a payout (consistent)."""
        item = self.table.get(payout_keys.payout(store_id, payout_id))
        return None if item is None else payout_of(item)

    def get_many(self, store_id: str, payout_ids: Sequence[str]) -> list[Payout]:
        """Return those of any number of payouts that exist, in the order asked for (consistent)."""
        wanted = [payout_keys.payout(store_id, payout_id) for payout_id in payout_ids]
        found = self.table.get_many(wanted)
        return [payout_of(found[key]) for key in wanted if key in found]

    def at_places(self, store_id: str, places: Sequence[str]) -> list[Payout]:
        """Return the payouts at some places, in that order (each consistent)."""
        return self.get_many(store_id, [keys.listed_id(one) for one in places])

    @staticmethod
    def place(payout: Payout) -> str:
        """Return the place of a payout in every list: by its time, then by its id."""
        return keys.listed(payout.created_at, payout.payout_id)

    def write(self, store_id: str, payout: Payout) -> Write:
        """Build the conditional write of a payout's next revision."""
        if payout.rev == 1:
            return self.table.put(_item(store_id, payout), "attribute_not_exists(pk)")
        return self.table.put(_item(store_id, payout), "rev = :rev", {":rev": payout.rev - 1})

    def entry_in_list(self, store_id: str, payout: Payout) -> Write:
        """Build the write that lists a new payout with its customer's."""
        pk, sk = payout_keys.payout_of_customer(store_id, payout.customer_id, payout.created_at, payout.payout_id)
        return self.table.put({"pk": pk, "sk": sk})

    def beside(self, store_id: str, before: Payout | None, decision: PayoutDecision) -> list[Write]:
        """Build what is written beside the payout itself: the line of its audit, and its reference where that is
        another than ``before``."""
        payout, was = decision.payout, before.external_reference if before else None
        pk, sk = payout_keys.payout_audit(store_id, payout.payout_id, decision.line.number)
        line = {"pk": pk, "sk": sk, "document": _LINES.pack(decision.line)}
        writes = [self.table.put(line, "attribute_not_exists(pk)")]
        if was != payout.external_reference:
            if was is not None:
                writes.append(self.table.delete(self._referred(store_id, was, payout.payout_id)))
            if payout.external_reference is not None:
                place = self._referred(store_id, payout.external_reference, payout.payout_id)
                writes.append(self.table.put({"pk": place.pk, "sk": place.sk}))
        return writes

    def save(self, *writes: Write) -> bool:
        """Commit what moves no money, all or nothing; False where someone else was first."""
        return self.table.try_commit(*writes)

    def page(
        self, store_id: str, statuses: Sequence[PayoutStatus], limit: int, before: str | None
    ) -> tuple[list[Payout], str | None]:
        """Return up to ``limit`` payouts of some statuses, the newest first, those before a place, and the place to go
        on (None at the end).

        The index may lag a second; the payouts themselves are read fresh, and one that moved on since is left out.
        """
        partitions = [payout_keys.payouts_listed(store_id, status) for status in statuses]
        places, place = self.table.newest(partitions, limit, before)
        found = self.at_places(store_id, places)
        return [payout for payout in found if payout.status in statuses], place

    def live(self, store_id: str) -> int:
        """Return how many payouts nobody knows the end of, read off the index alone, which may lag a second."""
        partitions = [payout_keys.payouts_listed(store_id, status) for status in sorted(LIVE)]
        listed = (self.table.query("listing_pk = :pk", {":pk": pk}, IndexName="listing") for pk in partitions)
        return sum(1 for items in listed for _ in items)

    def page_of(
        self,
        store_id: str,
        customer_ids: Sequence[str],
        statuses: Sequence[PayoutStatus],
        limit: int,
        before: str | None,
    ) -> tuple[list[Payout], str | None]:
        """Return a page of what these customers are paid, as ``page`` does, but consistent and full."""
        lists = [keys.customer(store_id, one) for one in customer_ids]
        places = heapq.merge(*(self.table.listed_under(pk, payout_keys.PAYOUT, before) for pk in lists), reverse=True)
        found: list[Payout] = []
        for some in batched(places, limit + 1, strict=False):
            found += [payout for payout in self.at_places(store_id, some) if payout.status in statuses]
            if len(found) > limit:
                return found[:limit], self.place(found[limit - 1])
        return found, None

    def referred(self, store_id: str, reference: str) -> list[str]:
        """Return the payouts that have an external reference (consistent)."""
        return [
            item["sk"]
            for item in self.table.partition(payout_keys.payouts_referred(store_id, self._mac(store_id, reference)))
        ]

    def history(
        self, store_id: str, payout_id: str, limit: int, before: int | None = None
    ) -> tuple[list[AuditLine], int | None]:
        """Return up to ``limit`` lines of a payout's audit, the newest first, those before a number, and the number to
        go on before (None at the end; consistent)."""
        pk, last = payout_keys.payout_audit(store_id, payout_id, before or 999_999)
        values = {":pk": pk, ":first": payout_keys.AUDIT, ":last": last}
        found = self.table.query(
            "pk = :pk AND sk BETWEEN :first AND :last", values, ConsistentRead=True, ScanIndexForward=False
        )
        lines = list(islice((line for line in map(line_of, found) if line.number != before), limit + 1))
        return lines[:limit], lines[limit - 1].number if len(lines) > limit else None

    def replace_line(self, store_id: str, payout_id: str, line: AuditLine) -> Write:
        """Build the write of a line of the audit that an erasure takes the words out of."""
        pk, sk = payout_keys.payout_audit(store_id, payout_id, line.number)
        return self.table.put({"pk": pk, "sk": sk, "document": _LINES.pack(line)})

    def _referred(self, store_id: str, reference: str, payout_id: str) -> keys.Key:
        return payout_keys.payout_referred(store_id, self._mac(store_id, reference), payout_id)

    def _mac(self, store_id: str, reference: str) -> str:
        return keys.keyed_hash(self.hash_key(), store_id, f"reference#{reference}")


def _item(store_id: str, payout: Payout) -> Item:
    pk, sk = payout_keys.payout(store_id, payout.payout_id)
    return {
        "pk": pk,
        "sk": sk,
        "rev": payout.rev,
        "document": _PACKING.pack(payout),
        "listing_pk": payout_keys.payouts_listed(store_id, payout.status),
        "listing_sk": Payouts.place(payout),
    }


def payout_of(item: Item) -> Payout:
    """Return the payout that an item holds."""
    return _PACKING.unpack(item["document"])


def line_of(item: Item) -> AuditLine:
    """Return the line of a payout's audit that an item holds."""
    return _LINES.unpack(item["document"])
