"""The State table: reads and conditional writes of whole items, with one reading of what can fail."""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import batched, groupby, islice
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from cashback.adapters.dynamo.codec import Attributes, Item, encode, from_item, key_attributes, to_item
from cashback.adapters.dynamo.keys import AFTER_ALL, Key
from cashback.adapters.faults import RETRYABLE, busy_of, unreachable_is_busy
from cashback.domain.errors import NoCapacity
from cashback.domain.ledger import Write

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


READ_AT_ONCE: Final = 100
"""Items of one BatchGetItem. Source: the quotas of DynamoDB."""

WRITTEN_AT_ONCE: Final = 25
"""Writes of one BatchWriteItem. Source: the quotas of DynamoDB."""

_QUERIED_AT_ONCE: Final = 500
"""Items of a page of a query that names no limit. A page of 1 MB, which DynamoDB gives without one, takes 10 MB once it
is decoded."""

COUNTED_AT_ONCE: Final = 4_000
"""The same of entries of an index that are only counted, all of them, while a caller of the admin API waits."""

LISTING: Final = ("listing", "listing_pk")
BY_CUSTOMER: Final = ("by_customer", "customer_pk")
"""Indexes of places: the name of each, and its partition key. The sort key of both is ``listing_sk``."""


class Lost(Exception):
    """A condition failed: someone else was first. ``images`` holds what stands at each write's place, by position,
    for the writes that failed (None where nothing stands)."""

    def __init__(self, images: Mapping[int, Item | None]) -> None:
        super().__init__("a condition failed")
        self.images = images


