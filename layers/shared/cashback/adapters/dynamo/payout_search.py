"""The index of words of payouts in the State table: one item for each beginning of a word and each payout.

Of a beginning only a keyed hash stands in a key, so that nobody who reads the table can read names there.
"""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from cashback.adapters.dynamo import keys, payout_keys
from cashback.adapters.dynamo.tables import StateTable


class PayoutSearch(Struct, frozen=True):
    """Payouts by the beginnings of their words. ``hash_key`` is asked for only when there is one."""

    table: StateTable
    hash_key: Callable[[], bytes]

    def follow(
        self, store_id: str, place: str, coming: Iterable[str], staying: Iterable[str], going: Iterable[str]
    ) -> None:
        """Make a payout, by its place, found under the beginnings that come, and no more under those that go. Those
        that stay are written only where they are missing.

        :raises Busy: contended or out of reach; some of it may be done, and the same call is safe to repeat.
        """
        comes, stays, goes = (
            [keys.Key(self._under(store_id, prefix), place) for prefix in sorted(prefixes)]
            for prefixes in (coming, staying, going)
        )
        there = self.table.get_many(stays)
        missing = [key for key in stays if key not in there]
        puts = [self.table.put({"pk": pk, "sk": sk}) for pk, sk in (*comes, *missing)]
        self.table.batch_write([*puts, *map(self.table.delete, goes)])

    def places(self, store_id: str, prefix: str, before: str | None, at_once: int) -> Iterator[str]:
        """Yield the places of payouts that are found under a beginning, the newest first, those before one, reading
        ``at_once`` at a time (consistent)."""
        values = {":pk": self._under(store_id, prefix), ":before": before or keys.AFTER_ALL}
        condition = "pk = :pk AND sk < :before"
        found = self.table.query(condition, values, ConsistentRead=True, ScanIndexForward=False, Limit=at_once)
        return (item["sk"] for item in found)

    def _under(self, store_id: str, prefix: str) -> str:
        return payout_keys.payouts_found(store_id, keys.keyed_hash(self.hash_key(), store_id, f"search#{prefix}"))
