"""The State table: reads and conditional writes of whole items, with one reading of what can fail."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cashback.adapters.dynamo.codec import Item, encode, from_item, key_attributes, to_item
from cashback.adapters.dynamo.faults import RETRYABLE, unreachable_is_busy
from cashback.adapters.dynamo.keys import Key
from cashback.domain.errors import Busy
from cashback.domain.ledger import Write

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


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

    def get_many(self, wanted: Sequence[Key]) -> dict[Key, Item]:
        """Return those of up to 100 items that exist (consistent)."""
        found: dict[Key, Item] = {}
        left: Any = [key_attributes(key) for key in wanted]
        while left:
            with unreachable_is_busy():
                answer = self.client.batch_get_item(RequestItems={self.name: {"Keys": left, "ConsistentRead": True}})
            for attributes in answer["Responses"].get(self.name, []):
                item = from_item(attributes)
                found[Key(item["pk"], item["sk"])] = item
            unread: dict[str, Any] = dict(answer.get("UnprocessedKeys", {}))
            left = unread[self.name]["Keys"] if self.name in unread else []
        return found

    def partition(self, pk: str, prefix: str = "") -> list[Item]:
        """Return all items of a partition whose sort key starts with ``prefix`` (consistent); for small ones."""
        items: list[Item] = []
        start: Any = {}
        while True:
            with unreachable_is_busy():
                answer = self.client.query(
                    TableName=self.name,
                    ConsistentRead=True,
                    KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)" if prefix else "pk = :pk",
                    ExpressionAttributeValues={":pk": {"S": pk}, **({":prefix": {"S": prefix}} if prefix else {})},
                    **start,
                )
            items += [from_item(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return items
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def put(self, item: Item, condition: str = "", values: Mapping[str, Any] | None = None) -> Write:
        """Build a put of a whole item; ``condition`` guards what stands there now."""
        return {"Put": {"TableName": self.name, "Item": to_item(item), **_guard(condition, values)}}

    def delete(self, key: Key, condition: str = "", values: Mapping[str, Any] | None = None) -> Write:
        """Build a delete."""
        return {"Delete": {"TableName": self.name, "Key": key_attributes(key), **_guard(condition, values)}}

    def commit(self, *writes: Write) -> None:
        """Commit writes, all or nothing. One write is a plain call, at half the price of a transaction.

        :raises Lost: when a condition failed.
        :raises Busy: contended or unreachable; the outcome is unknown.
        """
        try:
            with unreachable_is_busy():
                self._send(writes)
        except self.client.exceptions.ConditionalCheckFailedException as lost:
            raise Lost({0: _image(lost.response)}) from lost
        except self.client.exceptions.TransactionCanceledException as cancelled:
            reasons: list[Any] = list(cancelled.response["CancellationReasons"])
            if RETRYABLE & {reason["Code"] for reason in reasons}:
                raise Busy("the tables are contended") from cancelled
            failed = {i: _image(r) for i, r in enumerate(reasons) if r["Code"] == "ConditionalCheckFailed"}
            if not failed:
                raise
            raise Lost(failed) from cancelled

    def _send(self, writes: Sequence[Write]) -> None:
        if len(writes) > 1:
            self.client.transact_write_items(TransactItems=writes)  # type: ignore[arg-type]  # built above
            return
        ((kind, parameters),) = writes[0].items()
        calls: dict[str, Callable[..., Any]] = {"Put": self.client.put_item, "Delete": self.client.delete_item}
        calls[kind](**parameters)


def _guard(condition: str, values: Mapping[str, Any] | None) -> dict[str, Any]:
    if not condition:
        return {}
    guard: dict[str, Any] = {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    if values:
        guard["ExpressionAttributeValues"] = {name: encode(value) for name, value in values.items()}
    return guard


def _image(reason: Any) -> Item | None:
    item = reason.get("Item")
    return from_item(item) if item else None