class StateTable(Struct, frozen=True):
    """One table, plain Python items. All reads of items are consistent; only indexes lag."""

    client: "DynamoDBClient"
    name: str

    def get(self, key: Key) -> Item | None:
        """Return one item (consistent)."""
        with unreachable_is_busy():
            answer = self.client.get_item(TableName=self.name, Key=key_attributes(key), ConsistentRead=True)
        return from_item(answer["Item"]) if "Item" in answer else None

    def get_many(self, wanted: Iterable[Key]) -> dict[Key, Item]:
        """Return those of any number of items that exist (each consistent)."""
        keys = batched(dict.fromkeys(wanted), READ_AT_ONCE, strict=False)
        items = [from_item(attributes) for some in keys for attributes in self.read_together(some)]
        return {Key(item["pk"], item["sk"]): item for item in items}

    def read_together(self, wanted: Sequence[Key]) -> list[Attributes]:
        """Return those of up to 100 items that exist (each consistent), as the client gives them."""
        found: list[Attributes] = []
        left: Any = [key_attributes(key) for key in wanted]
        while left:
            with unreachable_is_busy():
                answer = self.client.batch_get_item(RequestItems={self.name: {"Keys": left, "ConsistentRead": True}})
            found += answer["Responses"].get(self.name, [])
            unread: dict[str, Any] = dict(answer.get("UnprocessedKeys", {}))
            left = unread[self.name]["Keys"] if self.name in unread else []
        return found

    def partition(self, pk: str) -> list[Item]:
        """Return all items of a partition (consistent); for small ones."""
        return list(self.query("pk = :pk", {":pk": pk}, ConsistentRead=True))

    def query(self, condition: str, values: Mapping[str, str], **how: Any) -> Iterator[Item]:
        """Yield the items of a query, page after page; ``how`` are further parameters of the call."""
        return query(self.client, self.name, condition, values, **how)

    def newest(self, partitions: Iterable[str], limit: int, before: str | None) -> tuple[list[str], str | None]:
        """Return up to ``limit`` places of partitions of index ``listing``, the newest first, those before a place, and
        the place to go on (None at the end). The index may lag a second."""
        places = list(islice(self.places(partitions, limit + 1, before or AFTER_ALL), limit + 1))
        return places[:limit], places[limit - 1] if len(places) > limit else None

    def places(
        self,
        partitions: Iterable[str],
        at_once: int,
        before: str,
        since: str | None = None,
        index: tuple[str, str] = LISTING,
    ) -> Iterator[str]:
        """Yield the places of partitions of an index that lie before one and not before the other, the newest first and
        each once, reading ``at_once`` of each partition at a time."""
        each = [self._places(partition, at_once, before, since, index) for partition in partitions]
        return (place for place, _ in groupby(heapq.merge(*each, reverse=True)))

    def _places(
        self, partition: str, at_once: int, before: str, since: str | None, index: tuple[str, str]
    ) -> Iterator[str]:
        name, pk = index
        values, condition = {":pk": partition, ":before": before}, f"{pk} = :pk AND listing_sk < :before"
        if since is not None:
            # A key condition has one range only, and this one includes the end.
            values, condition = {**values, ":since": since}, f"{pk} = :pk AND listing_sk BETWEEN :since AND :before"
        found = self.query(condition, values, IndexName=name, ScanIndexForward=False, Limit=at_once)
        return (item["listing_sk"] for item in found if item["listing_sk"] != before)

    def listed_under(self, pk: str, prefix: str, before: str | None) -> Iterator[str]:
        """Yield the places that a partition of this table lists under sort keys with a prefix, the newest first, those
        before one (consistent)."""
        values = {":pk": pk, ":first": prefix, ":before": f"{prefix}{before or AFTER_ALL}"}
        condition = "pk = :pk AND sk BETWEEN :first AND :before"
        for item in self.query(condition, values, ConsistentRead=True, ScanIndexForward=False):
            place = item["sk"].removeprefix(prefix)
            if place != before:
                yield place

    def put(self, item: Item, condition: str = "", values: Mapping[str, Any] | None = None) -> Write:
        """Build a put of a whole item; ``condition`` guards what stands there now."""
        return {"Put": {"TableName": self.name, "Item": to_item(item), **_guard(condition, values)}}

    def update(self, key: Key, expression: str, condition: str = "", values: Mapping[str, Any] | None = None) -> Write:
        """Build an update of single attributes; without a condition it makes the item where there is none."""
        place = {"TableName": self.name, "Key": key_attributes(key), "UpdateExpression": expression}
        return {"Update": {**place, **_guard(condition, values)}}

    def delete(self, key: Key, condition: str = "", values: Mapping[str, Any] | None = None) -> Write:
        """Build a delete."""
        return {"Delete": {"TableName": self.name, "Key": key_attributes(key), **_guard(condition, values)}}

    def check(self, key: Key, condition: str, values: Mapping[str, Any] | None = None) -> Write:
        """Build a check of an item that a transaction leaves as it is."""
        return {"ConditionCheck": {"TableName": self.name, "Key": key_attributes(key), **_guard(condition, values)}}

    def commit(self, *writes: Write) -> None:
        """Commit writes, all or nothing. One put or update is a plain call, at half the price of a transaction.

        :raises Lost: when a condition failed.
        :raises Busy: contended or unreachable; the outcome is unknown. ``NoCapacity`` where the last try found none.
        """
        try:
            with unreachable_is_busy():
                self._send(writes)
        except self.client.exceptions.ConditionalCheckFailedException as lost:
            raise Lost({0: image_of(lost.response)}) from lost
        except self.client.exceptions.TransactionCanceledException as cancelled:
            reasons: list[Any] = list(cancelled.response["CancellationReasons"])
            if RETRYABLE & {reason["Code"] for reason in reasons}:
                raise busy_of(cancelled, "the tables are contended") from cancelled
            failed = {i: image_of(r) for i, r in enumerate(reasons) if r["Code"] == "ConditionalCheckFailed"}
            if not failed:
                raise
            raise Lost(failed) from cancelled

    def try_commit(self, *writes: Write) -> bool:
        """Commit writes, all or nothing; False where a condition failed, which means that someone else was first.

        :raises Busy: as ``commit``.
        """
        try:
            self.commit(*writes)
        except Lost:
            return False
        return True

    def batch_write(self, writes: Iterable[Write]) -> None:
        """Make any number of puts and deletes without conditions, no key twice, each for itself, at half the price of a
        transaction. What the table leaves over is not sent again here: who calls comes again, later.

        :raises Busy: contended or unreachable; any of them may be done. ``NoCapacity`` where some were left over.
        """
        is_left_over = False
        for some in batched(writes, WRITTEN_AT_ONCE, strict=False):
            asked: Any = {self.name: [_request(write) for write in some]}
            with unreachable_is_busy():
                is_left_over |= bool(self.client.batch_write_item(RequestItems=asked).get("UnprocessedItems"))
        if is_left_over:
            raise NoCapacity("some of the writes were left over")

    def _send(self, writes: Sequence[Write]) -> None:
        if len(writes) == 1 and "Put" in writes[0]:
            self.client.put_item(**writes[0]["Put"])
        elif len(writes) == 1 and "Update" in writes[0]:
            self.client.update_item(**writes[0]["Update"])
        else:
            self.client.transact_write_items(TransactItems=writes)  # type: ignore[arg-type]  # built above


def query(
    client: "DynamoDBClient", table: str, condition: str, values: Mapping[str, str], **how: Any
) -> Iterator[Item]:
    """Yield the items of a query, page after page."""
    asked: dict[str, Any] = {
        "TableName": table,
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": to_item(values),
        "Limit": _QUERIED_AT_ONCE,
        **how,
    }
    while True:
        with unreachable_is_busy():
            answer = client.query(**asked)
        yield from map(from_item, answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return
        asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def image_of(reason: Any) -> Any:
    """The item as it stands, which ALL_OLD adds to a failed condition; None where there is none."""
    item = reason.get("Item")
    return from_item(item) if item else None


def _request(write: Write) -> dict[str, Any]:
    """A put or delete as BatchWriteItem spells it.

    :raises ValueError: it is another write, or has a condition.
    """
    ((kind, wanted),) = write.items()
    name = {"Put": "Item", "Delete": "Key"}.get(kind)
    if name is None or wanted.keys() != {"TableName", name}:
        raise ValueError(f"a batch can make no {kind} of {sorted(wanted)}")
    return {f"{kind}Request": {name: wanted[name]}}


def _guard(condition: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
    guard: dict[str, Any] = {}
    if condition:
        guard = {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    if values:
        guard["ExpressionAttributeValues"] = {name: encode(value) for name, value in values.items()}
    return guard
