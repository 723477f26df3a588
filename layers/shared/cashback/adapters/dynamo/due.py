"""The index of what comes due, and the bookmark of how far it was read."""

from collections.abc import Iterator, Sequence
from itertools import batched, chain

from msgspec import Struct

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.due import DueThing, Hour
from cashback.domain.times import Instant


class DueIndex(Struct, frozen=True):
    """Things by the hour in which they come due. Whatever has the two attributes stands in it, until it is written
    without them.

    Nobody may write a due time in the past: the bookmark may have passed its hour, and then nothing finds it. The
    present is no past: a sweep passes neither the hour that is nor the one before it, and so a writer that is slow, and
    an index that lags, have an hour before that happens.
    """

    table: StateTable

    @staticmethod
    def attributes(store_id: str, kind: str, item_id: str, due_at: Instant | None) -> Item:
        """Return what makes an item due at a time; nothing for one that is not due, or no longer."""
        if due_at is None:
            return {}
        place = keys.due_place(due_at, store_id, kind, item_id)
        return {"due_pk": keys.due(due_at, item_id), "due_sk": place}

    def due(self, hour: Hour, now: Instant) -> Iterator[DueThing]:
        """Yield the things of an hour that are due by now. The index may lag: one that is settled may still be there.

        :raises Busy: out of reach.
        """
        return chain.from_iterable(self.batches(hour, now, 1))

    def batches(self, hour: Hour, now: Instant, size: int) -> Iterator[Sequence[DueThing]]:
        """Yield the same, up to so many at once. Each batch is of one partition: what was read is not kept waiting by
        one that cannot be.

        :raises Busy: out of reach.
        """
        for partition in keys.due_in(hour):
            values = {":pk": partition, ":until": keys.listed_until(now)}
            found = self.table.query("due_pk = :pk AND due_sk < :until", values, IndexName="due")
            things = (DueThing(*keys.due_thing(item["due_sk"])) for item in found)
            yield from batched(things, size, strict=False)

    def bookmark(self) -> Hour | None:
        """Return the hour before which nothing is left; None where nobody swept yet.

        :raises Busy: out of reach.
        """
        item = self.table.get(keys.BOOKMARK)
        return None if item is None else str(item["hour"])

    def move_bookmark(self, hour: Hour) -> None:
        """Remember that nothing is left before an hour. That never ceases to be true, so of two sweeps at once either
        may write last: the earlier hour costs a few reads.

        :raises Busy: out of reach; whether it is moved is unknown.
        """
        pk, sk = keys.BOOKMARK
        self.table.commit(self.table.put({"pk": pk, "sk": sk, "hour": hour}))
