"""Payouts in the State table, with the lines of their audit beside them, found by the provider's references and listed
in the partition of the customer who is paid.

Of a reference only a keyed hash stands in a key, so that nobody who reads the table can try references on it.
"""

from collections.abc import Callable
from itertools import islice
from typing import ClassVar, Final

from cashback.adapters.dynamo import keys, payout_keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.listed_documents import ListedDocuments
from cashback.adapters.dynamo.packing import Packing
from cashback.domain.ledger import Write
from cashback.domain.payouts import LIVE, AuditLine, Payout, PayoutDecision

_LINES: Final = Packing[AuditLine](AuditLine)


class Payouts(ListedDocuments[Payout], frozen=True):
    """The documents of payouts, each written only over the revision that was read. ``hash_key`` is asked for only when
    there is a reference."""

    hash_key: Callable[[], bytes]

    packing: ClassVar = Packing[Payout](Payout)
    prefix: ClassVar = payout_keys.PAYOUT

    @staticmethod
    def key(store_id: str, document_id: str) -> keys.Key:
        """Return where a payout stands."""
        return payout_keys.payout(store_id, document_id)

    @staticmethod
    def partition(store_id: str, status: str) -> str:
        """Return the partition that lists the payouts of a status."""
        return payout_keys.payouts_listed(store_id, status)

    @staticmethod
    def id_of(document: Payout) -> str:
        """Return the id of a payout."""
        return document.payout_id

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

    def live(self, store_id: str) -> int:
        """Return how many payouts nobody knows the end of; may lag a second."""
        return self.count(store_id, sorted(LIVE))

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


def line_of(item: Item) -> AuditLine:
    """Return the line of a payout's audit that an item holds."""
    return _LINES.unpack(item["document"])
